import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { cookieFor, idOf, options, ours, PlainStore, serve } from './helpers.ts'

const actions: Record<string, (req: any) => unknown> = {
  '/a': (req) => req.session.signIn('a', { from: 'first' }),
  '/b': (req) => req.session.signIn('b'),
  '/set': (req) => {
    req.session.x = 1
  },
  '/passport': (req) => {
    req.session.passport = { user: 'a' }
  },
  '/look': () => 1,
  '/destroy': (req) => req.session.destroy()
}

async function app(t: any, more: object = {}) {
  const sessions = ours(options(more))
  const server = await serve(t, sessions, async (req, res) => {
    await actions[req.url]!(req)
    res.end(JSON.stringify({ user: req.session?.userId, info: sessions.describe(req) ?? null }))
  })
  return { ...server, sessions }
}

for (const [kind, make] of Object.entries({ memory: memoryStore, sqlite: () => sqliteStore({ file: ':memory:' }) })) {
  test(`sessions of a user are listed, found and ended by handle (${kind})`, async (t) => {
    const server = await app(t, { store: make(), secret: ['new', 'old'] })
    const { sessions } = server
    const first = await server.get('/a')
    const second = await server.get('/a')
    await server.get('/b')
    await server.get('/passport')
    const list = await sessions.of('a')
    assert.equal(list.length, 3)
    for (const { handle, userId } of list) {
      assert.equal(userId, 'a')
      assert.ok(!first.cookie!.includes(handle))
      assert.deepEqual((await sessions.get(handle))!.handle, handle)
      assert.equal((await server.get('/look', { cookie: `connect.sid=s:${handle}` })).json().user, undefined)
    }
    const { handle } = first.json().info
    assert.equal((await sessions.get(handle))!.attributes.from, 'first')
    assert.equal(await sessions.revoke(handle), true)
    assert.equal(await sessions.revoke(handle), false)
    assert.equal((await server.get('/look', { cookie: first.cookie })).json().user, undefined)
    assert.equal(await sessions.revokeAll('a', { except: second.json().info.handle }), 1)
    assert.equal((await server.get('/look', { cookie: second.cookie })).json().user, 'a')
    assert.equal((await sessions.of('b')).length, 1)
    assert.equal(await sessions.revokeAll('a'), 1)
  })

  test(`scan shows every session in pages (${kind})`, async (t) => {
    const server = await app(t, { store: make() })
    for (let i = 0; i < 7; i++) await server.get('/set')
    const seen = new Set<string>()
    let cursor: string | undefined
    do {
      const page: any = await server.sessions.scan({ cursor, limit: 3 })
      for (const { handle } of page.sessions) seen.add(handle)
      cursor = page.cursor
      assert.ok(cursor === undefined || cursor.length > 20, 'a cursor shows nothing of a key')
    } while (cursor !== undefined)
    assert.equal(seen.size, 7)
  })
}

test('nothing never means everybody', async (t) => {
  const { sessions } = await app(t)
  for (const wrong of [undefined, null, '', {}, []]) {
    await assert.rejects(sessions.revokeAll(wrong), { code: 'bad-argument' })
    await assert.rejects(sessions.of(wrong), { code: 'bad-argument' })
  }
  await assert.rejects(sessions.revokeAll('a', { except: 'no handle' }), { code: 'bad-argument' })
  for (const wrong of ['*', '', 'x', undefined, null, {}]) {
    assert.equal(await sessions.revoke(wrong), false)
    assert.equal(await sessions.get(wrong), undefined)
  }
})

test('describe knows the stored and the yet to be stored, and nothing else', async (t) => {
  const server = await app(t)
  assert.equal((await server.get('/look')).json().info, null)
  const { info } = (await server.get('/set')).json()
  assert.deepEqual(info.attributes, { x: 1 })
  assert.equal((await server.get('/destroy')).json().info, null)
  assert.equal(server.sessions.describe({}), undefined)
})

