import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributesOf, both, called, counted, later, options, original, ours, serve } from './helpers.ts'

const near = (one: number, other: number, by = 20) => assert.ok(Math.abs(one - other) <= by, `${one} and ${other}`)

both('102. the defaults of a cookie', ({ Cookie }) => {
  for (const cookie of [new Cookie(), new Cookie(null), new Cookie({})]) {
    assert.deepEqual([cookie.path, cookie.httpOnly, cookie.expires, cookie.maxAge, cookie.originalMaxAge], ['/', true, null, null, null])
  }
})

both('103. options that are no object are a TypeError', ({ Cookie }) => {
  for (const wrong of [1, 'x', true, () => 1])
    assert.throws(() => new Cookie(wrong), { name: 'TypeError', message: 'argument options must be a object' })
})

both('104. all enumerable options are taken in order, but for data', ({ Cookie }) => {
  const inherited = Object.create({ domain: 'example.com', later: 1 })
  inherited.own = 2
  inherited.data = { evil: true }
  const cookie = new Cookie(inherited)
  assert.deepEqual([cookie.domain, cookie.later, cookie.own, cookie.data.evil], ['example.com', 1, 2, undefined])
})

both('105. expires is the very Date given; of expires and maxAge the last one wins', ({ Cookie }) => {
  const expires = new Date(Date.now() + 60_000)
  assert.equal(new Cookie({ expires }).expires, expires)
  assert.equal(new Cookie({ maxAge: 5, expires }).expires, expires)
  near(new Cookie({ expires, maxAge: 5000 }).expires.getTime(), Date.now() + 5000)
})

both('106. maxAge takes a number, a Date, or nothing', ({ Cookie }) => {
  near(new Cookie({ maxAge: 0 }).expires.getTime(), Date.now())
  near(new Cookie({ maxAge: 5000 }).expires.getTime(), Date.now() + 5000)
  const date = new Date(Date.now() + 7000)
  assert.equal(new Cookie({ maxAge: date }).expires.getTime(), date.getTime())
  for (const nothing of [null, undefined, false]) assert.equal(new Cookie({ maxAge: nothing }).expires, nothing)
  for (const wrong of ['5', {}, true, []])
    assert.throws(() => new Cookie({ maxAge: wrong }), { name: 'TypeError', message: 'maxAge must be a number or Date' })
})

both('107. reading maxAge gives what is left, or what expires is', ({ Cookie }) => {
  near(new Cookie({ expires: new Date(Date.now() + 5000) }).maxAge, 5000)
  for (const value of [null, false, 'text']) assert.equal(new Cookie({ expires: value }).maxAge, value)
})

both('108. originalMaxAge is what remained when the time was set; one given after it survives', ({ Cookie }) => {
  const cookie = new Cookie({ maxAge: 5000 })
  near(cookie.originalMaxAge, 5000, 1)
  cookie.maxAge = 7000
  near(cookie.originalMaxAge, 7000, 1)
  cookie.expires = new Date(Date.now() + 3000)
  near(cookie.originalMaxAge, 3000)
  cookie.expires = null
  assert.equal(cookie.originalMaxAge, null)
  assert.equal(new Cookie({ maxAge: 5000, originalMaxAge: 9000 }).originalMaxAge, 9000)
  near(new Cookie({ originalMaxAge: 9000, maxAge: 5000 }).originalMaxAge, 5000, 1)
})

test('108. originalMaxAge stays exact over many touches', () => {
  const cookie = new ours.Cookie({ maxAge: 5000 })
  for (let i = 0; i < 10_000; i++) cookie.maxAge = cookie.originalMaxAge
  assert.equal(cookie.originalMaxAge, 5000)
})

both('109. a handler may send a date long past, or none', async (session, t) => {
  const server = await serve(t, session(options({ cookie: { maxAge: 60_000 } })), (req, res) => {
    req.session.x = 1
    req.session.cookie.expires = req.url === '/null' ? null : new Date(0)
    res.end()
  })
  assert.equal(attributesOf((await server.get()).cookies[0])['expires'], 'Thu, 01 Jan 1970 00:00:00 GMT')
  assert.equal(attributesOf((await server.get('/null')).cookies[0])['expires'], undefined)
})

both('110. data and toJSON hold the fields in their order', ({ Cookie }) => {
  const cookie = new Cookie({ partitioned: true, priority: 'low', secure: true, domain: 'd', sameSite: 'lax', maxAge: 1 })
  const order = ['originalMaxAge', 'partitioned', 'priority', 'expires', 'secure', 'httpOnly', 'domain', 'path', 'sameSite']
  assert.deepEqual(Object.keys(cookie.data), order)
  assert.deepEqual(cookie.toJSON(), cookie.data)
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(cookie))), order)
  assert.equal(JSON.stringify(new Cookie()), '{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}')
})

both('111. serialize gives the text of the header', ({ Cookie }) => {
  assert.equal(new Cookie().serialize('n', 'v'), 'n=v; Path=/; HttpOnly')
  assert.equal(new Cookie({ sameSite: true, secure: true }).serialize('n', 'a b;'), 'n=a%20b%3B; Path=/; HttpOnly; Secure; SameSite=Strict')
})

both('112. the other fields are plain; a cookie is made of another one', ({ Cookie }) => {
  assert.deepEqual(
    Object.keys(new Cookie()),
    original.Cookie === Cookie ? Object.keys(new Cookie()) : ['path', '_expires', 'originalMaxAge', 'httpOnly']
  )
  const cookie = new Cookie()
  for (const [name, value] of Object.entries({
    partitioned: true,
    priority: 'high',
    path: '/x',
    httpOnly: false,
    domain: 'd',
    secure: true,
    sameSite: 'lax',
    foo: 1
  })) {
    cookie[name] = value
    assert.equal(cookie[name], value)
  }
  const other = new Cookie(new Cookie({ maxAge: 5000, domain: 'example.com' }))
  assert.equal(other.domain, 'example.com')
  near(other.maxAge, 5000)
})

test('112. the own keys of a fresh cookie', () => {
  assert.deepEqual(Object.keys(new ours.Cookie()).sort(), Object.keys(new original.Cookie()).sort())
})

both('the expiry a handler gives reaches the record, shorter ones too', async (session, t) => {
  const store = new session.MemoryStore()
  const server = await serve(t, session(options({ store, cookie: { maxAge: 60_000 } })), (req, res) => {
    if (req.url === '/set') req.session.x = 1
    if (req.url === '/short') req.session.cookie.maxAge = 2000
    if (req.url === '/insecure') req.session.cookie.sameSite = 'lax'
    res.end(req.sessionID)
  })
  const { cookie, body } = await server.get('/set')
  await server.get('/short', { cookie })
  await later(2)
  const set = counted(store, 'set')
  await server.get('/', { cookie })
  const record = await called((callback) => store.get(body, callback))
  near(new Date(record.cookie.expires).getTime(), Date.now() + 2000, 100)
  near(record.cookie.originalMaxAge, 2000, 1)
  assert.equal(set.calls.length, 0)
  await server.get('/insecure', { cookie })
  assert.equal((await called((callback) => store.get(body, callback))).cookie.sameSite, 'lax')
})
