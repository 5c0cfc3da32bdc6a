import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { now } from '../../src/core/clock.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'

describe('fakeClock', () => {
  it('stands still, moves when told, and goes away', () => {
    const real = Date.now
    const clock = fakeClock(1000)
    try {
      assert.equal(now(), 1000)
      clock.advance(500)
      assert.equal(now(), 1500)
      assert.equal(clock.now(), 1500)
    } finally {
      clock.restore()
    }
    assert.equal(Date.now, real)
    clock.restore()
    assert.equal(Date.now, real)
  })
})
