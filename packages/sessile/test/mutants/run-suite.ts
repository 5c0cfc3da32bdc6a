import { backendSuite } from '../../src/testing/backend-suite.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'

/** How one test of the suite went. */
export interface TestResult {
  readonly name: string
  readonly error: unknown
}

/** Runs the suite by itself and gathers what fails, so that a failure can be what is expected. */
export async function runSuite(harness: BackendHarness): Promise<readonly TestResult[]> {
  const tests: { name: string; run: (context?: unknown) => Promise<void> }[] = []
  backendSuite(harness, {
    describe: (_name, define) => define(),
    it: (name, run) => tests.push({ name, run })
  })
  const results: TestResult[] = []
  for (const { name, run } of tests) {
    const error = await run({ diagnostic() {} }).then(
      () => undefined,
      (reason: unknown) => reason
    )
    results.push({ name, error })
  }
  return results
}

/** The names of the tests that failed, each once. */
export function failed(results: readonly TestResult[]): string[] {
  return [...new Set(results.filter(({ error }) => error !== undefined).map(({ name }) => name))]
}
