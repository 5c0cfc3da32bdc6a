import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import type { ThrottleOptions } from '../../src/security/options.ts'
import { loginThrottle, type AllowedAttempt, type LoginThrottle, type RefusedAttempt } from '../../src/security/throttle.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'

const HOME = '203.0.113.7'

/** A store with the five operations and nothing else. */
function operationsOf(backend: SessionBackend): SessionBackend {
  return {
    name: backend.name,
    traits: backend.traits,
    read: (key) => backend.read(key),
    create: (key, next) => backend.create(key, next),
    swap: (key, version, next) => backend.swap(key, version, next),
    extend: (key, expiresAt) => backend.extend(key, expiresAt),
    remove: (key) => backend.remove(key)
  }
}

async function refused(throttle: LoginThrottle, account: string, address = HOME, device?: string): Promise<RefusedAttempt> {
  const attempt = await throttle.attempt({ account, address, device })
  assert.equal(attempt.allowed, false, 'was let through')
  return attempt as RefusedAttempt
}

async function allowed(throttle: LoginThrottle, account: string, address = HOME, device?: string): Promise<AllowedAttempt> {
  const attempt = await throttle.attempt({ account, address, device })
  assert.equal(attempt.allowed, true, 'was refused')
  return attempt as AllowedAttempt
}

async function fail(throttle: LoginThrottle, times: number, account: string, address = HOME, device?: string): Promise<void> {
  for (let n = 0; n < times; n += 1) await allowed(throttle, account, address, device)
}

const stores: readonly [string, () => SessionBackend][] = [
  ['memory', () => memoryStore()],
  [
    'memory, answering later',
    () =>
      wrapBackend(
        memoryStore(),
        (_operation, call) =>
          new Promise((resolve) => {
            setImmediate(() => resolve(call()))
          })
      )
  ],
  ['SQLite', () => sqliteStore({ file: ':memory:' })]
]

