import { serverFor } from '../../../test-servers/src/index.ts'
import { mongodbStore } from '../../src/stores/mongodb/backend.ts'
import { faultsSuite } from './faults.ts'
import { newCollection } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'

const server = isSelected('mongodb') ? await serverFor('mongodb in trouble', 'mongo') : undefined
if (server?.controllable) {
  // of a single server only what is in the journal survives a crash
  faultsSuite({
    name: 'mongodb',
    server,
    make: (url) => mongodbStore({ url, collectionName: newCollection(), journal: true }),
    byUrl(url) {
      const journaled = new URL(url)
      journaled.pathname ||= '/'
      journaled.search = `collectionName=${newCollection()}&journal=true`
      return journaled.href
    }
  })
}
