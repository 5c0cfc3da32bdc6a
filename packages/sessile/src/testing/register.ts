import { describe as nodeDescribe, it as nodeIt } from 'node:test'
import { supports } from '../core/backend.ts'
import type { SessionBackend } from '../core/backend.ts'
import { pause, stayAlive } from '../core/clock.ts'
import { answersLater } from './faults.ts'
import type { BackendHarness, LawTest, Need, Stand, SuiteRunner } from './harness.ts'

export const NODE_TEST: SuiteRunner = { describe: nodeDescribe, it: nodeIt as unknown as SuiteRunner['it'] }

/**
 * Registers tests for one store, each twice: with the answers as they come, and with answers that come later (law 11). What a
 * store has no method for is not tested, and is printed at the end as "not promised".
 */
export function register(what: string, tests: readonly LawTest[], harness: BackendHarness, runner: SuiteRunner): void {
  const ways = {
    'as it answers': (backend: SessionBackend) => backend,
    'answering later': (backend: SessionBackend) => answersLater(backend)
  }
  for (const [way, wrap] of Object.entries(ways)) {
    runner.describe(`${harness.name}${what}, ${way}`, () => {
      const notPromised = new Map<string, number>()
      for (const test of tests) {
        runner.it(test.name, async () => {
          for (const need of await runOne(harness, test, wrap)) notPromised.set(need, (notPromised.get(need) ?? 0) + 1)
        })
      }
      runner.it('what is not promised', async (context) => {
        for (const [need, count] of notPromised) print(context, `${harness.name}: not promised: ${need} (${count} tests)`)
      })
    })
  }
}

/** @returns what the test needs and the store has not; then it did not run */
async function runOne(harness: BackendHarness, test: LawTest, wrap: (backend: SessionBackend) => SessionBackend): Promise<Need[]> {
  const opened: SessionBackend[] = []
  const leave = stayAlive()
  try {
    opened.push(await harness.make())
    const missing = (test.needs ?? []).filter((need) => !has(harness, opened[0]!, need))
    if (missing.length > 0) return missing
    if (harness.another) opened.push(await harness.another())
    await test.run(standOf(harness, opened.map(wrap)))
    return []
  } finally {
    try {
      for (const backend of opened) await backend.close?.()
      await harness.clean?.()
    } finally {
      leave()
    }
  }
}

function has(harness: BackendHarness, backend: SessionBackend, need: Need): boolean {
  if (need === 'another' || need === 'writeLegacy' || need === 'stop') return harness[need] !== undefined
  return supports(backend, need)
}

function standOf(harness: BackendHarness, views: readonly SessionBackend[]): Stand {
  const stepMs = harness.expiryStepMs ?? 1
  const exact = harness.advance !== undefined && stepMs === 1
  return {
    backend: views[0]!,
    view: (index) => views[index % views.length]!,
    harness,
    stepMs,
    exact,
    shortMs: harness.advance ? 10_000 : Math.max(200, 2 * stepMs),
    async pass(ms) {
      const spare = exact ? 0 : stepMs
      await (harness.advance ? harness.advance(ms + spare) : pause(ms + spare + 20))
    }
  }
}

/** Where the runner takes remarks (`node:test` does), there; else to the console, whose reader asked for this run. */
function print(context: unknown, line: string): void {
  const remark = (context as { diagnostic?: (line: string) => void } | undefined)?.diagnostic
  if (remark) remark.call(context, line)
  else console.log(line)
}
