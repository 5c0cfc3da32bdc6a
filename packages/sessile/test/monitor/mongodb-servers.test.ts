import { serverFor } from '../../../test-servers/src/index.ts'
import { newCollection } from '../stores/mongodb-harness.ts'
import { isSelected } from '../stores/selected.ts'
import { freshly, monitorSuite } from './on-servers.ts'

const server = isSelected('mongodb') ? await serverFor('the monitor on mongodb', 'mongo') : undefined
if (server) {
  monitorSuite(
    'mongodb',
    freshly(() => {
      const url = new URL(server.url)
      url.pathname ||= '/'
      url.searchParams.set('collectionName', newCollection())
      return url.href
    })
  )
}
