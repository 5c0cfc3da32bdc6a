import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { wrapBackend } from '../../src/core/backend.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { answersLater } from '../../src/testing/faults.ts'
import { attributesOf, cookieFor, idOf, options, ours, PlainStore, serve } from './helpers.ts'

const MINUTE = 60_000

const actions: Record<string, (req: any) => unknown> = {
  '/in': (req) => req.session.signIn('u1'),
  '/cart': (req) => {
    req.session.cart = 1
  },
  '/look': (req) => req.session.x,
  '/unseen': () => 1
}

async function app(t: any, more: object) {
  const sessions = ours(options(more))
  const server = await serve(t, sessions, async (req, res) => {
    if (req.url === '/confirm') await sessions.confirm(req)
    else await actions[req.url]!(req)
    res.end(JSON.stringify({ session: req.url === '/unseen' ? {} : req.session, info: sessions.describe(req) }))
  })
  return { ...server, sessions }
}

function clockFor(t: any) {
  const clock = fakeClock()
  t.after(() => clock.restore())
  return clock
}

for (const [kind, make] of Object.entries<() => any>({
  memory: memoryStore,
  sqlite: () => sqliteStore({ file: ':memory:' }),
  other: () => new PlainStore()
})) {
  test(`idle and absolute limits hold for a signed-in session (${kind})`, async (t) => {
    const clock = clockFor(t)
    const server = await app(t, { store: make(), lifetimes: { signedIn: { idle: '30m', absolute: '2h' } } })
    let { cookie } = await server.get('/in')
    const isIn = async () => (await server.get('/look', { cookie })).json().session.userId === 'u1'
    for (let i = 0; i < 4; i++) {
      await clock.advance(29 * MINUTE)
      assert.ok(await isIn(), `after ${29 * (i + 1)} minutes`)
    }
    await clock.advance(5 * MINUTE)
    assert.ok(!(await isIn()), 'past its absolute limit')
    if (kind === 'other') return
    cookie = (await server.get('/in')).cookie
    await clock.advance(31 * MINUTE)
    assert.ok(!(await isIn()), 'past its idle limit')
  })
}

test('visitors and users have limits of their own; those of users count from the sign-in', async (t) => {
  const clock = clockFor(t)
  const server = await app(t, { store: memoryStore(), lifetimes: { anonymous: { idle: '7d' }, signedIn: { idle: '30m', absolute: '8h' } } })
  const visitor = await server.get('/cart')
  await clock.advance(6 * 24 * 60 * MINUTE)
  const signedIn = await server.get('/in', { cookie: visitor.cookie })
  const { info } = signedIn.json()
  assert.equal(info.absoluteExpiresAt - info.signedInAt, 8 * 60 * MINUTE)
  assert.equal(info.expiresAt - info.signedInAt, 30 * MINUTE)
  assert.ok(info.createdAt < info.signedInAt)
})

test('confirm gives a new id and starts the absolute limit anew', async (t) => {
  const clock = clockFor(t)
  const server = await app(t, { store: memoryStore(), lifetimes: { signedIn: { idle: '30m', absolute: '1h' } } })
  const first = await server.get('/in')
  await clock.advance(25 * MINUTE)
  await server.get('/look', { cookie: first.cookie })
  await clock.advance(25 * MINUTE)
  const confirmed = await server.get('/confirm', { cookie: first.cookie })
  assert.notEqual(confirmed.cookie, first.cookie)
  await clock.advance(25 * MINUTE)
  assert.equal((await server.get('/look', { cookie: confirmed.cookie })).json().session.userId, 'u1')
  assert.equal((await server.get('/look', { cookie: first.cookie })).json().session.userId, undefined)
})

test("a cookie that a handler gave a time of its own overrides the idle limit, the options' cookie does not", async (t) => {
  clockFor(t)
  actions['/remember'] = (req) => {
    req.session.x = 1
    req.session.cookie.maxAge = 30 * 24 * 60 * MINUTE
  }
  const server = await app(t, { store: memoryStore(), cookie: { maxAge: 24 * 60 * MINUTE }, lifetimes: { anonymous: { idle: '30m' } } })
  const now = Date.now()
  assert.equal((await server.get('/cart')).json().info.expiresAt - now, 30 * MINUTE)
  assert.equal((await server.get('/remember')).json().info.expiresAt - now, 30 * 24 * 60 * MINUTE)
})

