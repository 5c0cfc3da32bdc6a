import type { BackendHarness, LawTest, SuiteRunner } from './harness.ts'
import { abilities } from './laws/abilities.ts'
import { answeringLaws } from './laws/answering.ts'
import { expiringLaws } from './laws/expiring.ts'
import { listingLaws } from './laws/listing.ts'
import { swappingLaws } from './laws/swapping.ts'
import { NODE_TEST, register } from './register.ts'

const TESTS: readonly LawTest[] = [...swappingLaws, ...expiringLaws, ...listingLaws, ...answeringLaws, ...abilities]

/**
 * Registers the contract of `SessionBackend` as tests, each law under its number, for one store. All run twice: with the answers
 * as they come, and with answers that come later (law 11). What a store has no method for is not tested, and is printed at the
 * end as "not promised".
 * @param runner where tests are registered, by default `node:test`
 */
export function backendSuite(harness: BackendHarness, runner: SuiteRunner = NODE_TEST): void {
  register('', TESTS, harness, runner)
}
