import { serverFor } from '../../../test-servers/src/index.ts'
import { newCollection } from './mongodb-harness.ts'
import { processesSuite } from './races.ts'
import { isSelected } from './selected.ts'

const server = isSelected('mongodb') ? await serverFor('mongodb, several processes', 'mongo') : undefined
if (server) {
  const url = new URL(server.url)
  url.pathname ||= '/'
  url.searchParams.set('collectionName', newCollection())
  processesSuite('mongodb', url.href)
}
