import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { MUTANTS, outage, stopLeftTimers } from './mutants.ts'
import { failed, runSuite } from './run-suite.ts'

function harnessOf(name: string, make: () => SessionBackend): BackendHarness {
  let clock: FakeClock | undefined
  return {
    name,
    make() {
      clock ??= fakeClock()
      return make()
    },
    advance: (ms) => clock!.advance(ms),
    stop() {
      outage.now = true
    },
    start() {
      outage.now = false
    },
    clean() {
      clock?.restore()
      clock = undefined
      outage.now = false
    }
  }
}

/** A right store that throws while it is stopped. */
function stoppableStore(): SessionBackend {
  return wrapBackend(memoryStore(), (operation, call) => {
    if (outage.now && operation !== 'close') throw new Error('stopped')
    return call()
  })
}

describe('the contract suite against wrong stores', () => {
  after(stopLeftTimers)

  it('passes a right store, run in the same way', async () => {
    const results = await runSuite(harnessOf('right', stoppableStore))
    assert.deepEqual(
      results.filter(({ error }) => error !== undefined),
      []
    )
    assert.ok(results.length > 80)
  })

  for (const { law, mistake, make } of MUTANTS) {
    it(`law ${law} fails when ${mistake}`, async (context) => {
      const names = failed(await runSuite(harnessOf('mutant', make)))
      context.diagnostic(`${mistake}: ${names.length} fail`)
      assert.ok(
        names.some((name) => name.startsWith(`law ${law}:`)),
        `of law ${law} nothing failed, but: ${names.join('; ') || 'nothing'}`
      )
    })
  }

  it('has a wrong store for each law', () => {
    const laws = new Set(MUTANTS.map(({ law }) => law))
    assert.deepEqual(
      [...laws].sort((one, other) => one - other),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    )
  })
})
