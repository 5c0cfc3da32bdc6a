import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allStores,
  both,
  called,
  cookieFor,
  counted,
  idOf,
  options,
  original,
  ours,
  PlainStore,
  plainStore,
  serve,
  storesOf
} from './helpers.ts'

const getOf = (store: any, id: string) => called((callback) => store.get(id, callback))

/** What `for in` sees. */
function keysOf(object: object): string[] {
  const keys: string[] = []
  for (const key in object) keys.push(key)
  return keys
}

allStores('90. enumerable keys are the data and the cookie', async (session, t, store) => {
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.a = 1
    req.session.b = 2
    res.end(JSON.stringify([keysOf(req.session), Object.keys(req.session), Object.keys({ ...req.session })]))
  })
  const expected = [
    ['cookie', 'a', 'b'],
    ['cookie', 'a', 'b'],
    ['cookie', 'a', 'b']
  ]
  const first = await server.get()
  assert.deepEqual(first.json(), expected)
  assert.deepEqual((await server.get('/', { cookie: first.cookie })).json(), expected)
})

both('91. id and req are own, hidden and read-only; save and reload can be replaced', async (session, t) => {
  let saved = 0
  const server = await serve(t, session(options()), (req, res) => {
    const s = req.session
    assert.equal(s.req, req)
    assert.equal(s.id, req.sessionID)
    for (const name of ['id', 'req']) {
      assert.equal(Object.getOwnPropertyDescriptor(s, name)!.enumerable, false)
      assert.throws(() => {
        s[name] = 'x'
      }, TypeError)
    }
    const { save } = s
    s.save = function (...given: any[]) {
      saved++
      return save.apply(this, given)
    }
    s.reload = () => undefined
    assert.deepEqual(keysOf(s), ['cookie'])
    s.x = 1
    res.end(s.id)
  })
  const answer = await server.get()
  assert.equal(answer.status, 200)
  assert.equal(idOf(answer.cookie), answer.body)
  assert.equal(saved, 1)
})

both('92. a record cannot shadow what a session has, nor pollute anything', async (session, t) => {
  const store = plainStore(session)
  const hostile =
    '{"cookie":{"path":"/","__proto__":{"evil":1}},"save":1,"id":"x","req":2,"toString":3,"constructor":4,"touch":5,"__proto__":{"evil":1},"ok":6}'
  store.records.set('a', hostile)
  const memory = new session.MemoryStore()
  memory.set('a', JSON.parse(hostile))
  for (const one of [store, memory]) {
    const server = await serve(t, session(options({ store: one })), (req, res) => {
      res.end(JSON.stringify([keysOf(req.session), typeof req.session.save, req.session.id, req.session.evil, ({} as any).evil]))
    })
    const answer = await server.get('/', { cookie: cookieFor('a') })
    assert.deepEqual(answer.json(), [['cookie', 'ok'], 'function', 'a', null, null])
  }
})

test('92. names that only we use stay the data of a record', async (t) => {
  for (const make of Object.values(storesOf(ours))) {
    const store = make()
    await called((callback) => store.set('a', { cookie: { path: '/' }, update: 'u', signIn: 's', renew: 1, signOut: null }, callback))
    const server = await serve(t, ours(options({ store })), (req, res) => {
      req.session.seen = true
      res.end(JSON.stringify(req.session))
    })
    await server.get('/', { cookie: cookieFor('a') })
    const { cookie: _, ...data } = (await server.get('/', { cookie: cookieFor('a') })).json()
    assert.deepEqual(data, { update: 'u', signIn: 's', renew: 1, signOut: null, seen: true })
  }
})

both('93. touch and resetMaxAge set the expiry anew and return the session', async (session, t) => {
  const server = await serve(t, session(options({ cookie: { maxAge: 60_000 } })), (req, res) => {
    const s = req.session
    for (const name of ['touch', 'resetMaxAge']) {
      s.cookie._expires = new Date(0)
      assert.equal(s[name](), s)
      assert.ok(Math.abs(s.cookie.expires.getTime() - Date.now() - 60_000) < 50)
      assert.ok(s.cookie.originalMaxAge >= 59_990)
    }
    res.end('fine')
  })
  assert.equal((await server.get()).body, 'fine')
})

