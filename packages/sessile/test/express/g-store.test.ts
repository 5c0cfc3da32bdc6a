import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allStores,
  both,
  called,
  cookieFor,
  counted,
  idOf,
  later,
  options,
  original,
  ours,
  PlainStore,
  plainStore,
  serve
} from './helpers.ts'

const HOUR = 3_600_000
const setter = (req: any, res: any) => {
  req.session.x = (req.session.x ?? 0) + 1
  res.end(req.sessionID)
}
const getOf = (store: any, id: string) => called((callback) => store.get(id, callback))

/** Wraps the four methods with counters. */
function watch(store: any) {
  const counters = Object.fromEntries(['get', 'set', 'destroy', 'touch'].map((name) => [name, counted(store, name)]))
  return () => Object.fromEntries(Object.entries(counters).map(([name, { calls }]) => [name, calls.splice(0).length]))
}

allStores('64. unset: destroy ends the record, also of a session that never reached the store', async (session, t, store) => {
  const destroy = counted(store, 'destroy')
  const server = await serve(t, session(options({ store, unset: 'destroy' })), (req, res) => {
    if (req.url === '/set') req.session.x = 1
    else if (req.url === '/delete') delete req.session
    else req.session = null
    res.end(req.sessionID)
  })
  const { cookie, body } = await server.get('/set')
  await server.get('/null', { cookie })
  assert.equal(destroy.calls[0]![0], body)
  assert.equal(await getOf(store, body), undefined)
  await server.get('/delete')
  assert.equal(destroy.calls.length, 2)
})

allStores('64. unset: keep drops the changes and leaves the record', async (session, t, store) => {
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = req.url
    if (req.url === '/unset') req.session = null
    res.end(req.sessionID)
  })
  const { cookie, body } = await server.get('/set')
  const done = watch(store)
  await server.get('/unset', { cookie })
  assert.deepEqual(done(), { get: 1, set: 0, destroy: 0, touch: 0 })
  assert.equal((await getOf(store, body)).x, '/set')
})

test('65. a read error destroys nothing, and destroy is not done twice', async (t) => {
  const store = new PlainStore()
  store.failing = { get: new Error('down') }
  const server = await serve(t, ours(options({ store, unset: 'destroy' })), (req, res) => req.session.destroy(() => res.end()))
  await server.get('/', { cookie: cookieFor('a') })
  assert.equal(store.count('destroy'), 0)
  store.failing = {}
  await server.get('/')
  assert.equal(store.count('destroy'), 1)
})

allStores('66. without an id of text nothing is saved, touched or sent', async (session, t, store) => {
  const done = watch(store)
  const server = await serve(t, session(options({ store, resave: true, saveUninitialized: true })), (req, res) => {
    req.session.x = 1
    req.sessionID = undefined
    res.end('fine')
  })
  const answer = await server.get()
  assert.deepEqual([answer.body, answer.cookies], ['fine', []])
  assert.deepEqual(done(), { get: 0, set: 0, destroy: 0, touch: 0 })
})

allStores('67. modified is what differs as JSON, but for the top-level cookie', async (session, t, store) => {
  const date = new Date()
  const changes: Record<string, [(s: any) => void, number]> = {
    '/same': [() => undefined, 0],
    '/nested': [
      (s) => {
        s.in.cookie = 2
      },
      1
    ],
    '/cookie': [
      (s) => {
        s.cookie.maxAge = 5000
      },
      0
    ],
    '/fn': [
      (s) => {
        s.f = () => 1
        s.u = undefined
        s[Symbol('x')] = 1
      },
      0
    ],
    '/date': [
      (s) => {
        s.d = date.toISOString()
      },
      0
    ],
    '/order': [
      (s) => {
        const { a } = s
        delete s.a
        s.a = a
      },
      1
    ],
    '/add': [
      (s) => {
        s.n = null
      },
      1
    ]
  }
  const server = await serve(t, session(options({ store })), (req, res) => {
    if (req.url === '/start') Object.assign(req.session, { a: 1, in: { cookie: 1 }, d: date, z: 'é"}{\\' })
    else changes[req.url]![0](req.session)
    res.end()
  })
  for (const path of Object.keys(changes)) {
    const { cookie } = await server.get('/start')
    const set = counted(store, 'set')
    await server.get(path, { cookie })
    assert.equal(set.calls.length, changes[path]![1], path)
  }
})