for (const [name, make] of stores) {
  describe(`loginThrottle on ${name}`, () => {
    afterEach(() => mock.timers.reset())
    const made = (options: Partial<ThrottleOptions> = {}) =>
      loginThrottle({ backend: make(), secret: 'a secret of more than 32 characters', ...options })

    it('lets 5 failures of one account from one address through, then none', async () => {
      const throttle = made()
      await fail(throttle, 5, 'ann')
      const { limit, retryAfterSeconds, headers } = await refused(throttle, 'ann')
      assert.equal(limit, 'pair')
      assert.ok(retryAfterSeconds > 890 && retryAfterSeconds <= 900, String(retryAfterSeconds))
      assert.equal(headers['Retry-After'], String(retryAfterSeconds))
      assert.equal(headers['RateLimit-Limit'], '5')
      assert.equal(headers['RateLimit-Remaining'], '0')
      assert.equal(headers['RateLimit-Policy'], '"login";q=5;w=900')
      assert.match(headers['RateLimit']!, /^"login";r=0;t=(900|89\d)$/)
      await allowed(throttle, 'ann', '203.0.113.8')
      await allowed(throttle, 'bob')
    })

    it('says how many are left', async () => {
      const throttle = made()
      const left: string[] = []
      for (let n = 0; n < 5; n += 1) left.push((await allowed(throttle, 'ann')).headers['RateLimit-Remaining']!)
      assert.deepEqual(left, ['4', '3', '2', '1', '0'])
    })

    it('forgets after 15 minutes from the first failure', async () => {
      mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
      const throttle = made()
      await fail(throttle, 1, 'ann')
      mock.timers.setTime(1_000_000 + 10 * 60_000)
      await fail(throttle, 4, 'ann')
      assert.equal((await refused(throttle, 'ann')).retryAfterSeconds, 300)
      mock.timers.setTime(1_000_000 + 15 * 60_000 - 1)
      assert.equal((await refused(throttle, 'ann')).retryAfterSeconds, 1)
      mock.timers.setTime(1_000_000 + 15 * 60_000)
      await fail(throttle, 5, 'ann')
      await refused(throttle, 'ann')
    })

    it('a success clears the count of the account, and says how often it failed', async () => {
      const throttle = made()
      await fail(throttle, 4, 'ann')
      const { failures, device } = await (await allowed(throttle, 'ann')).succeeded()
      assert.equal(failures, 4)
      assert.match(device, /^[\w-]{32}$/)
      await fail(throttle, 5, 'ann')
      await refused(throttle, 'ann')
    })

    it('a flood of refused attempts writes nothing', async () => {
      let writes = 0
      const backend = wrapBackend(make(), (operation, call) => {
        if (operation !== 'read' && operation !== 'open') writes += 1
        return call()
      })
      const throttle = loginThrottle({ backend })
      await fail(throttle, 5, 'ann')
      writes = 0
      for (let n = 0; n < 50; n += 1) await refused(throttle, 'ann')
      assert.equal(writes, 0)
    })

    it('an attempt is settled once, and takes nothing from those that came after', async () => {
      const throttle = made()
      const [one, other] = [await allowed(throttle, 'ann'), await allowed(throttle, 'ann')]
      await other.succeeded()
      await assert.rejects(other.withdraw(), (error) => isSessionError(error) && error.code === 'bad-argument')
      await assert.rejects(other.succeeded())
      const third = await allowed(throttle, 'ann')
      await one.withdraw()
      await third.withdraw()
      await fail(throttle, 5, 'ann')
      await refused(throttle, 'ann')
    })

    it('what was withdrawn does not count', async () => {
      const throttle = made()
      for (let n = 0; n < 20; n += 1) await (await allowed(throttle, 'ann')).withdraw()
      await fail(throttle, 5, 'ann')
    })

    it('of 200 attempts sent at once, 5 are tried', async () => {
      const throttle = made()
      const attempts = await Promise.all(Array.from({ length: 200 }, () => throttle.attempt({ account: 'ann', address: HOME })))
      assert.equal(attempts.filter((attempt) => attempt.allowed).length, 5)
      // what was refused took nothing from the others of that address: 95 are left
      await Promise.all(Array.from({ length: 95 }, (_, n) => allowed(throttle, `other ${n}`)))
      assert.equal((await refused(throttle, 'one more')).limit, 'address')
    })

    it('lets 100 failures from one address through, successes not counted', async () => {
      const throttle = made()
      for (let n = 0; n < 150; n += 1) await (await allowed(throttle, `user ${n}`)).succeeded()
      for (let n = 0; n < 100; n += 1) await allowed(throttle, `user ${n}`)
      const { limit, headers } = await refused(throttle, 'ann')
      assert.equal(limit, 'address')
      assert.equal(headers['RateLimit-Limit'], '100')
      await allowed(throttle, 'ann', '203.0.113.8')
    })

    it('counts a network of IPv6 as one address, and IPv4 written as IPv6 as itself', async () => {
      const throttle = made()
      for (let n = 0; n < 5; n += 1) await allowed(throttle, 'ann', `2001:db8::${n}`)
      await refused(throttle, 'ann', '2001:DB8:0:0:ffff::1')
      await allowed(throttle, 'ann', '2001:db8:0:1::1')
      await fail(throttle, 3, 'bob', HOME)
      await fail(throttle, 2, 'bob', `::ffff:${HOME}`)
      await refused(throttle, 'bob', '::ffff:cb00:7107')
    })

    it('after 100 failures in a row from anywhere, only devices that signed in before are let through', async () => {
      const throttle = made()
      const { device } = await (await allowed(throttle, 'ann', '198.51.100.1')).succeeded()
      const { device: othersDevice } = await (await allowed(throttle, 'bob', '198.51.100.1')).succeeded()
      for (let n = 0; n < 100; n += 1) await allowed(throttle, 'ann', `203.0.113.${n}`)
      assert.equal((await refused(throttle, 'ann', '198.51.100.2')).limit, 'account')
      for (const unknown of [othersDevice, 'x'.repeat(32), '', '../..', `${device}x`])
        await refused(throttle, 'ann', '198.51.100.2', unknown)
      await fail(throttle, 5, 'ann', '198.51.100.2', device)
      assert.equal((await refused(throttle, 'ann', '198.51.100.2', device)).limit, 'pair')
      const { failures, device: same } = await (await allowed(throttle, 'ann', '198.51.100.3', device)).succeeded()
      assert.equal(same, device)
      // Its own, and those that locked the account: the owner hears of all of them.
      assert.equal(failures, 105)
      await allowed(throttle, 'ann', '198.51.100.4')
    })

    it('a stolen device may guess no more often than anybody', async () => {
      const throttle = made({ account: { points: 10, duration: '1d' } })
      const { device } = await (await allowed(throttle, 'ann', '198.51.100.1')).succeeded()
      for (let n = 0; n < 20; n += 1) await allowed(throttle, 'ann', `203.0.113.${n}`, device)
      assert.equal((await refused(throttle, 'ann', '203.0.113.99', device)).limit, 'account')
    })

    it('failures in a row are forgotten after 30 days without one, and by clear()', async () => {
      mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
      const throttle = made({ account: { points: 3, duration: '30d' } })
      const day = 86_400_000
      for (let n = 0; n < 3; n += 1) {
        mock.timers.setTime(1_000_000 + n * 29 * day)
        await allowed(throttle, 'ann', `203.0.113.${n}`)
      }
      await refused(throttle, 'ann')
      await throttle.clear('ann')
      await fail(throttle, 3, 'ann')
      await refused(throttle, 'ann')
      mock.timers.setTime(1_000_000 + 58 * day + 30 * day)
      await allowed(throttle, 'ann')
    })

    it('keeps names, addresses and devices out of the store', async () => {
      const written: string[] = []
      const space = make().space!('throttle')
      const note = (key: string, data: string) => {
        written.push(key, data)
      }
      const throttle = loginThrottle({
        space: {
          ...operationsOf(space),
          create(key, next) {
            note(key, next.data)
            return space.create(key, next)
          },
          swap(key, version, next) {
            note(key, next.data)
            return space.swap(key, version, next)
          }
        },
        secret: 'a secret of more than 32 characters'
      })
      await fail(throttle, 2, 'ann@example.com')
      const { device } = await (await allowed(throttle, 'ann@example.com')).succeeded()
      const text = written.join()
      assert.ok(written.length > 5)
      for (const hidden of ['ann', 'example', HOME, device]) assert.equal(text.includes(hidden), false, hidden)
    })
  })
}

