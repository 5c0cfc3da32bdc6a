import { describe } from 'node:test'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { serverFor } from '../../../test-servers/src/index.ts'
import { legacyTable, postgresHarness } from './postgres-harness.ts'
import { isSelected } from './selected.ts'

if (isSelected('postgres')) {
  const server = await serverFor('postgres', 'postgres')
  if (server) {
    // one after the other: each test kills the server for all
    describe('PostgreSQL', { concurrency: false }, () => {
      backendSuite(postgresHarness(server, 'postgres'))
      backendSuite(postgresHarness(server, 'postgres, table of connect-pg-simple', {}, legacyTable))
      recordsSuite(postgresHarness(server, 'postgres'))
    })
  }
}