test('events are told once each, with handles and no ids', async (t) => {
  const server = await app(t)
  const { sessions } = server
  const told: [string, any][] = []
  const stop = ['created', 'renewed', 'signed-in', 'destroyed', 'revoked', 'ended', 'retired-id'].map((event) =>
    sessions.on(event, (payload: any) => told.push([event, payload]))
  )
  const first = await server.get('/set')
  const second = await server.get('/a', { cookie: first.cookie })
  await server.get('/look', { cookie: first.cookie })
  await server.get('/destroy', { cookie: second.cookie })
  assert.deepEqual(
    told.map(([event]) => event),
    ['created', 'renewed', 'ended', 'signed-in', 'retired-id', 'destroyed', 'ended']
  )
  const text = JSON.stringify(told)
  assert.ok(!text.includes(idOf(first.cookie)) && !text.includes(idOf(second.cookie)))
  for (const off of stop) off()
  await server.get('/set')
  assert.equal(told.length, 7)
})

test('looking for a renewed session by its old handle is no use of a retired id', async (t) => {
  const { get, sessions } = await app(t)
  const { cookie } = await get('/set')
  const { handle } = (await get('/look', { cookie })).json().info
  const told: unknown[] = []
  sessions.on('retired-id', (payload: unknown) => told.push(payload))
  await get('/a', { cookie })
  assert.equal(await sessions.get(handle), undefined)
  assert.deepEqual(told, [])
  await get('/look', { cookie })
  assert.deepEqual(told, [{ handle }])
})

test('ready, sweep and close', async (t) => {
  const server = await app(t, { store: 'sqlite::memory:' })
  await server.sessions.ready()
  assert.equal(await server.sessions.sweep(), 0)
  await server.get('/set')
  await server.sessions.close()
  assert.equal((await server.get('/set')).status, 200)
  assert.equal(server.errors.length > 0, true)
  await assert.rejects(server.sessions.ready())
})

test('a third-party store says what it cannot do', async (t) => {
  const { sessions } = await app(t, { store: new PlainStore() })
  await sessions.ready()
  for (const call of [() => sessions.of('a'), () => sessions.revokeAll('a'), () => sessions.scan()])
    await assert.rejects(call, { code: 'not-supported' })
  assert.equal(await sessions.sweep(), 0)
  await sessions.close()
})

test('describing a session that nobody looked at parses nothing, and says the same', async (t) => {
  for (const more of [{}, { lifetimes: { signedIn: { idle: '1h', absolute: '2h' } } }, { cookie: { maxAge: 60_000 } }]) {
    const sessions = ours(options({ store: memoryStore(), ...more }))
    let parsed = 0
    const server = await serve(t, sessions, async (req, res) => {
      if (req.url === '/a') await req.session.signIn('a', { from: 'first' })
      if (req.url === '/set') req.session.x = 1
      if (req.url === '/look') assert.ok(req.session)
      const { parse } = JSON
      JSON.parse = (...given: any[]) => {
        parsed++
        return (parse as any)(...given)
      }
      const info = sessions.describe(req)
      JSON.parse = parse
      res.end(JSON.stringify({ info }))
    })
    for (const path of ['/a', '/set']) {
      const { cookie } = await server.get(path)
      parsed = 0
      const unseen = (await server.get('/', { cookie })).json().info
      assert.equal(parsed, 0)
      const seen = (await server.get('/look', { cookie })).json().info
      for (const name of ['expiresAt', 'idleExpiresAt']) {
        assert.ok(Math.abs(unseen[name] - seen[name]) < 1000, `${name}: ${unseen[name]}, ${seen[name]}`)
        delete unseen[name]
        delete seen[name]
      }
      assert.deepEqual(unseen, seen)
      assert.deepEqual(seen.attributes, path === '/a' ? { from: 'first', userId: 'a' } : { x: 1 })
    }
    parsed = 0
    assert.equal((await server.get('/')).json().info, undefined)
  }
})

test('describing does not end in an error where the record is none', async (t) => {
  const store = memoryStore()
  const sessions = ours(options({ store }))
  const server = await serve(t, sessions, (req, res) => {
    const info = sessions.describe(req)
    res.end(JSON.stringify({ user: info?.userId, attributes: info?.attributes }))
  })
  const id = 'x'.repeat(32)
  await store.create(id, { data: '{"cookie":{"originalMaxAge":null},"userId":"a', expiresAt: Date.now() + 60_000 })
  const cookie = cookieFor(id)
  assert.deepEqual((await server.get('/', { cookie })).json(), { attributes: {} })
})
