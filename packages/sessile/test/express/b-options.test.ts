import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { both, cookieFor, idOf, options, ours, SECRET, serve } from './helpers.ts'

const ENTRY = new URL('../../src/entries/index.ts', import.meta.url).href
const setter = (req: any, res: any) => {
  req.session.x = 1
  res.end(req.sessionID)
}

/** Runs code with `session` in scope, in a process of its own. */
function inProcess(code: string, env: Record<string, string> = {}) {
  const script = `import { session, Cookie } from ${JSON.stringify(ENTRY)}\n${code}`
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, NO_DEPRECATION: '', ...env }
  })
}

both('11. name, else key, else connect.sid; falsy values fall through', async (session, t) => {
  for (const [given, name] of [
    [{ name: 'n', key: 'k' }, 'n'],
    [{ name: '', key: 'k' }, 'k'],
    [{}, 'connect.sid']
  ] as const) {
    const server = await serve(t, session(options(given)), setter)
    assert.match((await server.get()).cookies[0]!, new RegExp(`^${name}=`))
  }
})

both('12. genid must be a function; falsy means the default', async (session, t) => {
  for (const genid of ['x', 1, {}, true])
    assert.throws(() => session(options({ genid })), { name: 'TypeError', message: 'genid option must be a function' })
  const server = await serve(t, session(options({ genid: null })), setter)
  assert.equal((await server.get()).body.length, 32)
})

both('13. unset is destroy or keep', (session) => {
  for (const unset of ['x', 1, {}, true])
    assert.throws(() => session(options({ unset })), { name: 'TypeError', message: 'unset option must be "destroy" or "keep"' })
  for (const unset of [undefined, null, '', 'keep', 'destroy']) session(options({ unset }))
})

both('14. an empty list of secrets throws', (session) => {
  assert.throws(() => session(options({ secret: [] })), {
    name: 'TypeError',
    message: 'secret option array must contain one or more strings'
  })
})

both('15. without any secret each request ends in next(error)', async (session, t) => {
  const server = await serve(t, session(options({ secret: undefined })))
  for (let i = 0; i < 2; i++) assert.equal((await server.get()).body, 'secret option required for sessions')
})

both('16. req.secret signs and verifies where no secret was given', async (session, t) => {
  const server = await serve(t, session(options({ secret: undefined })), setter, (req) => {
    req.secret = SECRET
  })
  const first = await server.get()
  assert.equal(first.cookie, cookieFor(first.body))
  assert.equal((await server.get('/', { cookie: first.cookie })).body, first.body)
})

both('17. a secret is text, bytes or a key; only arrays are lists', async (session, t) => {
  for (const secret of [Buffer.from('bytes'), new Uint8Array([1, 2, 3]), createSecretKey(Buffer.from('key'))]) {
    const server = await serve(t, session(options({ secret })), setter)
    const first = await server.get()
    assert.equal((await server.get('/', { cookie: first.cookie })).body, first.body)
  }
})

both('18. secrets are added to a list while running', async (session, t) => {
  const secret = ['old']
  const server = await serve(t, session(options({ secret })), setter)
  const first = await server.get()
  secret.unshift('new')
  assert.equal((await server.get('/', { cookie: first.cookie })).body, first.body)
  const second = await server.get()
  assert.equal(second.cookie, cookieFor(second.body, 'new'))
})

test('18. a secret that was taken off the list is no longer accepted, though its cookie was seen before', async (t) => {
  const secret = ['new', 'old']
  const server = await serve(t, ours(options({ secret })), setter)
  const first = await server.get()
  const cookie = cookieFor(first.body, 'old')
  assert.equal((await server.get('/', { cookie })).body, first.body)
  secret.pop()
  assert.notEqual((await server.get('/', { cookie })).body, first.body)
})

both('19. resave and saveUninitialized default to true, rolling to false', async (session, t) => {
  const middleware = session({ secret: SECRET })
  const server = await serve(t, middleware)
  const first = await server.get()
  assert.ok(first.cookie)
  assert.equal((await server.get('/', { cookie: first.cookie })).cookie, undefined)
})