describe('loginThrottle', () => {
  it('mistakes are told at set-up', () => {
    const throws = (code: string, call: () => unknown) => assert.throws(call, (error) => isSessionError(error) && error.code === code)
    throws('bad-option', () => loginThrottle({}))
    throws('bad-option', () => loginThrottle({ backend: memoryStore(), limit: 5 } as object))
    throws('bad-option', () => loginThrottle({ backend: memoryStore(), pair: { points: 0, duration: '15m' } }))
    throws('bad-option', () => loginThrottle({ backend: memoryStore(), pair: { points: 5, duration: 'long' } }))
    throws('bad-option', () => loginThrottle({ backend: memoryStore(), ipv6Prefix: 0 }))
    const spaceless = operationsOf(memoryStore())
    throws('not-supported', () => loginThrottle({ backend: spaceless }))
    loginThrottle({ space: spaceless })
  })

  it('an empty account is a mistake, not everybody', async () => {
    const throttle = loginThrottle({ backend: memoryStore() })
    for (const account of ['', undefined, 3]) {
      await assert.rejects(
        throttle.attempt({ account: account as string, address: HOME }),
        (error) => isSessionError(error) && error.code === 'bad-argument'
      )
    }
  })

  it('lets nobody through while the store cannot answer', async () => {
    let down = true
    const backend = wrapBackend(memoryStore(), (_operation, call) => {
      if (down) throw new Error('down')
      return call()
    })
    const throttle = loginThrottle({ backend })
    await assert.rejects(
      throttle.attempt({ account: 'ann', address: HOME }),
      (error) => isSessionError(error) && error.code === 'store-failed'
    )
    down = false
    await allowed(throttle, 'ann')
  })

  it('does not wait longer than it was told to', async () => {
    const throttle = loginThrottle({ backend: wrapBackend(memoryStore(), () => new Promise(() => {})), storeTimeout: 30 })
    // the deadline's own timer keeps no process alive
    const alive = setInterval(() => {}, 1000)
    try {
      await assert.rejects(
        throttle.attempt({ account: 'ann', address: HOME }),
        (error) => isSessionError(error) && error.code === 'store-timeout'
      )
    } finally {
      clearInterval(alive)
    }
  })

  it('counts again when the first secret changes, devices stay known', async () => {
    const secrets = ['the first secret, which is long enough']
    const throttle = loginThrottle({ backend: memoryStore(), secret: secrets, account: { points: 1, duration: '1d' } })
    const { device } = await (await allowed(throttle, 'ann')).succeeded()
    await fail(throttle, 1, 'ann')
    await refused(throttle, 'ann')
    secrets.unshift('the second secret, which is long enough')
    await fail(throttle, 1, 'ann')
    await refused(throttle, 'ann')
    await allowed(throttle, 'ann', HOME, device)
  })
})
