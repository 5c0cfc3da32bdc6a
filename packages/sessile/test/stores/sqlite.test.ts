import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { sqliteHarness, sqliteInMemoryHarness } from './harnesses.ts'
import { isSelected } from './selected.ts'

if (isSelected('sqlite')) {
  backendSuite(sqliteHarness())
  backendSuite(sqliteInMemoryHarness())
  recordsSuite(sqliteHarness())
}
