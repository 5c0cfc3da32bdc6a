import { backendSuite } from '../../src/testing/backend-suite.ts'
import { memoryHarness } from './harnesses.ts'
import { isSelected } from './selected.ts'

if (isSelected('memory')) backendSuite(memoryHarness())
