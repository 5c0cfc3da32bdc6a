import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { supports } from '../../src/core/backend.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { isPromise } from '../../src/core/maybe.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { always, answersLater, InjectedFault, sometimes, turns, withFaults } from '../../src/testing/faults.ts'
import type { Fault } from '../../src/testing/faults.ts'

const record = { data: '{}', expiresAt: Infinity }

function suffering(fault: Fault): { right: SessionBackend; broken: SessionBackend } {
  const right = memoryStore()
  return { right, broken: withFaults(right, always(fault)) }
}

describe('withFaults', () => {
  it('refused: throws and does nothing', async () => {
    const { right, broken } = suffering('refused')
    await assert.rejects(async () => await broken.create('a', record), InjectedFault)
    assert.equal(right.read('a'), undefined)
  })

  it('lost: does it and throws', async () => {
    const { right, broken } = suffering('lost')
    await assert.rejects(async () => await broken.create('a', record), InjectedFault)
    assert.ok(right.read('a'))
  })

  it('landing-late: throws and does it later', async () => {
    const { right, broken } = suffering('landing-late')
    await assert.rejects(async () => await broken.create('a', record), InjectedFault)
    assert.equal(right.read('a'), undefined)
    await turns(5)
    assert.ok(right.read('a'))
  })

  it('late and delayed: both answer later, done at once and done later', async () => {
    for (const [fault, atOnce] of [
      ['late', true],
      ['delayed', false]
    ] as const) {
      const { right, broken } = suffering(fault)
      const answer = broken.create('a', record)
      assert.ok(isPromise(answer))
      assert.equal(right.read('a') !== undefined, atOnce)
      assert.equal((await answer).outcome, 'done')
    }
  })

  it('repeated: does it twice and answers the second time', async () => {
    const { broken } = suffering('repeated')
    assert.equal((await broken.create('a', record)).outcome, 'taken')
  })

  it('none: answers in the same tick, as the store does', () => {
    const { broken } = suffering('none')
    assert.ok(!isPromise(broken.create('a', record)))
  })

  it('chooses by operation and count, in spaces too', async () => {
    const broken = withFaults(
      memoryStore(),
      always('refused', (operation, count) => operation === 'read' && count === 1)
    )
    broken.read('a')
    await assert.rejects(async () => await broken.space!('marks').read('a'), InjectedFault)
    broken.read('a')
    broken.remove('a')
  })

  it('sometimes: the same for the same seed', () => {
    const choices = (seed: number): Fault[] => {
      const choose = sometimes(['lost', 'late'], 0.3, seed)
      return Array.from({ length: 1000 }, (_, index) => choose('read', index))
    }
    const many = choices(4)
    assert.deepEqual(many, choices(4))
    assert.notDeepEqual(many, choices(5))
    const share = many.filter((fault) => fault !== 'none').length / 1000
    assert.ok(share > 0.2 && share < 0.4)
    assert.deepEqual([...new Set(many)].sort(), ['late', 'lost', 'none'])
  })

  it('has the abilities of the store, no more', () => {
    const store = memoryStore()
    for (const wrapped of [withFaults(store, always('none')), answersLater(store)]) {
      assert.ok(supports(wrapped, 'scan'))
      assert.ok(!supports(wrapped, 'watchRemoved'))
    }
  })
})
