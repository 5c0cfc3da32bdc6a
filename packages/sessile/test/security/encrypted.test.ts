import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { SessionBackend, StoredRecord } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { session } from '../../src/express/factory.ts'
import { encrypted } from '../../src/security/encrypted.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { filesIn, idOf, onEachStore, SECRET, storeOf, world } from './world.ts'

const OLD = 'the older of two secrets, a rope that is 30 m long'
const NEW = randomBytes(32)
const AT = Date.now() + 3_600_000
const record = (data: string, userId?: string) => ({ data, expiresAt: AT, userId })
const read = async (backend: SessionBackend, key: string): Promise<StoredRecord> => (await backend.read(key))!

describe('records encrypted at rest', () => {
  onEachStore('item 108: nothing of a session is to be read in the store, and it works as any other', async (kind, t) => {
    const { backend: bare, folder } = storeOf(t, kind)
    const { browser, sessions } = await world(t, { store: encrypted(bare, { secret: SECRET }), hashIds: true })
    const visitor = browser()
    await visitor.post('/set?name=card&value=4242-4242-4242')
    await visitor.post('/login?user=7')
    await Promise.all(Array.from({ length: 10 }, () => visitor.post('/count')))
    assert.deepEqual((await visitor.get('/read')).json().data, { card: '4242-4242-4242', userId: '7', count: 10 })
    assert.equal((await sessions.of(7))[0]!.attributes['card'], '4242-4242-4242')
    const { records } = await bare.scan!(undefined, 100)
    assert.ok(records.length > 0)
    for (const { key, record } of records) {
      assert.match(record.data, /^\{"cookie":\{\},"~":\{"e":"[\w-]{8}\.[\w-]+"\}\}$/)
      assert.doesNotMatch(key + record.data, /4242|card|count/)
    }
    for (const file of folder ? filesIn(folder) : []) {
      assert.doesNotMatch(readFileSync(join(folder!, file), 'latin1'), /4242|"card"/)
    }
  })

  it('item 108: two records of one text differ, and a write of the same text is another record', async () => {
    const bare = memoryStore()
    const backend = encrypted(bare, { secret: NEW })
    await backend.create('a', record('{"x":1}'))
    await backend.create('b', record('{"x":1}'))
    const first = (await read(bare, 'a')).data
    assert.notEqual(first.slice(40), (await read(bare, 'b')).data.slice(40))
    await backend.swap('a', (await read(backend, 'a')).version, record('{"x":1}'))
    assert.notEqual((await read(bare, 'a')).data, first)
  })

  onEachStore('item 108: a record that was changed, or put in the place of another, is no session', async (kind, t) => {
    const { backend: bare } = storeOf(t, kind)
    const { browser, sessions } = await world(t, { store: encrypted(bare, { secret: SECRET }) })
    const [rich, poor] = [browser(), browser()]
    await rich.post('/login?user=1')
    await poor.post('/login?user=2')
    const told: string[] = []
    sessions.on('unreadable-record', ({ reason }) => told.push(reason))
    const [target, source] = [await read(bare, idOf(poor.cookie)), await read(bare, idOf(rich.cookie))]
    const body = target.data.slice(-40, -3)
    const wrong = [
      source.data,
      target.data.replace(body, [...body].toReversed().join('')),
      target.data.replace(/"e":"[\w-]{8}\./, `"e":"${'A'.repeat(8)}.`),
      target.data.replace(/\.[\w-]+"/, '."'),
      target.data.replace(/\.[\w-]+"/, '"'),
      '{"cookie":{"path":"/"},"userId":"1"}',
      '<xml/>'
    ]
    let { version } = target
    for (const data of wrong) {
      const result = await bare.swap(idOf(poor.cookie), version, { data, expiresAt: AT, userId: '2' })
      assert.equal(result.outcome, 'done')
      version = (result as { version: typeof version }).version
      told.length = 0
      const reply = await poor.get('/read', { cookie: poor.cookie })
      assert.deepEqual([reply.status, reply.json().data, reply.json().userId], [200, {}, null], data)
      assert.equal(told.length, 1)
      assert.match(told[0]!, /^It (is not|was) /)
      assert.deepEqual(await sessions.of(2), [])
    }
    assert.equal((await sessions.scan()).sessions.length, 1, 'the other one is listed')
    await bare.swap(idOf(poor.cookie), version, { data: target.data, expiresAt: AT, userId: '2' })
    assert.equal((await poor.get('/read')).json().userId, '2')
  })

  it('item 108: the first secret encrypts, all decrypt, and one that was taken out opens nothing', async () => {
    const bare = memoryStore()
    const secret: (string | Buffer)[] = [OLD]
    const backend = encrypted(bare, { secret })
    await backend.create('a', record('{"x":1}'))
    await backend.create('b', record('{"x":2}'))
    secret.unshift(NEW)
    const { version, data } = await read(backend, 'a')
    assert.equal(data, '{"x":1}')
    await backend.swap('a', version, record('{"x":3}'))
    secret.pop()
    assert.equal((await read(backend, 'a')).data, '{"x":3}')
    assert.match((await read(backend, 'b')).unreadable!, /secret that is not in the list/)
    assert.equal((await backend.remove('b'))!.data, '')
  })

  it('item 108: plain records are taken while one moves, and then no more', async () => {
    const bare = memoryStore()
    const moving = encrypted(bare, { secret: NEW, migrate: true })
    for (const key of ['a', 'b']) await bare.create(key, record('{"cookie":{},"x":1}'))
    const { data, version } = await read(moving, 'a')
    assert.equal(data, '{"cookie":{},"x":1}')
    await moving.swap('a', version, record(data))
    const moved = encrypted(bare, { secret: NEW })
    assert.equal((await read(moved, 'a')).data, data)
    assert.equal((await read(moved, 'b')).unreadable, 'It is not encrypted.')
    assert.deepEqual((await moved.scan!(undefined, 10)).records.map(({ record }) => record.data).sort(), ['', data], 'a list has both')
  })

  it('item 108: what has run out is told with its attributes, unless nothing opens it', async (t) => {
    const clock = fakeClock()
    t.after(() => clock.restore())
    const bare = memoryStore()
    const sessions = session({ secret: SECRET, resave: false, saveUninitialized: false, store: encrypted(bare, { secret: NEW }) })
    t.after(() => sessions.close())
    const told: unknown[] = []
    sessions.on('expired', ({ attributes }) => told.push(attributes))
    await sessions.backend.create('a', { data: '{"cookie":{},"x":1}', expiresAt: Date.now() + 5 })
    await bare.create('b', { data: '{"cookie":{},"x":2}', expiresAt: Date.now() + 5 })
    await clock.advance(60_000)
    assert.equal(await sessions.sweep(), 2)
    assert.deepEqual(told, [{ x: 1 }, {}])
  })

  it('item 108: takes a URL, and refuses weak secrets and stores that take objects', async () => {
    const backend = encrypted('memory:', { secret: NEW })
    assert.equal(backend.name, 'memory')
    await backend.create('a', record('{}'))
    assert.equal((await read(backend, 'a')).data, '{}')
    const refused = (work: () => unknown) => assert.throws(work, (error) => isSessionError(error) && error.code === 'bad-option')
    for (const secret of ['', 'short', [NEW, 'short'], randomBytes(16), undefined as any]) {
      refused(() => encrypted('memory:', { secret }))
    }
    for (const store of [{ get() {}, set() {}, destroy() {} }, undefined]) refused(() => encrypted(store as any, { secret: NEW }))
  })
})
