import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { type SessionBackend, wrapBackend } from '../../src/core/backend.ts'
import { onEachStore, world } from '../security/world.ts'

describe('never again: what has ended stays ended', () => {
  onEachStore(
    'CVE-2025-46336, CVE-2025-32441 (rack-session): a request under way at logout does not bring the session back',
    async (kind, t) => {
      for (const end of ['/logout', '/destroy', '/regenerate', 'revoke', 'revokeAll']) {
        const { browser, sessions, slow, ask, stored } = await world(t, { kind })
        const visitor = browser()
        await visitor.post('/login?user=7')
        const before = visitor.cookie!
        const late = await slow(before)
        const { handle } = (await visitor.get('/read')).json()
        if (end === 'revoke') assert.equal(await sessions.revoke(handle), true)
        else if (end === 'revokeAll') assert.equal(await sessions.revokeAll(7), 1)
        else await visitor.post(end)
        const answer = await late.finish()
        assert.equal(answer.cookie, undefined, `${end}: the late answer sets no cookie`)
        assert.equal((await ask('/read', { cookie: before })).json().userId, null, end)
        assert.deepEqual(
          (await stored()).filter(({ data }) => data.includes('late') || data.includes('userId')),
          [],
          end
        )
      }
    }
  )

  onEachStore(
    'better-auth/better-auth#11073: sign-ins, touches and "sign out everywhere" at once leave neither a survivor nor an orphan',
    async (kind, t) => {
      const { ask, sessions, backend, stored } = await world(t, { kind, rolling: true })
      for (let round = 0; round < 150; round++) {
        const first = await ask('/login?user=7', { method: 'POST' })
        const [second, , revoked] = await Promise.all([
          ask('/login?user=7', { method: 'POST' }),
          ask('/count', { method: 'POST', cookie: first.cookie }),
          sessions.revokeAll(7),
          ask('/read', { cookie: first.cookie }),
          ask('/renew', { method: 'POST', cookie: first.cookie })
        ])
        // one that is just getting a new id may be met under both
        assert.ok(revoked <= 3)
        // the second sign-in may have come after the revocation: then it lives, and a second revocation finds it
        const lives = (await ask('/read', { cookie: second.cookie })).json().userId === '7'
        assert.equal((await ask('/read', { cookie: first.cookie })).json().userId, null)
        assert.equal((await sessions.of(7)).length, lives ? 1 : 0, `round ${round}`)
        assert.equal(await sessions.revokeAll(7), lives ? 1 : 0)
      }
      assert.deepEqual(
        (await stored()).filter(({ userId }) => userId !== undefined),
        []
      )
      for (const key of await backend.keysOfUser!('7')) assert.equal(await backend.read(key), undefined)
    }
  )

  onEachStore(
    'better-auth/better-auth#11073: "sign out everywhere" finds a session whose id is renewed while it looks',
    async (kind, t) => {
      let meanwhile: (() => Promise<unknown>) | undefined
      const wrap = (backend: SessionBackend) =>
        wrapBackend(backend, async (operation, call) => {
          const answer = await call()
          const work = meanwhile
          if (operation === 'keysOfUser' && work) {
            meanwhile = undefined
            await work()
          }
          return answer
        })
      const { browser, sessions } = await world(t, { kind, wrap })
      const [visitor, other] = [browser(), browser()]
      await visitor.post('/login?user=7')
      meanwhile = () => visitor.post('/renew')
      assert.equal(await sessions.revokeAll(7), 1)
      assert.equal((await visitor.get('/read')).json().userId, null)
      // the one that is to stay stays, under its new id
      await visitor.post('/login?user=7')
      await other.post('/login?user=7')
      await visitor.post('/renew')
      const { handle } = (await visitor.get('/read')).json()
      meanwhile = () => other.post('/renew')
      assert.equal(await sessions.revokeAll(7, { except: handle }), 1)
      assert.equal((await visitor.get('/read')).json().userId, '7')
      assert.equal((await other.get('/read')).json().userId, null)
      meanwhile = () => visitor.post('/renew')
      assert.equal((await sessions.of(7)).length, 1)
    }
  )

  onEachStore(
    'better-auth/better-auth#11073: a sign-in that was under way when the user was signed out everywhere does not hold',
    async (kind, t) => {
      let meanwhile: (() => Promise<unknown>) | undefined
      const wrap = (backend: SessionBackend) =>
        wrapBackend(backend, async (operation, call) => {
          const work = meanwhile
          if (operation === 'create' && work) {
            meanwhile = undefined
            await work()
          }
          return call()
        })
      for (const had of ['nothing', 'a cart', 'a session of his own'] as const) {
        const { browser, sessions, stored } = await world(t, { kind, wrap })
        const visitor = browser()
        if (had === 'a cart') await visitor.post('/set?name=cart&value=1')
        if (had === 'a session of his own') await visitor.post('/login?user=7')
        meanwhile = () => sessions.revokeAll(7)
        assert.equal((await visitor.post('/login?user=7')).status, 401, had)
        assert.equal((await visitor.get('/read')).json().userId, null)
        assert.deepEqual(
          (await stored()).filter(({ userId }) => userId !== undefined),
          []
        )
      }
    }
  )

  onEachStore('CVE-2023-20862 (Spring Security): taking everything out of a session is written too', async (kind, t) => {
    const { browser } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/set?name=cart&value=1')
    await visitor.post('/set?name=wish&value=2')
    await visitor.post('/clear')
    assert.deepEqual((await visitor.get('/read')).json().data, {})
    const member = browser()
    await member.post('/login?user=7')
    await member.post('/clear')
    assert.equal((await member.get('/read')).json().userId, null)
  })

  onEachStore('CVE-2021-34428 (Jetty): a listener that throws undoes no ending, and is reported', async (kind, t) => {
    for (const end of ['/logout', '/destroy', '/regenerate', 'revoke', 'revokeAll']) {
      const { browser, sessions, ask } = await world(t, { kind })
      const fail = () => {
        throw new Error('the listener fails')
      }
      for (const event of ['destroyed', 'revoked', 'ended', 'renewed'] as const) sessions.on(event, fail)
      const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
      const visitor = browser()
      await visitor.post('/login?user=7')
      const before = visitor.cookie!
      const { handle } = (await visitor.get('/read')).json()
      if (end === 'revoke') await sessions.revoke(handle)
      else if (end === 'revokeAll') await sessions.revokeAll(7)
      else assert.equal((await visitor.post(end)).status, 200)
      assert.equal((await ask('/read', { cookie: before })).json().userId, null, end)
      assert.match((await warned).message, /the listener fails/)
    }
  })

  onEachStore(
    'CVE-2023-41900 (Jetty): a revoked user passes for no further request, and what was under way writes nothing',
    async (kind, t) => {
      const { browser, sessions, slow, ask } = await world(t, { kind, hashIds: true, rolling: true, touchSlack: '15s' })
      const visitor = browser()
      await visitor.post('/login?user=7')
      const cookie = visitor.cookie!
      const late = await slow(cookie)
      await sessions.revokeAll(7)
      assert.equal((await ask('/read', { cookie })).json().userId, null, 'the very next request')
      assert.equal((await late.finish()).cookie, undefined)
      assert.equal((await ask('/read', { cookie })).json().userId, null)
    }
  )

  onEachStore('CVE-2015-5963, CVE-2015-5964 (Django): logouts and reads without a session fill no store', async (kind, t) => {
    const { ask, stored } = await world(t, { kind })
    for (let round = 0; round < 40; round++) {
      const replies = await Promise.all(Array.from({ length: 50 }, (_, n) => (n % 2 ? ask('/logout', { method: 'POST' }) : ask('/read'))))
      for (const { status, cookies } of replies) {
        assert.equal(status, 200)
        assert.ok(
          cookies.every((one) => one.startsWith('visit=;')),
          'no cookie but one that is cleared'
        )
      }
    }
    assert.deepEqual(await stored(), [])
  })

  onEachStore(
    'CVE-2018-1000814, CVE-2018-1000519 (aiohttp-session): every record has an expiry, and past it the session is over',
    async (kind, t) => {
      const { browser, sessions, stored } = await world(t, { kind, lifetimes: { signedIn: { idle: '30m' } } })
      const visitor = browser()
      await visitor.post('/set?name=cart&value=1')
      await visitor.post('/login?user=7')
      await browser().post('/set?name=cart&value=1')
      await browser().post('/count')
      const records = await stored()
      assert.ok(records.length >= 3)
      for (const { expiresAt } of records) assert.ok(expiresAt > Date.now() && expiresAt <= Date.now() + 86_400_000)
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 86_400_001 })
      assert.deepEqual((await visitor.get('/read')).json().data, {})
      assert.equal((await sessions.sweep()) > 0, true)
      assert.deepEqual(await stored(), [])
    }
  )
})
