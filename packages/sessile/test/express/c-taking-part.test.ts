import assert from 'node:assert/strict'
import { test } from 'node:test'
import express from 'express'
// @ts-expect-error Express 4 under this name has no types of its own
import express4 from 'express4'
import { both, cookieFor, listen, options, ours, PlainStore, plainStore, serve } from './helpers.ts'

const setter = (req: any, res: any) => {
  req.session.x = 1
  res.end(req.sessionID)
}

/** A request without a connection, for what needs no response. */
function call(middleware: any, req: any): { error?: unknown; req: any } {
  const full = { url: '/', headers: {}, socket: {}, connection: {}, ...req }
  let result: any
  middleware(full, { end() {}, write() {}, writeHead() {}, getHeader() {}, setHeader() {} }, (error: unknown) => {
    result = { error, req: full }
  })
  return result
}

both('28. a request that has a session already is left alone', async (session, t) => {
  const mine = { mine: true }
  const server = await serve(
    t,
    session(options()),
    (req, res) => res.end(String(req.session === mine && req.sessionStore === undefined)),
    (req) => {
      req.session = mine
    }
  )
  const answer = await server.get()
  assert.equal(answer.body, 'true')
  assert.deepEqual(answer.cookies, [])
})

both('28. the same middleware twice is one session', async (session, t) => {
  const middleware = session(options())
  const server = await serve(t, (req: any, res: any, next: any) => middleware(req, res, () => middleware(req, res, next)), setter)
  assert.equal((await server.get()).cookies.length, 1)
})

both('29, 30. while the store is disconnected there is no session', async (session, t) => {
  const store = new session.MemoryStore()
  const server = await serve(t, session(options({ store })), (req, res) => {
    if (req.session) req.session.x = 1
    res.end(typeof req.session)
  })
  store.emit('disconnect')
  const answer = await server.get()
  assert.equal(answer.body, 'undefined')
  assert.equal(answer.cookie, undefined)
  store.emit('connect')
  assert.ok((await server.get()).cookie)
})

both('30. the store and the path are asked before the secret', async (session) => {
  const store = new session.MemoryStore()
  const middleware = session(options({ store, secret: undefined, cookie: { path: '/in' } }))
  assert.equal(call(middleware, { url: '/out' }).error, undefined)
  assert.ok(call(middleware, { url: '/in' }).error)
  store.emit('disconnect')
  assert.equal(call(middleware, { url: '/in' }).error, undefined)
})

for (const [version, framework] of [
  ['5', express],
  ['4', express4]
] as const) {
  both(`31. the path is the original one, under a mount point too (Express ${version})`, async (session, t) => {
    const app = (framework as any)()
    app.use('/m', session(options({ cookie: { path: '/m/in' } })), (req: any, res: any) => {
      if (req.session) req.session.x = 1
      res.end(typeof req.session)
    })
    const server = await listen(t, [], app)
    assert.equal((await server.get('/m/in')).body, 'object')
    assert.equal((await server.get('/m/in?x=1')).body, 'object')
    const outside = await server.get('/m/m/in')
    assert.equal(outside.body, 'undefined')
    assert.deepEqual(outside.cookies, [])
  })
}

both('31. the query and the Host header play no part', (session) => {
  const middleware = session(options({ cookie: { path: '/in' } }))
  assert.equal(call(middleware, { url: '/?a=/in' }).req.session, undefined)
  assert.equal(call(middleware, { url: '/other', headers: { host: 'x/in' } }).req.session, undefined)
  assert.ok(call(middleware, { url: '/in?x' }).req.session)
})

both('32. an empty URL counts as /', (session) => {
  assert.ok(call(session(options()), { url: '' }).req.session)
  assert.equal(call(session(options({ cookie: { path: '/in' } })), { url: '' }).req.session, undefined)
})

both('33. the path is a plain prefix, case-sensitive and not decoded', (session) => {
  const middleware = session(options({ cookie: { path: '/foo' } }))
  assert.ok(call(middleware, { url: '/foobar' }).req.session)
  assert.equal(call(middleware, { url: '/FOO' }).req.session, undefined)
  assert.equal(call(middleware, { url: '/%66oo' }).req.session, undefined)
  assert.ok(call(middleware, { url: 'http://example.com/foo' }).req.session)
})