test('a throttled touch is put off while the stored expiry covers the idle time, and never ends a session early', async (t) => {
  const clock = clockFor(t)
  const calls: string[] = []
  const store = wrapBackend(memoryStore(), (operation, call) => {
    calls.push(operation)
    return call()
  })
  for (const path of ['/look', '/unseen']) {
    const server = await app(t, { store, touchSlack: '1m', lifetimes: { anonymous: { idle: '30m' } } })
    const { cookie } = await server.get('/cart')
    await clock.advance(MINUTE)
    calls.length = 0
    for (let i = 0; i < 5; i++) await server.get(path, { cookie })
    assert.equal(calls.filter((call) => call === 'extend').length, 1, path)
    await clock.advance(30 * MINUTE - 1)
    assert.equal((await server.get('/look', { cookie })).json().session.cart, 1)
  }
})

for (const hashIds of [true, 'migrate'] as const) {
  test(`hashIds: ${hashIds} stores no id`, async (t) => {
    const backend = memoryStore()
    const server = await app(t, { store: backend, hashIds })
    const { cookie } = await server.get('/cart')
    const id = idOf(cookie)
    assert.equal(await backend.read(id), undefined)
    const page: any = await backend.scan!(undefined, 10)
    assert.equal(page.records.length, 1)
    assert.ok(!JSON.stringify(page.records).includes(id))
    const again = await server.get('/in', { cookie })
    assert.equal((await server.get('/look', { cookie: again.cookie })).json().session.userId, 'u1')
    assert.equal((await server.get('/look', { cookie })).json().session.userId, undefined)
  })
}

test('hashIds: migrate finds raw records and moves them', async (t) => {
  const backend = memoryStore()
  const before = await app(t, { store: backend })
  const { cookie } = await before.get('/cart')
  const after = await app(t, { store: backend, hashIds: 'migrate' })
  for (let i = 0; i < 2; i++) {
    const answer = await after.get('/look', { cookie })
    assert.deepEqual([answer.json().session.cart, answer.cookie], [1, undefined])
  }
  assert.equal((await (after.sessions.scan() as Promise<any>)).sessions.length, 1)
  const strict = await app(t, { store: backend, hashIds: true })
  assert.equal((await strict.get('/look', { cookie })).json().session.cart, 1)
  assert.equal(cookieFor(idOf(cookie)), cookie)
})

test('a session without any expiry lives a day after its last request in our stores, for ever in a MemoryStore', async (t) => {
  const clock = clockFor(t)
  for (const [store, lives] of [
    ['memory:', false],
    [undefined, true]
  ] as const) {
    const server = await app(t, { store })
    const { cookie } = await server.get('/cart')
    await clock.advance(23 * 60 * MINUTE)
    assert.equal((await server.get('/look', { cookie })).json().session.cart, 1)
    await clock.advance(25 * 60 * MINUTE)
    assert.equal((await server.get('/look', { cookie })).json().session.cart, lives ? 1 : undefined)
  }
})

for (const [kind, make] of Object.entries<() => any>({ memory: memoryStore, late: () => answersLater(memoryStore()) })) {
  test(`item 33: ids are renewed as a matter of routine, and the old one is found a little longer (${kind})`, async (t) => {
    const clock = clockFor(t)
    const server = await app(t, { store: make(), lifetimes: { anonymous: { idle: '1d', renewAfter: '1h' } } })
    const first = await server.get('/cart')
    await clock.advance(30 * MINUTE)
    assert.equal((await server.get('/unseen', { cookie: first.cookie })).cookie, undefined)
    let { cookie } = first
    for (const path of ['/unseen', '/cart']) {
      await clock.advance(60 * MINUTE)
      const renewed = await server.get(path, { cookie })
      assert.ok(renewed.cookie && renewed.cookie !== cookie, path)
      cookie = renewed.cookie
    }
    assert.equal((await server.get('/look', { cookie })).json().session.cart, 1)
    assert.equal((await server.get('/look', { cookie: first.cookie })).json().session.cart, undefined)
  })

  test(`requests on their way with the old id find the session for a while, and set no cookie (${kind})`, async (t) => {
    const clock = clockFor(t)
    const server = await app(t, { store: make(), rolling: true, lifetimes: { anonymous: { idle: '1d', renewAfter: '1h' } } })
    const { cookie } = await server.get('/cart')
    await clock.advance(61 * MINUTE)
    const renewed = await server.get('/unseen', { cookie })
    await clock.advance(20_000)
    const late = await server.get('/look', { cookie })
    assert.deepEqual([late.json().session.cart, late.cookies], [1, []])
    await clock.advance(20_000)
    assert.equal((await server.get('/look', { cookie })).json().session.cart, undefined)
    assert.equal((await server.get('/look', { cookie: renewed.cookie })).json().session.cart, 1)
  })
}

