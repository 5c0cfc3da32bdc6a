import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { derive } from '../../src/core/signatures.ts'
import { cookieFor, idOf, NAME, onEachStore, SECRET, world } from './world.ts'

describe('checklist: the identifier', () => {
  it('item 1: 2,000 ids as they are issued are even in every place, and no two begin alike', async (t) => {
    const { ask } = await world(t)
    const ids = await Promise.all(
      Array.from({ length: 2000 }, async () => idOf((await ask('/set?name=a&value=b', { method: 'POST' })).cookie))
    )
    assert.equal(new Set(ids).size, 2000)
    assert.equal(new Set(ids.map((id) => id.slice(0, 8))).size, 2000)
    for (let place = 0; place < 32; place++) {
      const counts = new Map<string, number>()
      for (const id of ids) {
        assert.match(id, /^[\w-]{32}$/)
        counts.set(id[place]!, (counts.get(id[place]!) ?? 0) + 1)
      }
      const expected = 2000 / 64
      let chi = (64 - counts.size) * expected
      for (const count of counts.values()) chi += (count - expected) ** 2 / expected
      // 63 degrees of freedom: above 140 once in ten million
      assert.ok(chi < 140, `place ${place}: ${chi}`)
    }
  })

  it('item 2: an id is no UUID', () => {
    for (let n = 0; n < 100; n++) assert.doesNotMatch(newId(), /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i)
    assert.match(randomUUID(), /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i)
  })

  it('item 3: ids of one user share nothing, and decode to no text', async (t) => {
    const { ask } = await world(t)
    const ids: string[] = []
    for (let n = 0; n < 20; n++) {
      t.mock.timers.reset()
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + n * 60_000 })
      ids.push(idOf((await ask('/login?user=somebody', { method: 'POST' })).cookie))
    }
    const parts = ids.flatMap((id) => [...new Set(Array.from({ length: 27 }, (_, at) => id.slice(at, at + 6)))])
    assert.equal(new Set(parts).size, parts.length)
    for (const id of ids) {
      for (const code of ['base64url', 'hex'] as const) assert.doesNotMatch(Buffer.from(id, code).toString('latin1'), /^[\x20-\x7e]{8,}$/)
      assert.equal(id.includes('somebody'), false)
    }
  })

  onEachStore('item 4: a cookie with any one byte altered is no session', async (kind, t) => {
    const { ask } = await world(t, { kind })
    const value = decodeURIComponent((await ask('/login?user=7', { method: 'POST' })).cookie!).slice(NAME.length + 1)
    assert.equal((await ask('/read', { cookie: `${NAME}=${value}` })).json().userId, '7')
    for (let at = 0; at < value.length; at++) {
      for (const other of [value[at] === 'A' ? 'B' : 'A', '', `${value[at]}A`]) {
        const altered = value.slice(0, at) + other + value.slice(at + 1)
        const reply = await ask('/read', { cookie: `${NAME}=${encodeURIComponent(altered)}` })
        assert.deepEqual([reply.status, reply.json().userId], [200, null], `place ${at}`)
      }
    }
  })

  it('item 6: what is not signed costs no store call, however long or odd it is', async (t) => {
    const calls: string[] = []
    const { ask } = await world(t, { wrap: (backend) => wrapBackend(backend, (operation, call) => (calls.push(operation), call())) })
    for (const id of ['x'.repeat(15_000), 'a\0b', '$ne', '../', '__proto__', "'", '{"$gt":""}', '*']) {
      for (const value of [id, `s:${id}`, `s:${id}.sig`]) {
        assert.equal((await ask('/read', { cookie: `${NAME}=${encodeURIComponent(value).slice(0, 15_000)}` })).status, 200)
      }
    }
    assert.deepEqual(calls, [])
  })

  it('item 10: a retired secret works while it is listed, its cookies are signed anew, and then it stops', async (t) => {
    const secrets = ['the first secret of the two there are']
    const { browser, ask } = await world(t, { secret: secrets, rolling: true })
    const visitor = browser()
    await visitor.post('/login?user=7')
    const old = visitor.cookie!
    secrets.unshift('the second secret of the two there are')
    assert.equal((await visitor.get('/read')).json().userId, '7')
    assert.equal(visitor.cookie, cookieFor(idOf(old), secrets[0]), 'the same id, signed with the new secret')
    assert.equal((await ask('/read', { cookie: old })).json().userId, '7')
    secrets.pop()
    assert.equal((await ask('/read', { cookie: old })).json().userId, null, 'also where it was verified a moment ago')
    assert.equal((await visitor.get('/read')).json().userId, '7')
  })

  it('item 12: each purpose has a key of its own', () => {
    const purposes = ['handle', 'throttle', 'csrf']
    const keys = purposes.map((purpose) => derive(SECRET, purpose, 32).toString('hex'))
    assert.equal(new Set(keys).size, purposes.length)
    for (const key of keys) {
      assert.notEqual(key, Buffer.from(SECRET).toString('hex'))
      assert.notEqual(cookieFor('id', key), cookieFor('id'))
    }
  })
})