allStores('68, 72. a loaded session is saved if modified or resave, else touched', async (session, t, store) => {
  for (const [resave, unmodified] of [
    [false, { set: 0, touch: 1 }],
    [true, { set: 1, touch: 0 }]
  ] as const) {
    const server = await serve(t, session(options({ store, resave })), (req, res) => {
      if (req.url === '/set') req.session.x = Math.random()
      res.end()
    })
    const { cookie } = await server.get('/set')
    const done = watch(store)
    await server.get('/', { cookie })
    assert.deepEqual(done(), { get: 1, destroy: 0, ...unmodified })
    await server.get('/set', { cookie })
    assert.deepEqual(done(), { get: 1, destroy: 0, set: 1, touch: 0 })
  }
})

allStores(
  '69. a new session is saved if saveUninitialized or modified; a regenerated one counts as modified',
  async (session, t, store) => {
    for (const saveUninitialized of [true, false]) {
      const server = await serve(t, session(options({ store, saveUninitialized })), (req, res) => {
        if (req.url === '/regenerate') return req.session.regenerate(() => res.end())
        if (req.url === '/set') req.session.x = 1
        res.end()
      })
      const done = watch(store)
      await server.get('/')
      assert.deepEqual(done(), { get: 0, set: saveUninitialized ? 1 : 0, destroy: 0, touch: 0 })
      await server.get('/set')
      assert.equal(done()['set'], 1)
      const { cookie } = await server.get('/regenerate')
      assert.deepEqual(done(), { get: 0, set: 1, destroy: 1, touch: 0 })
      assert.ok(cookie)
    }
  }
)

allStores('70. one set per request after an explicit save, unless it changed again', async (session, t, store) => {
  for (const more of [{}, { resave: true, saveUninitialized: true }]) {
    const server = await serve(t, session(options({ store, ...more })), (req, res) => {
      if (req.url !== '/plain') req.session.x = Math.random()
      const again = () => {
        if (req.url === '/again') req.session.x = Math.random()
        res.end()
      }
      req.session.save(() => (req.url === '/reload' ? req.session.reload(() => req.session.save(again)) : again()))
    })
    for (const [path, sets] of [
      ['/save', 1],
      ['/plain', 1],
      ['/again', 2],
      ['/reload', 2]
    ] as const) {
      const done = watch(store)
      const { cookie } = await server.get(path)
      assert.equal(done()['set'], sets, `${path} of a new session`)
      if (!cookie) continue
      await server.get(path, { cookie })
      const { set, touch } = done()
      assert.equal(set, sets, path)
      assert.equal(touch, path === '/again' ? 0 : 1, path)
    }
  }
})

test('71. a regenerated session that was saved explicitly is saved once', async (t) => {
  const store = new PlainStore()
  const server = await serve(t, ours(options({ store })), (req, res) =>
    req.session.regenerate(() => {
      req.session.x = 1
      req.session.save(() => res.end())
    })
  )
  await server.get()
  assert.equal(store.count('set'), 1)
})

allStores('72. touches are not throttled', async (session, t, store) => {
  const server = await serve(t, session(options({ store, cookie: { maxAge: HOUR } })), (req, res) => {
    if (req.url === '/set') req.session.x = 1
    res.end(req.sessionID)
  })
  const { cookie, body } = await server.get('/set')
  const at: number[] = []
  for (let i = 0; i < 2; i++) {
    await later(100)
    await server.get('/', { cookie })
    at.push(new Date((await getOf(store, body)).cookie.expires).getTime())
  }
  assert.ok(at[1]! - at[0]! >= 90)
})

