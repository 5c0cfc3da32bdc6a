import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { OLDER_PACKAGES, olderHarness } from './sqlite-older-harness.ts'
import { isSelected } from './selected.ts'

if (isSelected('sqlite')) {
  for (const older of OLDER_PACKAGES) {
    backendSuite(olderHarness(older))
    recordsSuite(olderHarness(older))
  }
}
