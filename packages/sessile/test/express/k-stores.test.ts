import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { BackendStore } from '../../src/entries/index.ts'
import { both, called, later, options, original, ours, serve } from './helpers.ts'

const record = (more: object = {}) => ({ cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' }, ...more }) as any
const expiring = (ms: number, more: object = {}) =>
  record({ cookie: { originalMaxAge: ms, expires: new Date(Date.now() + ms), path: '/' }, ...more })

/** The original's store and ours, in memory and over SQLite: one API. */
function eachStore(name: string, run: (make: () => any) => Promise<void>): void {
  test(`${name} (memory)`, () => run(() => new ours.MemoryStore()))
  test(`${name} (sqlite)`, () => run(() => new BackendStore(sqliteStore({ file: ':memory:' }))))
  test(`${name} (express-session itself)`, () => run(() => new original.MemoryStore()))
}

both('113. createSession makes a session of a record, for bare objects too', ({ Store, Session, Cookie }) => {
  for (const expires of [new Date().toISOString(), new Date(), null]) {
    const req: any = { sessionID: 'a', sessionStore: {} }
    const session = Store.prototype.createSession.call({}, req, { cookie: { expires, originalMaxAge: 1234, path: '/p' }, x: 1 })
    assert.ok(session instanceof Session && session.cookie instanceof Cookie)
    assert.equal(req.session, session)
    assert.equal(session.cookie.originalMaxAge, 1234)
    assert.equal(session.cookie.path, '/p')
    assert.ok(expires === null ? session.cookie.expires === null : session.cookie.expires instanceof Date)
    assert.deepEqual([session.id, session.x], ['a', 1])
  }
})

eachStore('114. load gives a working session without a request', async (make) => {
  const store = make()
  await called((callback) => store.set('a', record({ x: 1 }), callback))
  const session = await called((callback) => store.load('a', callback))
  assert.deepEqual([session.id, session.x], ['a', 1])
  session.x = 2
  await called((callback) => session.save(callback))
  assert.equal((await called((callback) => store.get('a', callback))).x, 2)
  await called((callback) => session.reload(callback))
  await called((callback) => session.destroy(callback))
  assert.equal(await called((callback) => store.get('a', callback)), undefined)
  const given: any[] = await new Promise((resolve) => store.load('a', (...all: any[]) => resolve(all)))
  assert.deepEqual(given, [])
})

both('114, 115. subclasses need only get, set and destroy', async (session, t) => {
  class Mine extends session.Store {
    readonly map = new Map<string, string>()
    get(id: string, callback: any) {
      callback(id === 'bad' ? new Error('bad') : null, this.map.has(id) ? JSON.parse(this.map.get(id)!) : null)
    }
    set(id: string, value: any, callback: any) {
      this.map.set(id, JSON.stringify(value))
      callback?.()
    }
    destroy(id: string, callback: any) {
      this.map.delete(id)
      callback?.()
    }
  }
  const store: any = new Mine()
  await assert.rejects(
    called((callback) => store.load('bad', callback)),
    /bad/
  )
  const server = await serve(t, session(options({ store })), (req, res) => {
    const id = req.sessionID
    if (req.url === '/regenerate')
      return store.regenerate(req, (error: any) => {
        req.session.x = 9
        res.end(String(!error && req.sessionID !== id))
      })
    req.session.x = (req.session.x ?? 0) + 1
    res.end(String(req.session.x))
  })
  const { cookie } = await server.get()
  assert.equal((await server.get('/', { cookie })).body, '2')
  const renewed = await server.get('/regenerate', { cookie })
  assert.equal(renewed.body, 'true')
  assert.equal((await server.get('/', { cookie: renewed.cookie })).body, '10')
  assert.equal((await server.get('/', { cookie })).body, '1')
})

eachStore("116. what was saved and what is returned is nobody else's object", async (make) => {
  const store = make()
  const given = record({ list: [1] })
  await called((callback) => store.set('a', given, callback))
  given.list.push(2)
  const found = await called((callback) => store.get('a', callback))
  assert.deepEqual(found.list, [1])
  found.list.push(3)
  assert.deepEqual((await called((callback) => store.get('a', callback))).list, [1])
})

both('116. sessions is a public map without a prototype, id to JSON text', ({ MemoryStore }) => {
  const store = new MemoryStore()
  assert.deepEqual(Object.keys(store.sessions), [])
  assert.equal(Object.getPrototypeOf(store.sessions), null)
  store.set('a', record({ x: 1 }))
  assert.deepEqual(Object.keys(store.sessions), ['a'])
  assert.equal(store.sessions.a, JSON.stringify(record({ x: 1 })))
  assert.ok('a' in store.sessions && !('b' in store.sessions))
  store.sessions.b = JSON.stringify(record({ y: 1 }))
  assert.deepEqual(Object.keys(store.sessions).sort(), ['a', 'b'])
  delete store.sessions.a
  assert.deepEqual(Object.keys(store.sessions), ['b'])
  store.sessions = Object.create(null)
  assert.deepEqual(Object.keys(store.sessions), [])
})

eachStore('117. set from outside replaces whatever is there, with or without a cookie', async (make) => {
  const store = make()
  await called((callback) => store.set('a', { x: 1 }, callback))
  assert.deepEqual(await called((callback) => store.get('a', callback)), { x: 1 })
  await called((callback) => store.set('a', { y: 2 }, callback))
  assert.deepEqual(await called((callback) => store.get('a', callback)), { y: 2 })
  await called((callback) => store.destroy('a', callback))
  await called((callback) => store.set('a', { z: 3 }, callback))
  assert.deepEqual(await called((callback) => store.get('a', callback)), { z: 3 })
})

test('117. set from outside also replaces what a renewal left under the old id', async (t) => {
  const store = new ours.MemoryStore()
  const server = await serve(t, ours(options({ store })), async (req, res) => {
    const id = req.sessionID
    req.session.x = 1
    await req.session.save()
    await req.session.renew()
    res.end(id)
  })
  const { body } = await server.get()
  assert.equal(await called((callback) => store.get(body, callback)), undefined)
  await called((callback) => store.set(body, { cookie: {}, back: true }, callback))
  assert.equal((await called((callback) => store.get(body, callback))).back, true)
})

eachStore('118. all, length and clear', async (make) => {
  const store = make()
  for (const id of ['a', 'b']) await called((callback) => store.set(id, record({ id }), callback))
  await called((callback) => store.set('old', expiring(4), callback))
  await later(8)
  const all = await called((callback) => store.all(callback))
  assert.equal(Object.getPrototypeOf(all), null)
  assert.deepEqual(Object.keys(all).sort(), ['a', 'b'])
  assert.equal(all.a.id, 'a')
  assert.equal(await called((callback) => store.length(callback)), 2)
  await called((callback) => store.clear(callback))
  assert.equal(await called((callback) => store.length(callback)), 0)
})

eachStore('119. expired is expired to the millisecond', async (make) => {
  const store = make()
  await called((callback) => store.set('a', expiring(5), callback))
  await called((callback) => store.set('b', JSON.parse(JSON.stringify(expiring(60_000))), callback))
  await later(8)
  assert.equal(await called((callback) => store.get('a', callback)), undefined)
  assert.ok(await called((callback) => store.get('b', callback)))
  await called((callback) => store.set('c', expiring(-1), callback))
  assert.equal(await called((callback) => store.get('c', callback)), undefined)
})

eachStore('120. touch replaces the cookie alone, and makes no record', async (make) => {
  const store = make()
  await called((callback) => store.touch('missing', expiring(1000), callback))
  assert.equal(await called((callback) => store.get('missing', callback)), undefined)
  await called((callback) => store.set('a', expiring(60_000, { x: 1 }), callback))
  for (const ms of [120_000, 30_000]) {
    const touched = expiring(ms, { x: 2 })
    await called((callback) => store.touch('a', touched, callback))
    const found = await called((callback) => store.get('a', callback))
    assert.equal(found.x, 1)
    assert.equal(new Date(found.cookie.expires).getTime(), touched.cookie.expires.getTime())
    assert.equal(found.cookie.originalMaxAge, ms)
  }
})

eachStore('121. callbacks run in a later turn, and may be left out', async (make) => {
  const store = make()
  let turn = 'now'
  setImmediate(() => {
    turn = 'later'
  })
  const seen: string[] = []
  const calls: Promise<unknown>[] = ['set', 'touch'].map((name) =>
    called((callback) =>
      store[name]('a', record(), () => {
        seen.push(turn)
        callback()
      })
    )
  )
  calls.push(
    called((callback) =>
      store.get('a', () => {
        seen.push(turn)
        callback()
      })
    )
  )
  assert.deepEqual(seen, [])
  await Promise.all(calls)
  assert.deepEqual(seen, ['later', 'later', 'later'])
  store.set('b', record())
  store.touch('b', record())
  store.destroy('b')
  store.clear()
})

test('without a callback our stores return promises', async () => {
  for (const store of [new ours.MemoryStore(), new BackendStore(sqliteStore({ file: ':memory:' })) as any]) {
    await store.set('a', record({ x: 1 }))
    assert.equal((await store.get('a')).x, 1)
    assert.equal(await store.length(), 1)
    await store.touch('a', expiring(1000))
    await store.destroy('a')
    assert.equal(await store.get('a'), undefined)
    await store.clear()
    assert.deepEqual(Object.keys(await store.all()), [])
  }
})

both('122. once a response arrived, the store sees the save', async (session, t) => {
  const store = new session.MemoryStore()
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = 1
    res.end(req.sessionID)
  })
  const { body } = await server.get()
  assert.equal(await called((callback) => store.length(callback)), 1)
  assert.equal((await called((callback) => store.get(body, callback))).x, 1)
  assert.equal((await called((callback) => store.load(body, callback))).x, 1)
  assert.ok((await called((callback) => store.all(callback)))[body])
})

test('under express-session itself our store loses no update and revives no ended session', async (t) => {
  const store: any = new ours.MemoryStore()
  const held: (() => void)[] = []
  const server = await serve(t, original(options({ store })), async (req, res) => {
    if (req.url.startsWith('/slow')) await new Promise<void>((resolve) => held.push(resolve))
    if (req.url === '/out') return req.session.destroy(() => res.end())
    req.session[req.url] = true
    res.end(req.sessionID)
  })
  const { cookie, body } = await server.get('/start')
  const slow = server.get('/slow', { cookie })
  while (held.length < 1) await later(1)
  await server.get('/quick', { cookie })
  held[0]!()
  await slow
  const found: any = await store.get(body)
  assert.deepEqual(Object.keys(found).sort(), ['/quick', '/slow', '/start', 'cookie'])
  const last = server.get('/slow', { cookie })
  while (held.length < 2) await later(1)
  await server.get('/out', { cookie })
  held[1]!()
  await last
  assert.equal(await store.get(body), undefined)
})