both('73. methods replaced on a MemoryStore after the factory ran are called', async (session, t) => {
  const store = new session.MemoryStore()
  const server = await serve(t, session(options({ store })), (req, res) => {
    if (req.url === '/during')
      store.touch = (id: string, _: any, callback: any) => {
        during.push(id)
        callback()
      }
    else if (req.url === '/set') req.session.x = 1
    res.end(req.sessionID)
  })
  const during: string[] = []
  const done = watch(store)
  const { cookie, body } = await server.get('/set')
  assert.deepEqual(done(), { get: 0, set: 1, destroy: 0, touch: 0 })
  await server.get('/during', { cookie })
  assert.deepEqual(during, [body])
  for (const name of ['get', 'set', 'destroy', 'touch']) delete store[name]
  assert.equal((await server.get('/', { cookie })).body, body)
})

both('74. a store without touch is not touched', async (session, t) => {
  const store: any = plainStore(session)
  store.touch = undefined
  const server = await serve(t, session(options({ store })), setter)
  const { cookie } = await server.get()
  assert.equal((await server.get('/', { cookie })).status, 200)
})

both('75. errors at the end change no answer and go to next once, when the head is out', async (session, t) => {
  for (const name of ['set', 'touch', 'destroy'])
    for (const answer of [setImmediate, (call: () => void) => call(), (call: () => void) => setTimeout(call, 20)]) {
      const store = plainStore(session, answer)
      store.records.set('a', '{"cookie":{"path":"/"}}')
      const error = new Error('boom')
      store.failing = { [name]: error }
      let heads: boolean[] = []
      const middleware = session(options({ store, unset: 'destroy' }))
      const wrapped = (req: any, res: any, next: any) =>
        middleware(req, res, (given: any) => {
          if (given) heads.push(res.headersSent)
          next(given)
        })
      const server = await serve(t, wrapped, (req, res) => {
        if (name === 'set') req.session.x = 1
        if (name === 'destroy') req.session = null
        res.setHeader('X-App', 'y')
        res.statusCode = 202
        res.end('body')
      })
      const got = await server.get('/', { cookie: cookieFor('a') })
      assert.deepEqual([got.status, got.body, got.headers['x-app']], [202, 'body', 'y'])
      await later(10)
      assert.deepEqual(server.errors, [error])
      assert.deepEqual(heads, [true])
      heads = []
    }
})

test('76. the error comes after the bytes were handed over', async (t) => {
  const store = new PlainStore()
  store.failing = { set: new Error('boom') }
  const middleware = ours(options({ store }))
  let finished: boolean | undefined
  const wrapped = (req: any, res: any, next: any) =>
    middleware(req, res, (error: any) => {
      if (error) finished = res.writableFinished
      next(error)
    })
  const server = await serve(t, wrapped, (req, res) => {
    req.session.x = 1
    res.end('x'.repeat(100_000))
  })
  assert.equal((await server.get()).body.length, 100_000)
  await later(10)
  assert.equal(finished, true)
})

for (const session of [ours, original]) {
  test(`77. a save or touch that finds its record gone reports no error${session === original ? ' (express-session itself)' : ''}`, async (t) => {
    const store = new session.MemoryStore()
    const server = await serve(t, session(options({ store })), (req, res) => {
      if (req.url !== '/touch') req.session.x = Math.random()
      if (req.url !== '/start') store.clear()
      res.end('mine')
    })
    for (const path of ['/save', '/touch']) {
      const { cookie } = await server.get('/start')
      assert.equal((await server.get(path, { cookie })).body, 'mine')
      await later(5)
      assert.deepEqual(server.errors, [])
      if (session === ours) assert.equal(await getOf(store, idOf(cookie)), undefined)
    }
  })
}

both('78. the save receives the live session', async (session, t) => {
  const store = plainStore(session)
  const set = counted(store, 'set')
  let live: any
  const server = await serve(t, session(options({ store })), (req, res) => {
    live = req.session
    req.session.x = 1
    res.end()
  })
  const { cookie } = await server.get()
  assert.equal(set.calls[0]![1], live)
  await server.get('/', { cookie })
})

test('79. what cannot be serialized throws in the app, and the error answer goes out', async (t) => {
  const server = await serve(t, ours(options()), (req, res) => {
    req.session.x = 10n
    try {
      res.end('never')
    } catch (error) {
      res.statusCode = 500
      res.end((error as Error).message)
    }
  })
  const answer = await server.get()
  assert.deepEqual([answer.status, answer.cookies], [500, []])
  assert.match(answer.body, /BigInt/)
})