test('20, 21. deprecations are told to the listeners of the process, in their words', () => {
  const run = inProcess(`
    process.on('deprecation', (error) => console.log(error.namespace + ': ' + error.message))
    session()
    new Cookie().maxAge = new Date()
  `)
  assert.equal(run.stderr, '')
  assert.deepEqual(run.stdout.trim().split('\n'), [
    'express-session: undefined resave option; provide resave option',
    'express-session: undefined saveUninitialized option; provide saveUninitialized option',
    'express-session: req.secret; provide secret option',
    'express-session: maxAge as Date; pass number of milliseconds instead'
  ])
})

test('21. they print once for each calling site, and can be silenced', () => {
  const code = 'for (let i = 0; i < 3; i++) session({ secret: "x", resave: false })\nsession({ secret: "x", resave: false })'
  const loud = inProcess(code).stderr
  assert.equal(loud.match(/undefined saveUninitialized option/g)?.length, 2)
  assert.equal(inProcess(code, { NO_DEPRECATION: 'express-session' }).stderr, '')
  assert.equal(inProcess(code, { NO_DEPRECATION: '*' }).stderr, '')
})

both('22. each call has a MemoryStore of its own', async (session, t) => {
  const one = await serve(t, session(options()), setter)
  const two = await serve(t, session(options()), setter)
  const first = await one.get()
  assert.notEqual((await two.get('/', { cookie: first.cookie })).body, first.body)
  const store = new session.MemoryStore()
  session(options({ store }))
  assert.equal(typeof store.generate, 'function')
})

test('23. a MemoryStore in production warns once, in three lines', () => {
  const options = '{ secret: "x".repeat(32), resave: false, saveUninitialized: false }'
  const warned = inProcess(`session(${options})`, { NODE_ENV: 'production' }).stderr
  assert.equal(
    warned,
    'Warning: connect.session() MemoryStore is not\ndesigned for a production environment, as it will leak\nmemory, and will not scale past a single process.\n'
  )
  assert.equal(inProcess(`session(${options})`, { NODE_ENV: 'test' }).stderr, '')
})

both('24. the factory does not look into the cookie options', (session) => {
  for (const cookie of [undefined, null, { expires: new Date(NaN) }, { domain: 'a;b' }, { maxAge: 'x' }]) session(options({ cookie }))
  session(options({ name: 'a b;c' }))
})

both('25. a cookie function is called once for the path and once for each session generated', async (session, t) => {
  const seen: string[] = []
  const server = await serve(
    t,
    session(
      options({
        cookie: (req: any) => {
          seen.push(req.url)
          return { path: '/', maxAge: 60_000 }
        }
      })
    ),
    setter
  )
  const first = await server.get('/a')
  assert.deepEqual(seen.splice(0), ['/a', '/a'])
  await server.get('/b', { cookie: first.cookie })
  assert.deepEqual(seen.splice(0), ['/b'])
})

both('26. proxy is true, false, or anything else', async (session, t) => {
  for (const [proxy, sent] of [
    [true, true],
    [false, false],
    [undefined, false],
    [1, false],
    ['yes', false]
  ] as const) {
    const server = await serve(t, session(options({ proxy, cookie: { secure: true } })), setter)
    const answer = await server.get('/', { headers: { 'x-forwarded-proto': 'https' } })
    assert.equal(answer.cookie !== undefined, sent, String(proxy))
  }
})

test('27. DEBUG prints a trace without ids, cookies or records', () => {
  const run = inProcess(
    `
    const middleware = session({ secret: 'x', resave: false, saveUninitialized: true })
    const call = (headers) => new Promise((resolve) => { const req = { url: '/', headers, socket: {} }; middleware(req, { end() {}, writeHead() {} }, () => resolve(req)) })
    const req = await call({})
    req.session.word = 'swordfish'
    await req.session.save()
    const { sign } = await import('cookie-signature')
    await call({ cookie: 'connect.sid=s:' + sign(req.sessionID, 'x') })
    console.log(req.sessionID)
  `,
    { DEBUG: 'express-session' }
  )
  assert.match(run.stderr, /express-session fetching/)
  assert.ok(!run.stderr.includes(run.stdout.trim()) && !run.stderr.includes('swordfish'))
})

test('options of ours that cannot be used are refused when set up', () => {
  for (const wrong of [
    { onStoreError: 'x' },
    { hashIds: 'x' },
    { lifetimes: { anonymous: { idle: 'soon' } } },
    { store: 'nosql:x' },
    { store: {} }
  ]) {
    assert.throws(() => ours(options(wrong)), { name: 'SessionError' })
  }
  assert.ok(idOf(cookieFor('a.b')) === 'a.b')
})