allStores('94. save calls back when the record is there, destroy when it is told', async (session, t, store) => {
  const server = await serve(t, session(options({ store })), async (req, res) => {
    const { sessionID } = req
    req.session.x = 1
    await called((callback) => req.session.save(callback))
    const saved = await getOf(store, sessionID)
    const destroyed = called((callback) => req.session.destroy(callback))
    const during = ['session' in req, req.session]
    await destroyed
    res.end(JSON.stringify([saved.x, during[0], req.sessionID === sessionID, (await getOf(store, sessionID)) === undefined]))
  })
  assert.deepEqual((await server.get()).json(), [1, false, true, true])
})

allStores('95. regenerate destroys the old id and gives a new session', async (session, t, store) => {
  const destroy = counted(store, 'destroy')
  const server = await serve(t, session(options({ store })), async (req, res) => {
    const before = req.session
    const id = req.sessionID
    if (req.url === '/start') req.session.old = true
    else {
      await called((callback) => req.session.regenerate(callback))
      assert.notEqual(req.session, before)
      assert.notEqual(req.sessionID, id)
      assert.equal(req.session.old, undefined)
      req.session.fresh = true
    }
    res.end(req.sessionID)
  })
  const { cookie, body } = await server.get('/start')
  const renewed = await server.get('/', { cookie })
  assert.deepEqual(
    destroy.calls.map(([id]) => id),
    [body]
  )
  assert.equal(idOf(renewed.cookie), renewed.body)
  assert.equal(await getOf(store, body), undefined)
  assert.equal((await getOf(store, renewed.body)).fresh, true)
  assert.ok((await server.get('/never-saved')).cookie)
})

both('95. a failing destroy still gives the new session, and passes the error', async (session, t) => {
  const store = plainStore(session)
  const error = new Error('boom')
  store.failing = { destroy: error }
  const server = await serve(t, session(options({ store })), (req, res) => {
    const id = req.sessionID
    req.session.regenerate((given: any) => res.end(String(given === error && req.sessionID !== id && Boolean(req.session))))
  })
  assert.equal((await server.get()).body, 'true')
})

both('96. generation goes through store.generate', async (session, t) => {
  const store = new session.MemoryStore()
  const middleware = session(options({ store }))
  assert.ok(Object.hasOwn(store, 'generate'))
  const server = await serve(t, middleware, (req, res) => {
    const id = req.sessionID
    req.session.destroy(() => {
      store.generate(req)
      req.session.x = 1
      res.end(String(req.sessionID !== id && req.session.id === req.sessionID))
    })
  })
  const answer = await server.get()
  assert.equal(answer.body, 'true')
  assert.ok(answer.cookie)
  const own = store.generate
  let asked = 0
  store.generate = (req: any) => {
    asked++
    own(req)
  }
  await server.get()
  assert.equal(asked, 2)
})

test('96. two factories on one store use their own options', async (t) => {
  const store = new ours.MemoryStore()
  const one = ours(options({ store, genid: () => `one-${Math.random()}`, cookie: { path: '/', sameSite: 'lax' } }))
  ours(options({ store, genid: () => `two-${Math.random()}`, cookie: { path: '/', sameSite: 'strict' } }))
  const server = await serve(t, one, (req, res) =>
    req.session.regenerate(() => {
      req.session.x = 1
      res.end(req.sessionID)
    })
  )
  const { body, cookies } = await server.get()
  assert.match(body, /^one/)
  assert.match(cookies[0]!, /SameSite=Lax/)
})

allStores('97. reload gives a new object with what is stored', async (session, t, store) => {
  const server = await serve(t, session(options({ store })), async (req, res) => {
    const before = req.session
    req.session.x = 1
    await called((callback) => req.session.save(callback))
    req.session.x = 2
    req.session.lost = true
    await called((callback) => req.session.reload(callback))
    const reloaded = [req.session === before, req.session.x, 'lost' in req.session]
    await called((callback) => store.destroy(req.sessionID, callback))
    const current = req.session
    const error = await called((callback) => req.session.reload(callback)).catch((given) => given)
    res.end(JSON.stringify([...reloaded, error.message, req.session === current]))
  })
  assert.deepEqual((await server.get()).json(), [false, 1, false, 'failed to load session', true])
})

