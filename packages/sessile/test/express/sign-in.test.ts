import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { answersLater } from '../../src/testing/faults.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { called, cookieFor, idOf, later, options, ours, PlainStore, serve } from './helpers.ts'

/** Stores that answer at once and late, ours and others'. */
const STORES: Record<string, () => any> = {
  memory: () => new ours.MemoryStore(),
  sqlite: () => sqliteStore({ file: ':memory:' }),
  'late memory': () => answersLater(memoryStore()),
  other: () => new PlainStore()
}

const actions: Record<string, (req: any) => unknown> = {
  '/cart': (req) => {
    req.session.cart = ['tea']
  },
  '/in': (req) => req.session.signIn('u1', { role: 'customer' }),
  '/other': (req) => req.session.signIn(2),
  '/out': (req) => req.session.signOut(),
  '/renew': (req) => req.session.renew(),
  '/count': (req) => req.session.update((draft: any) => (draft.count = (draft.count ?? 0) + 1)),
  '/look': () => undefined
}

async function app(t: any, more: object = {}) {
  const middleware = ours(options(more))
  const server = await serve(t, middleware, async (req, res) => {
    try {
      const value = await actions[req.url]!(req)
      res.end(JSON.stringify({ value, id: req.sessionID, session: req.session, info: middleware.describe(req) }))
    } catch (error) {
      res.statusCode = (error as any).status ?? 500
      res.end((error as any).code ?? (error as Error).message)
    }
  })
  return { ...server, sessions: middleware }
}

for (const [kind, make] of Object.entries(STORES)) {
  test(`signIn gives a new id, keeps the data and ends the old id (${kind})`, async (t) => {
    const store = make()
    const server = await app(t, { store })
    const before = await server.get('/cart')
    const signedIn = await server.get('/in', { cookie: before.cookie })
    const { session, info } = signedIn.json()
    assert.deepEqual([session.cart, session.userId, session.role], [['tea'], 'u1', 'customer'])
    assert.notEqual(signedIn.cookie, before.cookie)
    assert.equal(info.userId, 'u1')
    assert.ok(info.signedInAt >= info.createdAt)
    const old = (await server.get('/look', { cookie: before.cookie })).json()
    assert.notEqual(old.id, idOf(before.cookie))
    assert.equal(old.session.cart, undefined)
    const again = (await server.get('/look', { cookie: signedIn.cookie })).json()
    assert.deepEqual([again.session.userId, again.info.signedInAt, again.info.handle], ['u1', info.signedInAt, info.handle])
  })

  test(`signIn keeps nothing of another user's session (${kind})`, async (t) => {
    const server = await app(t, { store: make() })
    const cart = await server.get('/cart')
    const first = await server.get('/in', { cookie: cart.cookie })
    const second = await server.get('/other', { cookie: first.cookie })
    const { cookie: _, ...data } = second.json().session
    assert.deepEqual(data, { userId: 2 })
    assert.equal((await server.get('/look', { cookie: first.cookie })).json().session.userId, undefined)
    const { cookie: __, ...stored } = (await server.get('/look', { cookie: second.cookie })).json().session
    assert.deepEqual(stored, { userId: 2 })
  })

  test(`signIn of a session that was never stored (${kind})`, async (t) => {
    const server = await app(t, { store: make() })
    const signedIn = await server.get('/in')
    assert.equal((await server.get('/look', { cookie: signedIn.cookie })).json().session.userId, 'u1')
  })

  test(`signOut ends the session (${kind})`, async (t) => {
    const server = await app(t, { store: make() })
    const { cookie } = await server.get('/in')
    const out = await server.get('/out', { cookie })
    assert.match(out.cookies[0]!, /^connect\.sid=; .*Expires=Thu, 01 Jan 1970/)
    assert.equal(out.json().session, undefined)
    assert.equal((await server.get('/look', { cookie })).json().session.userId, undefined)
  })

  test(`renew gives a new id in place (${kind})`, async (t) => {
    const server = await app(t, { store: make() })
    const { cookie } = await server.get('/cart')
    const renewed = await server.get('/renew', { cookie })
    assert.notEqual(renewed.cookie, cookie)
    assert.deepEqual((await server.get('/look', { cookie: renewed.cookie })).json().session.cart, ['tea'])
    assert.equal((await server.get('/look', { cookie })).json().session.cart, undefined)
    assert.equal((await server.get('/renew')).cookie, undefined, 'a session of no consequence stays that')
  })

  test(`update loses none of many at once (${kind})`, async (t) => {
    const server = await app(t, { store: make() })
    const { cookie } = await server.get('/cart')
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.get('/count', { cookie })))
    assert.deepEqual(
      answers.map((answer) => answer.json().value).sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 1)
    )
    assert.equal((await server.get('/look', { cookie })).json().session.count, 20)
  })
}

test('update sees unsaved changes of the request, saves them, and starts a session', async (t) => {
  const held: any[] = []
  const server = await serve(t, ours(options()), async (req, res) => {
    const list = (req.session.list = [1])
    const length = await req.session.update((draft: any) => draft.list.push(2))
    held.push(list)
    res.end(JSON.stringify([length, req.session.list]))
  })
  const answer = await server.get()
  assert.deepEqual(answer.json(), [2, [1, 2]])
  assert.ok(answer.cookie)
})

