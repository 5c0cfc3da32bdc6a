import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SessionBackend, wrapBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { requireUser } from '../../src/security/guards.ts'
import { secure } from '../../src/security/presets.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { idOf, cookieFor, NAME, onEachStore, type AppRequest, type WorldOptions, world } from './world.ts'

const MINUTE = 60_000

/** A store that a test can take away, or make slow, and bring back. */
function fragile(): { wrap: (backend: SessionBackend) => SessionBackend; state: 'up' | 'down' | 'frozen' } {
  const held = {
    state: 'up' as 'up' | 'down' | 'frozen',
    wrap: (backend: SessionBackend) =>
      wrapBackend(backend, (_, call) => {
        if (held.state === 'down') return Promise.reject(new Error('connect ECONNREFUSED'))
        if (held.state === 'frozen') return new Promise(() => {})
        return call()
      })
  }
  return held
}

describe('checklist: when things go wrong', () => {
  onEachStore('item 90: without its store the app says 503 and keeps the cookie; with it, all is as before', async (kind, t) => {
    const store = fragile()
    const { browser, ask } = await world(t, {
      kind,
      ...secure('web', { production: false, name: NAME }),
      wrap: store.wrap,
      prepare: (app, sessions) => {
        app.get('/account', sessions, requireUser({ sessions }), (_req, res) => void res.json({ secret: 'of the user' }))
      }
    })
    const visitor = browser()
    await visitor.post('/login?user=7')
    const { cookie } = visitor
    assert.equal((await visitor.get('/account')).status, 200)
    store.state = 'down'
    for (const path of ['/account', '/read', '/set?name=a&value=b']) {
      const reply = await ask(path, { cookie: cookie!, ...(path.startsWith('/set') ? { method: 'POST' } : {}) })
      assert.deepEqual([reply.status, reply.cookies], [503, []], path)
      assert.doesNotMatch(reply.text, /of the user|ECONNREFUSED.*at /)
    }
    store.state = 'up'
    // after some failures in a row the store is left alone for a second
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 1500 })
    assert.equal((await visitor.get('/account')).status, 200)
    assert.equal(visitor.cookie, cookie)
  })

  it('item 91: a store that does not answer holds no request longer than the deadline, and is soon not asked any more', async (t) => {
    const store = fragile()
    const { browser, ask } = await world(t, { ...secure('web', { production: false, name: NAME }), storeTimeout: 100, wrap: store.wrap })
    const visitor = browser()
    await visitor.post('/login?user=7')
    store.state = 'frozen'
    const start = performance.now()
    const replies = await Promise.all(Array.from({ length: 40 }, () => ask('/read', { cookie: visitor.cookie })))
    assert.ok(replies.every(({ status }) => status === 503))
    const first = performance.now() - start
    assert.ok(first < 2000, `${first} ms`)
    const again = performance.now()
    await ask('/read', { cookie: visitor.cookie })
    assert.ok(performance.now() - again < 90, 'refused at once')
    store.state = 'up'
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 1500 })
    assert.equal((await visitor.get('/read')).json().userId, '7')
  })

  onEachStore('item 92: garbage under a live key is a session that is gone, and is told', async (kind, t) => {
    const { ask, backend, sessions } = await world(t, { kind })
    const told: string[] = []
    sessions.on('unreadable-record', ({ handle }) => told.push(handle))
    for (const data of ['{"cookie":{"path":"/"},"userId":7', '{"cookie":{', '\u0000\u0001', '{"cookie":{"path":"/"}}garbage', '<xml/>']) {
      const id = newId()
      await backend.create(id, { data, expiresAt: Date.now() + MINUTE })
      const reply = await ask('/read', { cookie: cookieFor(id) })
      assert.deepEqual([reply.status, reply.json().data], [200, {}], data)
      assert.equal(told.length, 1, data)
      told.length = 0
    }
  })

  onEachStore('item 92: garbage hides no other session from lists, and is in nobody’s way who ends them', async (kind, t) => {
    const { browser, backend, sessions } = await world(t, { kind })
    await browser().post('/login?user=7')
    for (const data of ['{"cookie":{"path":"/"},"userId":7', '{"cookie":{},"~":{', '\u0000\u0001', '<xml/>']) {
      await backend.create(newId(), { data, expiresAt: Date.now() + MINUTE, userId: '7' })
    }
    assert.equal((await sessions.of(7)).length, 1)
    assert.equal((await sessions.scan()).sessions.length, 1)
    await sessions.revokeAll(7)
    assert.deepEqual(await sessions.of(7), [])
  })

  onEachStore('item 93: 200 redirects after a sign-in are followed at once, and each finds it', async (kind, t) => {
    const { ask, app } = await world(t, {
      kind,
      wrap: (backend) =>
        wrapBackend(backend, async (_, call) => {
          await new Promise(setImmediate)
          return call()
        })
    })
    app.post('/enter', (req, res) => {
      ;(req as AppRequest).session.userId = 7
      res.redirect(303, '/read')
    })
    for (let round = 0; round < 200; round++) {
      const { status, cookie, headers } = await ask('/enter', { method: 'POST' })
      assert.equal(status, 303)
      assert.equal((await ask(headers.location!, { cookie })).json().userId, '7')
    }
  })

  onEachStore('item 94: of 100 changes at once none is lost', async (kind, t) => {
    const { browser, ask } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/count')
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        n % 2
          ? ask('/count', { method: 'POST', cookie: visitor.cookie })
          : ask(`/set?name=n${n}&value=${n}`, { method: 'POST', cookie: visitor.cookie })
      )
    )
    const { data } = (await visitor.get('/read')).json()
    assert.equal(data.count, 51)
    assert.equal(Object.keys(data).length, 51)
  })

  onEachStore('item 95: a slow reader undoes nothing that was written meanwhile', async (kind, t) => {
    for (const rolling of [false, true]) {
      const { browser, ask, app } = await world(t, { kind, rolling })
      let release!: () => void
      let arrived!: () => void
      const here = new Promise<void>((resolve) => {
        arrived = resolve
      })
      const go = new Promise<void>((resolve) => {
        release = resolve
      })
      app.get('/reader', async (req, res) => {
        const { cart } = (req as AppRequest).session
        arrived()
        await go
        res.json({ cart })
      })
      const visitor = browser()
      await visitor.post('/set?name=cart&value=old')
      const reading = ask('/reader', { cookie: visitor.cookie })
      await here
      await visitor.post('/set?name=cart&value=new')
      release()
      assert.equal((await reading).json().cart, 'old')
      assert.equal((await visitor.get('/read')).json().data.cart, 'new')
    }
  })

  onEachStore('item 96: no name in a session, a cookie or a query reaches a prototype', async (kind, t) => {
    const { browser } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/set?name=a&value=b')
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      await visitor.post(`/set?name=${name}&value=polluted`)
      assert.equal(
        (await visitor.get('/read?__proto__[x]=1&constructor[prototype][x]=1', { headers: { cookie: `__proto__=1; ${visitor.cookie}` } }))
          .status,
        200
      )
    }
    assert.equal(({} as any).x, undefined)
    assert.equal(Object.getPrototypeOf({}), Object.prototype)
    assert.equal(typeof {}.toString, 'function')
    assert.equal((await visitor.get('/read')).json().data.a, 'b')
  })

  onEachStore('item 97: what is too large is refused, and what was stored stays', async (kind, t) => {
    const prepare: WorldOptions['prepare'] = (app, sessions) => {
      app.post('/large', sessions, (req, res) => {
        ;(req as AppRequest).session.large = 'x'.repeat(5_000_000)
        res.json({ said: 'done' })
      })
    }
    const { browser } = await world(t, { kind, ...secure('web', { production: false, name: NAME }), prepare })
    const visitor = browser()
    await visitor.post('/set?name=cart&value=1')
    const reply = await visitor.post('/large')
    assert.equal(reply.status, 413)
    assert.match(reply.json().error, /larger than maxBytes/)
    assert.deepEqual((await visitor.get('/read')).json().data, { cart: '1' })
  })

  onEachStore('item 98: visitors without a cookie, however many, leave nothing behind', async (kind, t) => {
    const { ask, stored } = await world(t, { kind })
    for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 40 }, () => ask('/read')))
    assert.deepEqual(await stored(), [])
  })

  it('item 98: a memory store takes as many as it was told', async (t) => {
    const { ask, stored } = await world(t, { wrap: () => memoryStore({ maxSessions: 100 }) })
    for (let n = 0; n < 300; n++) await ask('/set?name=a&value=b', { method: 'POST' })
    assert.ok((await stored()).length <= 100)
  })

  onEachStore('item 100: 50 visitors, 40 requests each, all at once: everyone sees only what is his', async (kind, t) => {
    const { browser } = await world(t, { kind, rolling: true })
    await Promise.all(
      Array.from({ length: 50 }, async (_, who) => {
        const visitor = browser()
        await visitor.post(`/set?name=whose&value=${who}`)
        const own = new Set([idOf(visitor.cookie)])
        for (let n = 0; n < 40; n++) {
          if (n % 13 === 5) await visitor.post(`/login?user=${who + 1}`)
          own.add(idOf(visitor.cookie))
          const { data, userId } = (await visitor.get('/read')).json()
          assert.equal(data.whose, String(who))
          assert.equal(userId ?? String(who + 1), String(who + 1))
          assert.ok(own.has(idOf(visitor.cookie)))
        }
      })
    )
  })

  it('item 104: what a visitor writes into his headers is in no event as another line', async (t) => {
    const { ask, sessions } = await world(t)
    const lines: string[] = []
    for (const event of ['created', 'signed-in', 'ended'] as const)
      sessions.on(event, (payload) => lines.push(JSON.stringify({ event, ...payload })))
    await ask(`/login?user=${encodeURIComponent('a\n{"event":"signed-in","userId":"admin"}')}`, { method: 'POST' })
    assert.ok(lines.length > 0)
    for (const line of lines) {
      assert.equal(line.includes('\n'), false)
      assert.notEqual(JSON.parse(line).userId, 'admin')
    }
  })

  onEachStore('item 115: a late answer of a session that is over, or has another id, sets no cookie', async (kind, t) => {
    for (const end of ['/logout', '/renew', '/login?user=7', '/destroy']) {
      const { browser, slow } = await world(t, { kind, rolling: true })
      const visitor = browser()
      await visitor.post('/set?name=a&value=b')
      const late = await slow(visitor.cookie!)
      await visitor.post(end)
      assert.deepEqual((await late.finish()).cookies, [], end)
    }
  })

  it('item 118: hooks that throw stop no ending (see never-again/ending.test.ts), nor a sign-in', async (t) => {
    const { browser, sessions } = await world(t)
    const warned: Error[] = []
    const note = (warning: Error) => void warned.push(warning)
    process.on('warning', note)
    t.after(() => process.off('warning', note))
    sessions.on('signed-in', () => {
      throw new Error('a hook fails')
    })
    const visitor = browser()
    assert.equal((await visitor.post('/login?user=7')).status, 200)
    assert.equal((await visitor.get('/read')).json().userId, '7')
    assert.ok(warned.some(({ message }) => message.includes('a hook fails')))
  })
})
