import { serverFor } from '../../../test-servers/src/index.ts'
import { newTable } from '../stores/postgres-harness.ts'
import { isSelected } from '../stores/selected.ts'
import { freshly, monitorSuite } from './on-servers.ts'

const server = isSelected('postgres') ? await serverFor('the monitor on postgres', 'postgres') : undefined
if (server) {
  monitorSuite(
    'postgres',
    freshly(() => `${server.url}?tableName=${newTable()}`)
  )
}
