import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { memoryHarness } from './harnesses.ts'
import { isSelected } from './selected.ts'

if (isSelected('memory')) {
  backendSuite(memoryHarness())
  recordsSuite(memoryHarness())
}
