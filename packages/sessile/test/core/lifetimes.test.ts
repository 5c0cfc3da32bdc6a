import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { defaultSlackMs, endsOf, lifetimeOf, renewalDue, resolveLifetimes, touchTo } from '../../src/core/lifetimes.ts'
import { milliseconds } from '../../src/core/options.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const lifetimes = resolveLifetimes({ anonymous: { idle: '7d' }, signedIn: { idle: '30m', absolute: '8h', renewAfter: '1h' } })

test("durations are ms or text; anything else is refused by the option's name", () => {
  assert.deepEqual(
    ['250ms', '30s', '15m', '8h', '7d', 5].map((value) => milliseconds('x', value)),
    [250, 30_000, 900_000, 28_800_000, 604_800_000, 5]
  )
  for (const wrong of ['', '30', 'm', '-1s', 0, -5, NaN, '1w', '0s']) {
    assert.throws(
      () => milliseconds('lifetimes.signedIn.idle', wrong),
      (error) => isSessionError(error) && error.code === 'bad-option' && /lifetimes\.signedIn\.idle/.test(error.message)
    )
  }
})

test('visitors and users have limits of their own', () => {
  assert.equal(lifetimeOf(lifetimes, undefined).idleMs, 7 * 24 * HOUR)
  assert.equal(lifetimeOf(lifetimes, 'ann').idleMs, 30 * MINUTE)
})

test('the absolute limit is counted from the sign-in, not from the first visit, and no activity moves it', () => {
  const ages = { createdAt: 0, signedInAt: 10 * HOUR }
  assert.equal(endsOf(lifetimes.signedIn, ages, 10 * HOUR).absoluteExpiresAt, 18 * HOUR)
  assert.deepEqual(endsOf(lifetimes.signedIn, ages, 17.9 * HOUR), {
    idleExpiresAt: 17.9 * HOUR + 30 * MINUTE,
    absoluteExpiresAt: 18 * HOUR,
    expiresAt: 18 * HOUR
  })
})

test('what limits nothing is Infinity', () => {
  assert.equal(endsOf(resolveLifetimes(undefined).anonymous, { createdAt: 0 }, 5).expiresAt, Infinity)
})

test('a throttled touch never ends a session early, nor lets it live past its idle limit by more than the slack', () => {
  const slack = defaultSlackMs(30 * MINUTE)
  assert.equal(slack, 18_000)
  const ages = { createdAt: 0, signedInAt: 0 }
  let stored = endsOf(lifetimes.signedIn, ages, 0).expiresAt
  let writes = 0
  for (let at = 0; at < HOUR; at += 1000) {
    const ends = endsOf(lifetimes.signedIn, ages, at)
    const moved = touchTo(stored, ends, slack)
    if (moved !== undefined) {
      stored = moved
      writes++
    }
    assert.ok(stored >= ends.expiresAt && stored <= ends.expiresAt + slack, `at ${at}`)
  }
  assert.ok(writes > 100 && writes < 300, `${writes} writes for 3600 requests`)
})

test('without slack each touch moves the expiry; the absolute limit holds with it too', () => {
  const ages = { createdAt: 0, signedInAt: 0 }
  assert.equal(touchTo(5 * HOUR, endsOf(lifetimes.signedIn, ages, 100), 0), 100 + 30 * MINUTE)
  assert.equal(touchTo(0, endsOf(lifetimes.signedIn, ages, 7.9 * HOUR), 18_000), 8 * HOUR)
})

test('an id is due for renewal from its last renewal on', () => {
  assert.equal(renewalDue(lifetimes.signedIn, { createdAt: 0, signedInAt: 0 }, HOUR - 1), false)
  assert.equal(renewalDue(lifetimes.signedIn, { createdAt: 0, signedInAt: 0 }, HOUR), true)
  assert.equal(renewalDue(lifetimes.signedIn, { createdAt: 0, renewedAt: HOUR }, 1.5 * HOUR), false)
  assert.equal(renewalDue(lifetimes.anonymous, { createdAt: 0 }, 1e12), false)
})
