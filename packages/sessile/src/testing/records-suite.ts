import { failingGuarantees } from './guarantees/failing.ts'
import { endingGuarantees } from './guarantees/ending.ts'
import { renewingGuarantees } from './guarantees/renewing.ts'
import { savingGuarantees } from './guarantees/saving.ts'
import type { BackendHarness, LawTest, SuiteRunner } from './harness.ts'
import { NODE_TEST, register } from './register.ts'

const TESTS: readonly LawTest[] = [...savingGuarantees, ...renewingGuarantees, ...endingGuarantees, ...failingGuarantees]

/**
 * Registers what sessions are promised, on one store: no update lost, no ended session back, new ids, the sessions of a user, and
 * all of it over a bad line. Registered as `backendSuite` does.
 */
export function recordsSuite(harness: BackendHarness, runner: SuiteRunner = NODE_TEST): void {
  register(', sessions', TESTS, harness, runner)
}
