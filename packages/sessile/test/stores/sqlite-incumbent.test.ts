import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, it, type TestContext } from 'node:test'
import session from 'express-session'
import { isSessionError } from '../../src/core/errors.ts'
import { SqliteStore } from '../../src/entries/sqlite.ts'
import { temporaryFolder } from './harnesses.ts'
import { isSelected } from './selected.ts'
import { asSqlite3, OLDER_PACKAGES } from './sqlite-older-harness.ts'

const require = createRequire(import.meta.url)
const at = (ms: number): string => new Date(Date.now() + ms).toISOString()
const one = () => ({ cookie: { originalMaxAge: null, expires: at(60_000) }, foo: 'bar' })
/** What a method calls back with. */
const told = (call: (callback: (...given: unknown[]) => void) => unknown): Promise<unknown[]> =>
  new Promise((resolve) => void call((...given) => resolve(given)))

if (isSelected('sqlite')) {
  const folder = temporaryFolder()
  const opened: { close(): unknown }[] = []
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
    folder.clean()
  })
  const keep = <T extends { close(): unknown }>(store: T): T => {
    opened.push(store)
    return store
  }
  const openFile = (file = folder.path('sessions.db')): DatabaseSync => keep(new DatabaseSync(file))
  const refused = (part: string) => (error: unknown) => isSessionError(error) && error.code === 'bad-option' && error.message.includes(part)

  const connectSqlite3 = require('connect-sqlite3')
  const betterStore = require('better-sqlite3-session-store')
  /** Each class, theirs and ours, made as users of the older package make it. */
  const CLASSES: readonly [string, (t: TestContext) => any][] = [
    ['connect-sqlite3', () => new (connectSqlite3(session))({ db: asSqlite3(openFile()), dir: folder.path('') })],
    ['SqliteStore as connect-sqlite3', () => keep(new (SqliteStore(session))({ db: 'sessions.db', dir: folder.path('') }))],
    [
      'better-sqlite3-session-store',
      (t) => {
        t.mock.timers.enable({ apis: ['setInterval'] })
        return new (betterStore(session))({ client: openFile() })
      }
    ],
    ['SqliteStore as better-sqlite3-session-store', () => keep(new (SqliteStore(session))({ client: openFile() }))]
  ]

  for (const [name, make] of CLASSES) {
    describe(`what users of ${name} lean on`, () => {
      it('extends the Store of the session it is given; set, get, touch, length, all, destroy, clear', async (t) => {
        const store = make(t)
        assert.equal(store instanceof session.Store, true)
        if (name.includes('connect')) {
          assert.equal(store.table, 'sessions')
          await told((callback) => store.client.once('connect', callback))
        } else {
          assert.ok(store.client instanceof DatabaseSync)
          assert.deepEqual(store.expired, { clear: true, intervalMs: 900_000 })
        }
        const value = one()
        assert.equal((await told((callback) => store.get('a', callback)))[1] ?? undefined, undefined)
        assert.equal((await told((callback) => store.set('a', value, callback)))[0] ?? null, null)
        assert.deepEqual((await told((callback) => store.get('a', callback)))[1], value)
        assert.equal((await told((callback) => store.touch('a', { ...value, cookie: { expires: at(90_000) } }, callback)))[0] ?? null, null)
        assert.equal((await told((callback) => store.length(callback)))[1], 1)
        const [all] = (await told((callback) => store.all(callback)))[1] as any[]
        if (name.includes('connect')) assert.equal(all.foo, 'bar')
        else {
          assert.deepEqual(Object.keys(all), ['sid', 'sess', 'expire'])
          assert.deepEqual([all.sid, JSON.parse(all.sess).foo], ['a', 'bar'])
          assert.ok(Date.parse(all.expire) > Date.now())
        }
        await told((callback) => store.destroy('a', callback))
        assert.equal((await told((callback) => store.get('a', callback)))[1] ?? undefined, undefined)
        await told((callback) => store.set('b', one(), callback))
        await told((callback) => store.clear(callback))
        assert.equal((await told((callback) => store.length(callback)))[1], 0)
      })
    })
  }

  describe('SqliteStore with the options of older packages', () => {
    it('makes what is missing as they make it, so that going back finds it', async () => {
      for (const [index, { column, open }] of OLDER_PACKAGES.entries()) {
        const file = folder.path(`${column}.db`)
        const store = keep(index === 0 ? new SqliteStore({ db: file.slice(1), dir: '/' }) : new SqliteStore({ client: openFile(file) }))
        await store.set('a', one())
        const older = open(openFile(file))
        assert.equal(((await told((callback) => older.get('a', callback)))[1] as any).foo, 'bar')
        assert.equal((await told((callback) => older.set('a', { ...one(), foo: 'baz' }, callback)))[0], null)
        assert.equal(((await store.get('a')) as any).foo, 'baz')
      }
    })

    it('finds the file where connect-sqlite3 does', async (t) => {
      const folderBefore = process.cwd()
      t.after(() => process.chdir(folderBefore))
      folder.path('')
      process.chdir(folder.path('.'))
      for (const [options, file] of [
        [undefined, 'sessions'],
        [{ table: 'logins' }, 'logins'],
        [{ db: 'a.db', concurrentDB: true }, 'a.db'],
        [{ db: 'b.db', dir: 'deeper', createDirIfNotExists: true, mode: 6, concurrentDb: 'true' }, 'deeper/b.db']
      ] as const) {
        const store = keep(new SqliteStore(options))
        await store.set('a', one())
        assert.ok(existsSync(file), file)
      }
      await keep(new SqliteStore({ db: ':memory:' })).set('a', one())
      assert.ok(!existsSync(':memory:'))
    })

    it('removes what has expired, regularly, unless told not to', async (t) => {
      t.mock.timers.enable({ apis: ['setInterval'] })
      const client = openFile()
      const rows = () => client.prepare('SELECT count(*) AS n FROM sessions').get()!['n']
      const store = keep(new SqliteStore({ client, expired: { intervalMs: 5000 } }))
      const never = keep(new SqliteStore({ client, expired: { clear: false } }))
      await store.set('a', one())
      client.prepare('UPDATE sessions SET expire = ?').run(at(-2000))
      t.mock.timers.tick(4999)
      assert.equal(rows(), 1)
      t.mock.timers.tick(1)
      assert.equal(rows(), 0)
      await store.set('b', one())
      client.prepare('UPDATE sessions SET expire = ?').run(at(-2000))
      await store.close()
      t.mock.timers.tick(3_600_000)
      assert.equal(rows(), 1)
      await never.clearExpiredSessions()
      assert.equal(rows(), 0)
    })

    it('says what to do instead of what it cannot', () => {
      const open = new DatabaseSync(':memory:')
      for (const [options, part] of [
        [{ client: { name: 'sessions.db', prepare() {}, exec() {} } }, 'Give file: "sessions.db" instead'],
        [{ db: { filename: '/var/sessions.db', run() {} } }, 'Give file: "/var/sessions.db" instead'],
        [{ client: null }, 'client is not a database of node:sqlite'],
        [{ client: open }, "Give file: ':memory:' instead"],
        [{ file: 'a', db: 'b' }, 'one of them'],
        [{ file: undefined }, 'needs a file'],
        [{ db: 'a', mode: 1 }, 'mode must be for writing'],
        [{ db: 'a', expired: { intervalMs: 1e10 } }, 'expired.intervalMs'],
        [{ db: 'a', tabel: 'b' }, 'no option "tabel"']
      ] as [any, string][])
        assert.throws(() => new SqliteStore(options), refused(part))
      open.close()
    })
  })
}
