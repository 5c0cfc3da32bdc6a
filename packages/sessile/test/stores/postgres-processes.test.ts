import { serverFor } from '../../../test-servers/src/index.ts'
import { newTable } from './postgres-harness.ts'
import { processesSuite } from './races.ts'
import { isSelected } from './selected.ts'

const server = isSelected('postgres') ? await serverFor('postgres, several processes', 'postgres') : undefined
if (server) processesSuite('postgres', `${server.url}?tableName=${newTable()}`)