test('update of a new session runs its change once, and stores it only where there is something to store', async (t) => {
  for (const saveUninitialized of [false, true]) {
    const store = new ours.MemoryStore()
    let runs = 0
    const server = await serve(t, ours(options({ store, saveUninitialized })), async (req, res) => {
      const returned = await req.session.update((draft: any) => {
        runs++
        if (req.url === '/change') draft.x = { y: 1 }
        return draft.x?.y ?? 'none'
      })
      res.end(JSON.stringify([returned, req.session.x ?? null]))
    })
    const unchanged = await server.get('/')
    assert.deepEqual([unchanged.json(), runs, unchanged.cookie !== undefined], [['none', null], 1, saveUninitialized])
    assert.equal(await store.length(), saveUninitialized ? 1 : 0)
    const changed = await server.get('/change')
    assert.deepEqual([changed.json(), runs, changed.cookie !== undefined], [[1, { y: 1 }], 2, true])
    assert.equal(await store.length(), saveUninitialized ? 2 : 1)
  }
})

test('two updates of a new session at once both count', async (t) => {
  const server = await serve(t, ours(options()), async (req, res) => {
    const count = (draft: any) => {
      draft.n = (draft.n ?? 0) + 1
    }
    await Promise.all([req.session.update(count), req.session.update(count)])
    res.end(String(req.session.n))
  })
  assert.equal((await server.get()).body, '2')
})

test('update of a session that ended meanwhile is refused with gone, and it stays ended', async (t) => {
  const store = new ours.MemoryStore()
  const server = await serve(t, ours(options({ store })), async (req, res) => {
    if (req.url === '/start') {
      req.session.x = 1
      return res.end()
    }
    await store.destroy(req.sessionID)
    await assert.rejects(
      req.session.update(() => 1),
      { code: 'gone', status: 401 }
    )
    await assert.rejects(req.session.renew(), { code: 'gone' })
    res.end('refused')
  })
  const { cookie } = await server.get('/start')
  const answer = await server.get('/', { cookie })
  assert.deepEqual([answer.body, answer.cookies], ['refused', []])
  assert.equal(await store.length(), 0)
})

test('update cannot hand a session over, and signIn needs a user', async (t) => {
  const server = await serve(t, ours(options()), async (req, res) => {
    await assert.rejects(
      req.session.update((draft: any) => {
        draft.userId = 'x'
      }),
      { code: 'bad-argument' }
    )
    for (const wrong of [undefined, null, '', {}, true]) await assert.rejects(req.session.signIn(wrong), { code: 'bad-argument' })
    res.end('fine')
  })
  assert.equal((await server.get()).body, 'fine')
})

test("an ignored signIn, update or renew that fails is nobody's unhandled rejection", async (t) => {
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  t.after(() => void process.off('unhandledRejection', note))
  const store = new PlainStore()
  store.failing = { set: new Error('down') }
  const server = await serve(t, ours(options({ store })), (req, res) => {
    req.session.signIn('u')
    req.session.update(() => 1)
    req.session.renew()
    res.end('fine')
  })
  assert.equal((await server.get()).body, 'fine')
  await later(10)
  assert.deepEqual(unhandled, [])
})

test('a refused sign-in leaves the visitor what he had; end-oldest makes room', async (t) => {
  const server = await app(t, { maxSessionsPerUser: 1 })
  const first = await server.get('/in')
  const cart = await server.get('/cart')
  const refused = await server.get('/in', { cookie: cart.cookie })
  assert.deepEqual([refused.status, refused.body], [409, 'too-many-sessions'])
  const after = (await server.get('/look', { cookie: refused.cookie })).json()
  assert.deepEqual([after.session.cart, after.session.userId], [['tea'], undefined])
  assert.equal((await server.get('/look', { cookie: first.cookie })).json().session.userId, 'u1')

  const roomy = await app(t, { maxSessionsPerUser: 1, whenTooMany: 'end-oldest' })
  const one = await roomy.get('/in')
  await later(2)
  const two = await roomy.get('/in')
  assert.equal((await roomy.get('/look', { cookie: one.cookie })).json().session.userId, undefined)
  assert.equal((await roomy.get('/look', { cookie: two.cookie })).json().session.userId, 'u1')
})

test('a slow "add to cart" survives a sign-in at the same moment', async (t) => {
  const store = new ours.MemoryStore()
  const held: (() => void)[] = []
  const server = await serve(t, ours(options({ store })), async (req, res) => {
    if (req.url === '/slow') await new Promise<void>((resolve) => held.push(resolve))
    if (req.url === '/in') await req.session.signIn('u1')
    else req.session[req.url] = true
    res.end()
  })
  const { cookie } = await server.get('/start')
  const slow = server.get('/slow', { cookie })
  while (held.length === 0) await later(1)
  const signedIn = await server.get('/in', { cookie })
  held[0]!()
  assert.deepEqual((await slow).cookies, [])
  const found: any = await called((callback) => store.get(idOf(signedIn.cookie), callback))
  assert.deepEqual(Object.keys(found), ['cookie', '/start', 'userId', '/slow'])
  assert.equal(cookieFor(idOf(cookie)), cookie)
})