test("with rolling the browser keeps the cookie as long as its session lives unused; a handler's own time stays", async (t) => {
  clockFor(t)
  actions['/own'] = (req) => {
    req.session.x = 1
    req.session.cookie.maxAge = 5 * MINUTE
  }
  actions['/none'] = (req) => {
    req.session.x = 1
    req.session.cookie.expires = null
  }
  const lifetimes = { anonymous: { idle: '7d' }, signedIn: { idle: '30m' } }
  const server = await app(t, { store: memoryStore(), rolling: true, cookie: { maxAge: 7 * 24 * 60 * MINUTE }, lifetimes })
  const left = (answer: any) => Date.parse(attributesOf(answer.cookies[0])['expires'] as string) - Math.floor(Date.now() / 1000) * 1000
  assert.equal(left(await server.get('/cart')), 7 * 24 * 60 * MINUTE)
  assert.equal(left(await server.get('/in')), 30 * MINUTE)
  assert.equal(left(await server.get('/own')), 5 * MINUTE)
  assert.equal(attributesOf((await server.get('/none')).cookies[0])['expires'], undefined)
})

/** Uses a session every `every` ms for a time, then leaves it. @returns after how long it was gone, ms, to 1 % of the idle time */
async function lifeUnused(server: Awaited<ReturnType<typeof app>>, clock: ReturnType<typeof clockFor>, idleMs: number): Promise<number> {
  const step = idleMs / 200
  const { cookie } = await server.get('/cart')
  for (let used = 0; used < 3 * idleMs; used += step * 7) {
    assert.equal((await server.get('/unseen', { cookie })).status, 200)
    await clock.advance(step * 7)
  }
  assert.equal((await server.get('/look', { cookie })).json().session.cart, 1, 'alive while it is used')
  const at = Date.now()
  const stored = (await server.sessions.scan()).sessions[0].expiresAt - at
  await clock.advance(idleMs - 1)
  assert.equal((await server.sessions.scan()).sessions.length, 1, 'never ended early')
  return stored
}

for (const [what, more, slackMs] of [
  ['default: 1 % of half an hour', { lifetimes: { anonymous: { idle: '30m' } } }, 18_000],
  ['default: 30 s of a week', { lifetimes: { anonymous: { idle: '7d' } } }, 30_000],
  ['a day of half an hour is capped at half of it', { touchSlack: '1d', lifetimes: { anonymous: { idle: '30m' } } }, 900_000],
  ['a day of a cookie of half an hour is capped, too', { touchSlack: '1d', cookie: { maxAge: 1_800_000 } }, 900_000],
  ['none without lifetimes', { cookie: { maxAge: 1_800_000 } }, 0]
] as const) {
  test(`touches end no session early, nor later than the slack (${what})`, async (t) => {
    const clock = clockFor(t)
    const idleMs = what.includes('week') ? 7 * 24 * 60 * MINUTE : 30 * MINUTE
    const server = await app(t, { store: memoryStore(), sweepEvery: false, ...more })
    const lives = await lifeUnused(server, clock, idleMs)
    assert.ok(lives >= idleMs && lives <= idleMs + slackMs, `${lives - idleMs} ms`)
  })
}

test('with a third-party store each request touches, whatever touchSlack says', async (t) => {
  const store = new PlainStore()
  const server = await app(t, { store, touchSlack: '1m', cookie: { maxAge: MINUTE * 30 } })
  const { cookie } = await server.get('/cart')
  for (const path of ['/look', '/unseen', '/look']) await server.get(path, { cookie })
  assert.equal(store.count('touch'), 3)
})
