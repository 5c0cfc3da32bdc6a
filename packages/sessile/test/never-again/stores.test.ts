import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { hashId, newId } from '../../src/core/ids.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { cookieFor, filesIn, idOf, NAME, onEachStore, storeOf, world } from '../security/world.ts'

const HOUR = 3_600_000
const HOSTILE = [
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e/x',
  '..\\..\\windows',
  '/etc/passwd',
  'a\0b',
  "'; DROP TABLE sessile_sessions; --",
  '"',
  '`id`',
  '$ne',
  '{"$ne":null}',
  '*',
  '?',
  '[a-z]*',
  '__proto__',
  'constructor',
  'toString',
  'a\r\nSET x 1',
  '%00',
  'x'.repeat(6000),
  ' ',
  '.',
  '..'
]

describe('never again: ids and what is stored under them', () => {
  onEachStore('CVE-2024-35220 (@fastify/session): the expiry in the store counts, whatever maxAge says', async (kind, t) => {
    const { ask, backend, sessions, stored } = await world(t, { kind, cookie: { maxAge: 30 * 24 * HOUR } })
    const id = newId()
    const data = JSON.stringify({
      cookie: { originalMaxAge: 30 * 24 * HOUR, expires: new Date(Date.now() + 30 * 24 * HOUR), path: '/' },
      userId: 7
    })
    await backend.create(id, { data, expiresAt: Date.now() + HOUR, userId: '7' })
    const cookie = cookieFor(id)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + HOUR + 1 })
    const reply = await ask('/read', { cookie })
    assert.deepEqual([reply.json().userId, reply.json().data], [null, {}])
    await sessions.sweep()
    assert.deepEqual(await stored(), [])
  })

  onEachStore('CVE-2025-61686 (React Router), CVE-2024-3400 (PAN-OS): no id is a path, a pattern or a statement', async (kind, t) => {
    const calls: string[] = []
    const wrap = (backend: Parameters<typeof wrapBackend>[0]) => wrapBackend(backend, (operation, call) => (calls.push(operation), call()))
    const { ask, browser, folder, stored, errors } = await world(t, { kind, wrap })
    await browser().post('/set?name=cart&value=1')
    const files = folder && filesIn(folder)
    const records = (await stored()).length
    calls.length = 0
    for (const id of HOSTILE) {
      for (const value of [encodeURIComponent(id), encodeURIComponent(`s:${id}.${'A'.repeat(43)}`)]) {
        assert.equal((await ask('/read', { cookie: `${NAME}=${value}` })).status, 200, id)
      }
    }
    assert.deepEqual(calls, [], 'what nobody signed reaches no store')
    // whoever has the secret, or a genid that is fed by visitors, still gets nothing but a key that is not there
    for (const id of HOSTILE) {
      const reply = await ask('/read', { cookie: cookieFor(id) })
      assert.deepEqual([reply.status, reply.json().data], [200, {}], id)
    }
    assert.deepEqual(errors, [])
    if (folder) assert.deepEqual(filesIn(folder), files)
    assert.equal((await stored()).length, records)
  })

  onEachStore(
    'CVE-2019-16782 (rack), CVE-2019-25025 (activerecord-session_store): with hashIds no key leads to a cookie',
    async (kind, t) => {
      const { browser, stored, folder, backend, ask } = await world(t, { kind, hashIds: true })
      const visitor = browser()
      const cookies: string[] = []
      for (const path of ['/set?name=cart&value=1', '/login?user=7', '/renew', '/count']) {
        await visitor.post(path)
        cookies.push(visitor.cookie!)
      }
      const records = await stored()
      const ids = cookies.map(idOf)
      assert.ok(records.some(({ key }) => key === hashId(ids.at(-1)!)))
      const everything = JSON.stringify(records) + JSON.stringify(await backend.space!('marks').scan!(undefined, 1000))
      const files = folder
        ? filesIn(folder)
            .map((name) => readFileSync(join(folder, name), 'latin1'))
            .join('')
        : ''
      for (const id of ids) assert.equal(everything.includes(id) || files.includes(id), false)
      for (const { key } of records)
        assert.deepEqual((await ask('/read', { cookie: cookieFor(key) })).json().data, {}, 'a stolen key signs nobody in')
    }
  )

  onEachStore('CVE-2018-12538 (Jetty): ids are equal or they are not', async (kind, t) => {
    const ids = ['abc', 'abcd', 'ABC', 'ab', 'abc ', 'äbc', 'a\u0308bc', 'abc%', 'a_c', 'abc\u0000']
    let next = 0
    const { ask, stored } = await world(t, { kind, genid: () => ids[next++]! })
    for (const id of ids) await ask(`/set?name=whose&value=${encodeURIComponent(id)}`, { method: 'POST' })
    for (const id of ids) assert.equal((await ask('/read', { cookie: cookieFor(id) })).json().data.whose, id)
    next = 0
    await ask('/destroy', { method: 'POST', cookie: cookieFor('abc') })
    for (const id of ids.slice(1)) assert.equal((await ask('/read', { cookie: cookieFor(id) })).json().data.whose, id)
    assert.equal((await stored()).length, ids.length - 1)
  })

  onEachStore('CVE-2020-9484, CVE-2025-24813 (Tomcat): what is stored is JSON, and revives nothing', async (kind, t) => {
    const { ask, app, backend, errors } = await world(t, { kind })
    app.get('/what', (req, res) => {
      const { session } = req as any
      res.json({
        admin: session.admin,
        own: ({} as any).polluted,
        type: typeof session.when,
        save: typeof session.save,
        when: session.when
      })
    })
    const hostile = [
      '{"cookie":{"path":"/"},"__proto__":{"admin":true,"polluted":1},"when":1}',
      '{"cookie":{"path":"/","__proto__":{"polluted":1}},"constructor":{"prototype":{"polluted":1}},"when":1}',
      '{"cookie":{"path":"/"},"when":{"$type":"Function","$code":"process.exit()","_bsontype":"Code","code":"process.exit()"}}',
      '{"cookie":{"path":"/"},"when":{"type":"Buffer","data":[1,2]},"save":"gone","req":{},"id":"another"}',
      '{"cookie":{"path":"/"},"when":"_$$ND_FUNC$$_function(){process.exit()}()"}'
    ]
    for (const data of hostile) {
      const id = newId()
      await backend.create(id, { data, expiresAt: Date.now() + HOUR })
      const reply = await ask('/what', { cookie: cookieFor(id) })
      const { when, ...rest } = reply.json()
      assert.deepEqual(rest, { type: typeof JSON.parse(data).when, save: 'function' }, data)
      assert.deepEqual(when, JSON.parse(data).when)
    }
    assert.equal(({} as any).polluted, undefined)
    assert.deepEqual(errors, [])
  })

  onEachStore('CVE-2015-3982, CVE-2011-4136 (Django): what else is in the store is no session', async (kind, t) => {
    const { ask, backend, browser, sessions } = await world(t, { kind })
    const data = JSON.stringify({ cookie: { path: '/' }, userId: 7 })
    for (const name of ['throttle', 'marks', 'app']) {
      await backend.space!(name).create(`key-of-${name}`, { data, expiresAt: Date.now() + HOUR, userId: '7' })
      for (const id of [`key-of-${name}`, `${name}:key-of-${name}`, `${name}/key-of-${name}`]) {
        assert.deepEqual((await ask('/read', { cookie: cookieFor(id) })).json().data, {}, id)
      }
    }
    assert.deepEqual(await sessions.of(7), [])
    const visitor = browser()
    await visitor.post('/login?user=7')
    await visitor.post('/logout')
    assert.deepEqual((await ask('/read', { cookie: cookieFor('') })).json().data, {}, 'an empty id')
    for (const text of ['', 'null', '1', '"text"', '[]', 'true', '{', '\0', '[{"cookie":{}}]']) {
      const id = newId()
      await backend.create(id, { data: text, expiresAt: Date.now() + HOUR })
      const reply = await ask('/read', { cookie: cookieFor(id) })
      // a record without a cookie is an error, as in express-session; nothing else of it is used either
      if (reply.status === 500) assert.match(reply.json().error, /Cannot read prop/)
      else assert.deepEqual([reply.status, reply.json().data], [200, {}], text)
    }
    assert.equal((await ask('/read')).status, 200)
  })

  it('CVE-2019-15658 (connect-pg-simple): a table’s name is a name', async (t) => {
    const { folder } = storeOf(t, 'sqlite')
    for (const table of ['a"; DROP TABLE x; --', 'a b', '', '1a', 'a;b', "a'b", '\u0000', 'sessions"', '"sessions"']) {
      assert.throws(
        () => sqliteStore({ file: join(folder!, 'x.db'), table }),
        (error) => isSessionError(error) && error.code === 'bad-option',
        table
      )
    }
    for (const name of ['a"; DROP TABLE x; --', '../x', ''])
      assert.throws(() => sqliteStore({ file: join(folder!, 'x.db') }).space!(name), isSessionError)
    assert.deepEqual(filesIn(folder!), [])
  })

  onEachStore('ding113/claude-code-hub#830 (review): no handle and no id is a pattern', async (kind, t) => {
    const { browser, sessions, stored, ask } = await world(t, { kind })
    for (let n = 0; n < 5; n++) await browser().post('/login?user=7')
    for (const pattern of [
      '*',
      '?',
      '[a-z]',
      '%',
      '_',
      '.*',
      '',
      'sess:*',
      '../*',
      '\\*',
      'a'.repeat(2000),
      undefined,
      null,
      {},
      ['*'],
      7
    ]) {
      assert.equal(await sessions.revoke(pattern as string), false)
      assert.equal(await sessions.get(pattern as string), undefined)
      await assert.rejects(sessions.revokeAll(7, { except: pattern === undefined ? '*' : (pattern as string) }), isSessionError)
    }
    for (const id of ['*', '?', '%', '_'.repeat(32)]) await ask('/destroy', { method: 'POST', cookie: cookieFor(id) })
    assert.equal((await stored()).length, 5)
  })

  onEachStore('Budibase/budibase#7133: no user means nobody, never everybody', async (kind, t) => {
    const { browser, sessions, stored } = await world(t, { kind })
    await browser().post('/login?user=7')
    await browser().post('/set?name=cart&value=1')
    for (const nobody of [undefined, null, '', {}, [], true]) {
      await assert.rejects(sessions.revokeAll(nobody as string), (error) => isSessionError(error) && error.code === 'bad-argument')
      await assert.rejects(sessions.of(nobody as string), (error) => isSessionError(error) && error.code === 'bad-argument')
    }
    for (const pattern of ['*', '%', '?', 'undefined', 'null', NaN]) assert.equal(await sessions.revokeAll(pattern), 0)
    assert.equal((await stored()).length, 2)
  })
})
