import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { join } from 'node:path'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { idOf, onEachStore, world } from './world.ts'

const MINUTE = 60_000

describe('checklist: the life of a session', () => {
  onEachStore('item 27: sign-in, confirmation and renewal each give a new id, and the one before is dead at once', async (kind, t) => {
    const { browser, ask } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/set?name=cart&value=1')
    for (const path of ['/login?user=7', '/confirm', '/renew', '/login?user=7']) {
      const before = visitor.cookie!
      await visitor.post(path)
      assert.notEqual(idOf(visitor.cookie), idOf(before), path)
      assert.deepEqual((await ask('/read', { cookie: before })).json().data, {}, path)
      assert.equal((await visitor.get('/read')).json().data.cart, '1', path)
    }
  })

  onEachStore('item 28: 50 requests around a sign-in: one id lives, the old one is dead, nothing is lost', async (kind, t) => {
    const { browser, ask, stored } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/count')
    const before = visitor.cookie!
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        n === 25 ? ask('/login?user=7', { method: 'POST', cookie: before }) : ask('/count', { method: 'POST', cookie: before })
      )
    )
    const after = answers[25]!.cookie!
    const { userId, data } = (await ask('/read', { cookie: after })).json()
    assert.equal(userId, '7')
    // those that came when the id was dead already counted for a visitor of their own; of the others none is lost
    const elsewhere = answers.filter((one, n) => n !== 25 && (one.cookie !== undefined || one.status !== 200)).length
    assert.equal(data.count, 1 + 49 - elsewhere)
    assert.deepEqual((await ask('/read', { cookie: before })).json().data, {})
    assert.equal((await stored()).filter(({ userId }) => userId === '7').length, 1)
  })

  onEachStore('item 29: a cookie that a neighbour planted is not the one that is signed in', async (kind, t) => {
    const { browser, ask } = await world(t, { kind })
    const attacker = browser()
    await attacker.post('/set?name=planted&value=yes')
    const victim = browser()
    victim.cookie = attacker.cookie
    await victim.post('/login?user=7')
    assert.notEqual(idOf(victim.cookie), idOf(attacker.cookie))
    assert.equal((await ask('/read', { cookie: attacker.cookie })).json().userId, null)
  })

  onEachStore('items 31, 121: the absolute limit is not moved by use, and counts from the sign-in or its confirmation', async (kind, t) => {
    const lifetimes = { anonymous: { idle: '7d', absolute: '30d' }, signedIn: { idle: '30m', absolute: '8h' } }
    const { browser } = await world(t, { kind, rolling: true, lifetimes })
    const visitor = browser()
    await visitor.post('/set?name=cart&value=1')
    const begun = Date.now()
    t.mock.timers.enable({ apis: ['Date'], now: begun + 24 * 60 * MINUTE })
    await visitor.post('/login?user=7')
    const start = begun + 24 * 60 * MINUTE
    let lasted = 0
    const useUntil = async (end: number) => {
      for (let at = lasted; at < end; at += 15) {
        t.mock.timers.setTime(start + at * MINUTE)
        if ((await visitor.get('/read')).json().userId !== '7') return
        lasted = at
      }
    }
    await useUntil(7 * 60)
    assert.equal(lasted, 7 * 60 - 15, 'what came before the sign-in does not count')
    await visitor.post('/confirm')
    const confirmed = lasted
    await useUntil(24 * 60)
    assert.ok(lasted < confirmed + 8 * 60 && lasted >= confirmed + 8 * 60 - 15, `${lasted} minutes`)
  })

  onEachStore('item 34: what a throttled touch puts off ends no session early, and none later than the slack', async (kind, t) => {
    const { browser, ask } = await world(t, { kind, lifetimes: { anonymous: { idle: '60s' } }, touchSlack: '600ms' })
    for (const [silence, lives] of [
      [59_900, true],
      [60_000, true],
      [60_601, false]
    ] as const) {
      const start = Date.now()
      t.mock.timers.enable({ apis: ['Date'], now: start })
      const visitor = browser()
      await visitor.post('/set?name=a&value=b')
      for (let at = 0; at <= 5000; at += 100) {
        t.mock.timers.setTime(start + at)
        await ask('/read', { cookie: visitor.cookie })
      }
      t.mock.timers.setTime(start + 5000 + silence)
      assert.equal((await ask('/read', { cookie: visitor.cookie })).json().data.a, lives ? 'b' : undefined, `${silence} ms`)
      t.mock.timers.reset()
    }
  })

  it('item 35: clocks of two nodes that are 30 s apart end no session early and keep none longer than that', async (t) => {
    const { browser, ask } = await world(t, { rolling: true, lifetimes: { anonymous: { idle: '10m' } } })
    const start = Date.now()
    t.mock.timers.enable({ apis: ['Date'], now: start })
    const visitor = browser()
    await visitor.post('/set?name=a&value=b')
    for (let minute = 1; minute < 60; minute += 9) {
      // every other request is answered by the node whose clock is late
      t.mock.timers.setTime(start + minute * MINUTE - (minute % 2) * 30_000)
      assert.equal((await ask('/read', { cookie: visitor.cookie })).json().data.a, 'b')
    }
    t.mock.timers.setTime(start + 55 * MINUTE + 10 * MINUTE + 30_001)
    assert.equal((await ask('/read', { cookie: visitor.cookie })).json().data.a, undefined)
  })

  it('item 36: who holds a stream open is told of its session’s end at once', async (t) => {
    for (const end of ['/logout', '/renew', 'revoke', 'sweep']) {
      const { browser, sessions } = await world(t, { lifetimes: { signedIn: { idle: '30m' } } })
      const ended: unknown[] = []
      sessions.on('ended', ({ handle, reason }) => ended.push([handle, reason]))
      const visitor = browser()
      await visitor.post('/login?user=7')
      const { handle } = (await visitor.get('/read')).json()
      if (end === 'revoke') await sessions.revoke(handle)
      else if (end === 'sweep') {
        t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 31 * MINUTE })
        await sessions.sweep()
        t.mock.timers.reset()
      } else await visitor.post(end)
      const reason = { '/logout': 'destroyed', '/renew': 'renewed', revoke: 'revoked', sweep: 'expired' }[end]
      assert.deepEqual(ended, [[handle, reason]])
    }
  })

  onEachStore('item 40: who only reads gets no cookie and no record', async (kind, t) => {
    const { ask, stored } = await world(t, { kind })
    for (const path of ['/', '/read', '/nowhere']) assert.deepEqual((await ask(path)).cookies, [])
    assert.deepEqual(await stored(), [])
  })

  it('items 41, 120: ended on one node, a session is over on the others with the very next request', async (t) => {
    const first = await world(t, { kind: 'sqlite' })
    const second = await world(t, { wrap: () => sqliteStore({ file: join(first.folder!, 'sessions.db') }) })
    for (const end of ['logout', 'revoke', 'revokeAll'] as const) {
      const visitor = first.browser()
      await visitor.post('/login?user=7')
      const cookie = visitor.cookie!
      assert.equal((await second.ask('/read', { cookie })).json().userId, '7')
      const { handle } = (await visitor.get('/read')).json()
      if (end === 'logout') await visitor.post('/logout')
      else if (end === 'revoke') await first.sessions.revoke(handle)
      else await first.sessions.revokeAll(7)
      assert.equal((await second.ask('/read', { cookie })).json().userId, null, end)
    }
  })

  onEachStore('item 52: sign-ins past the limit do what was asked for, also when they come at once', async (kind, t) => {
    for (const whenTooMany of ['refuse', 'end-oldest'] as const) {
      const { ask, sessions } = await world(t, { kind, maxSessionsPerUser: 3, whenTooMany })
      const replies = await Promise.all(Array.from({ length: 12 }, () => ask('/login?user=7', { method: 'POST' })))
      assert.ok((await sessions.of(7)).length <= 3)
      const late = await ask('/login?user=7', { method: 'POST' })
      const alive = (await Promise.all([...replies, late].map(({ cookie }) => ask('/read', { cookie })))).filter(
        (one) => one.json().userId === '7'
      )
      assert.ok(alive.length <= 3)
      if (whenTooMany === 'end-oldest') assert.equal((await ask('/read', { cookie: late.cookie })).json().userId, '7')
    }
  })

  onEachStore('item 53: expired records are removed', async (kind, t) => {
    const { ask, sessions, backend } = await world(t, { kind, lifetimes: { anonymous: { idle: '1h' } } })
    for (let n = 0; n < 30; n++) await ask('/set?name=a&value=b', { method: 'POST' })
    const expired: string[] = []
    sessions.on('expired', ({ handle }) => expired.push(handle))
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61 * MINUTE })
    while ((await sessions.sweep(10)) > 0);
    assert.equal(new Set(expired).size, 30)
    t.mock.timers.reset()
    assert.deepEqual((await backend.scan!(undefined, 100)).records, [], 'nothing is left even of those that count as absent')
  })

  it('items 59, 60: guessing ids costs the store nothing, and the use of a replaced id is told', async (t) => {
    const { ask, browser, sessions } = await world(t)
    const told: string[] = []
    sessions.on('retired-id', ({ handle }) => told.push(handle))
    for (let n = 0; n < 200; n++) await ask('/read', { cookie: `visit=s%3A${'A'.repeat(32)}.${'B'.repeat(43)}` })
    assert.deepEqual(told, [])
    const visitor = browser()
    await visitor.post('/set?name=a&value=b')
    const { handle } = (await visitor.get('/read')).json()
    const before = visitor.cookie
    await visitor.post('/login?user=7')
    await ask('/read', { cookie: before })
    assert.deepEqual(told, [handle])
  })

  it('item 101: the events of a story, each once, in order', async (t) => {
    const { browser, sessions, slow } = await world(t, { store: memoryStore(), lifetimes: { anonymous: { idle: '1h' } } })
    const told: string[] = []
    for (const event of [
      'created',
      'renewed',
      'signed-in',
      'destroyed',
      'revoked',
      'expired',
      'late-write',
      'retired-id',
      'ended'
    ] as const) {
      sessions.on(event, (payload) => {
        told.push(event)
        assert.doesNotMatch(JSON.stringify(payload), /"(id|key|cookie)"/)
      })
    }
    const during = (...expected: string[]) => assert.deepEqual(told.splice(0), expected)
    const visitor = browser()
    await visitor.post('/set?name=a&value=b')
    during('created')
    const planted = visitor.cookie!
    await visitor.post('/login?user=7')
    during('renewed', 'ended', 'signed-in')
    await visitor.get('/read', { cookie: planted })
    during('retired-id')
    const late = await slow(visitor.cookie!)
    await visitor.post('/logout')
    during('destroyed', 'ended')
    await late.finish()
    during('late-write')
    const other = browser()
    await other.post('/login?user=7')
    await sessions.revokeAll(7)
    during('created', 'signed-in', 'revoked', 'ended')
    await browser().post('/set?name=a&value=b')
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61 * MINUTE })
    await sessions.sweep()
    assert.ok(told.includes('expired'))
  })
})