for (const [kind, make] of [
  ...Object.entries(storesOf(ours)).filter(([kind]) => kind !== 'replaced'),
  ['express-session itself', original.MemoryStore]
] as const) {
  test(`97. reload calls back into itself many levels deep (${kind})`, async (t) => {
    const isOurs = kind !== 'express-session itself'
    const store = isOurs ? (make as () => any)() : new (make as any)()
    const server = await serve(t, (isOurs ? ours : original)(options({ store })), (req, res) => {
      let left = 3000
      const again = () => (left-- > 0 ? req.session.reload(again) : res.end('done'))
      if (req.url === '/missing') return again()
      req.session.save(again)
    })
    assert.equal((await server.get()).body, 'done')
    assert.equal((await server.get('/missing')).body, 'done')
  })
}

test('98. what was reloaded is what changes are measured against', async (t) => {
  for (const [kind, make] of Object.entries(storesOf(ours))) {
    const store = make()
    const server = await serve(t, ours(options({ store, cookie: { maxAge: 60_000 } })), async (req, res) => {
      if (req.url === '/set') req.session.x = 1
      else {
        await called((callback) =>
          store.set(req.sessionID, { cookie: { ...JSON.parse(JSON.stringify(req.session.cookie)) }, x: 2 }, callback)
        )
        await req.session.reload()
      }
      res.end(String(req.session.x))
    })
    const { cookie } = await server.get('/set')
    const set = counted(store, 'set')
    const answer = await server.get('/', { cookie })
    assert.deepEqual([answer.body, answer.cookie], ['2', undefined], kind)
    assert.equal(set.calls.length, 1, 'only the one of the handler')
  }
})

test('98. a new session that was saved and reloaded sends its cookie', async (t) => {
  const server = await serve(t, ours(options()), async (req, res) => {
    req.session.x = 1
    await req.session.save()
    await req.session.reload()
    res.end()
  })
  assert.ok((await server.get()).cookie)
})

test('99. with a callback methods return the session, without a promise that may be ignored', async (t) => {
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  t.after(() => void process.off('unhandledRejection', note))
  const store = new PlainStore()
  store.failing = { set: new Error('set'), destroy: new Error('destroy') }
  const server = await serve(t, ours(options({ store })), async (req, res) => {
    const { session } = req
    assert.equal('then' in session, false)
    for (const name of ['save', 'reload', 'regenerate', 'destroy', 'renew']) {
      await new Promise((resolve) => assert.equal(session[name](resolve), session))
    }
    session.save()
    await assert.rejects(() => session.reload(), /failed to load session/)
    await assert.rejects(() => session.destroy(), store.failing['destroy'] as Error)
    res.end('fine')
  })
  assert.equal((await server.get()).body, 'fine')
  await new Promise(setImmediate)
  assert.deepEqual(unhandled, [])
})

both('100. ids have 32 characters of base64url; genid may return any text', async (session, t) => {
  const setter = (req: any, res: any) => {
    req.session.x = 1
    res.end(req.sessionID)
  }
  const server = await serve(t, session(options()), setter)
  const seen = new Set<string>()
  for (let i = 0; i < 20; i++) {
    const { body } = await server.get()
    assert.match(body, /^[\w-]{32}$/)
    seen.add(body)
  }
  assert.equal(seen.size, 20)
  const own = await serve(t, session(options({ genid: (req: any) => `ü ;,=%/${req.url}` })), setter)
  const first = await own.get()
  assert.equal((await own.get('/', { cookie: first.cookie })).body, 'ü ;,=%//')
})

both('101. another sessionID changes the cookie, and saves go to session.id', async (session, t) => {
  const store = plainStore(session)
  const set = counted(store, 'set')
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = 1
    const { id } = req.session
    req.sessionID = 'other'
    res.end(id)
  })
  const answer = await server.get()
  assert.equal(idOf(answer.cookie), 'other')
  assert.deepEqual(
    set.calls.map(([id]) => id),
    [answer.body]
  )
})