both('34. the store and the id stand on the request', async (session, t) => {
  const store = new session.MemoryStore()
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = 1
    res.end(JSON.stringify([req.sessionStore === store, req.sessionID]))
  })
  const first = await server.get()
  const [same, id] = first.json()
  assert.ok(same)
  assert.equal((await server.get('/', { cookie: first.cookie })).json()[1], id)
})

both('35. without a valid cookie the handler runs in the same tick and the store is not asked', (session) => {
  const store = new PlainStore()
  const middleware = session(options({ store }))
  for (const cookie of [undefined, 'connect.sid=x', 'connect.sid=s%3Ax.wrong']) {
    assert.ok(call(middleware, { headers: cookie ? { cookie } : {} }).req.session)
  }
  assert.deepEqual(store.calls, [])
})

test('36. what genid or the cookie options throw goes to next(error)', async (t) => {
  const fail = () => {
    throw new Error('boom')
  }
  for (const wrong of [{ genid: fail }, { cookie: () => (++calls % 2 === 0 ? fail() : {}) }]) {
    const middleware = ours(options(wrong))
    assert.equal((call(middleware, {}).error as Error).message, 'boom')
    const server = await serve(t, middleware)
    assert.equal((await server.get('/', { cookie: cookieFor('missing') })).body, 'boom')
  }
})
let calls = 0

both('37. a failing get goes to next with its own error, and the answer has no cookie', async (session, t) => {
  for (const answer of [setImmediate, (call: () => void) => call()]) {
    const store = new PlainStore(answer)
    const error = new Error('down')
    store.failing = { get: error }
    const server = await serve(t, session(options({ store, rolling: true, unset: 'destroy', saveUninitialized: true })))
    const got = await server.get('/', { cookie: cookieFor('a') })
    assert.equal(got.status, 500)
    assert.deepEqual(got.cookies, [])
    assert.equal(server.errors[0], error)
    assert.equal(store.count('get'), 1)
  }
})

both('37. ENOENT and a missing record mean a new session with a new id', async (session, t) => {
  for (const failing of [{ get: Object.assign(new Error('x'), { code: 'ENOENT' }) }, {}]) {
    const store = new PlainStore()
    store.failing = failing
    const server = await serve(t, session(options({ store })), setter)
    const answer = await server.get('/', { cookie: cookieFor('a') })
    assert.equal(answer.status, 200)
    assert.notEqual(answer.body, 'a')
    assert.equal(store.count('get'), 1)
  }
})

both('38. a record without a cookie is a TypeError', async (session, t) => {
  const plain = plainStore(session)
  plain.records.set('a', '{"x":1}')
  const memory = new session.MemoryStore()
  memory.set('a', { x: 1 })
  for (const store of [plain, memory]) {
    const server = await serve(t, session(options({ store })))
    const answer = await server.get('/', { cookie: cookieFor('a') })
    assert.equal(answer.status, 500)
    assert.match(answer.body, /Cannot read prop/)
    assert.ok(server.errors[0] instanceof TypeError)
  }
})

test('39. the first answer of get counts, a throw of get goes to next', async (t) => {
  const twice = new PlainStore()
  twice.get = (_id: string, callback: any) => {
    callback(null, null)
    callback(null, { cookie: {}, late: true })
    callback(new Error('late'))
  }
  const server = await serve(t, ours(options({ store: twice })), (req, res) => res.end(String(req.session.late)))
  assert.equal((await server.get('/', { cookie: cookieFor('a') })).body, 'undefined')

  const throwing = new PlainStore()
  throwing.get = () => {
    throw new Error('thrown')
  }
  const other = await serve(t, ours(options({ store: throwing })))
  assert.equal((await other.get('/', { cookie: cookieFor('a') })).body, 'thrown')
})

test('39. a record of our own store that is no JSON counts as absent', async (t) => {
  const store = new ours.MemoryStore()
  for (const data of ['{"cookie":{"path":"/"},"x":', 'nonsense']) {
    store.backend.create('a', { data, expiresAt: Infinity })
    const middleware = ours(options({ store }))
    const heard: unknown[] = []
    middleware.on('unreadable-record', (event: unknown) => heard.push(event))
    const server = await serve(t, middleware, setter)
    const answer = await server.get('/', { cookie: cookieFor('a') })
    assert.equal(answer.status, 200)
    assert.notEqual(answer.body, 'a')
    assert.equal(answer.cookie, cookieFor(answer.body))
    assert.equal(heard.length, 1)
    store.backend.remove('a')
  }
})
