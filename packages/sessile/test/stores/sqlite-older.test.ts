import { strict as assert } from 'node:assert'
import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test'
import type { SessionBackend } from '../../src/core/backend.ts'
import { main } from '../../src/cli/main.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import type { SqliteStoreOptions } from '../../src/stores/sqlite/options.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { temporaryFolder } from './harnesses.ts'
import { livingUntil, OLDER_PACKAGES, olderHarness, promised, type OlderPackage } from './sqlite-older-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const DATA = JSON.stringify({ cookie: { originalMaxAge: HOUR, path: '/' }, name: 'Ada' })

if (isSelected('sqlite')) {
  for (const older of OLDER_PACKAGES) {
    backendSuite(olderHarness(older))
    recordsSuite(olderHarness(older))
  }

  describe('sqlite, which table is used', () => {
    const folder = temporaryFolder()
    let file = ''
    let database: DatabaseSync
    const stores: SessionBackend[] = []
    beforeEach(() => {
      file = folder.path('sessions.db')
      database = new DatabaseSync(file)
    })
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close!()
      database.close()
      folder.clean()
    })

    const ours = (more: Partial<SqliteStoreOptions> = {}): SessionBackend => {
      const store = sqliteStore({ file, ...more })
      stores.push(store)
      return store
    }
    /** Has an older package write a session. */
    const written = async ({ open }: OlderPackage, key = 'theirs', table?: string): Promise<void> => {
      const store = open(database, table)
      await promised((done) => store.set(key, livingUntil(DATA, Date.now() + HOUR), done))
    }
    const tables = (): unknown[] =>
      database
        .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
        .all()
        .map(({ name }) => name)
    /** What is warned of, told by a function. */
    const warnings = (t: TestContext): (() => string[]) => {
      const { mock } = t.mock.method(process, 'emitWarning', () => {})
      return () => mock.calls.map((call) => String((call.arguments as unknown[])[0]))
    }

    for (const older of OLDER_PACKAGES) {
      const { name, column } = older

      it(`R6 the one of ${name}, found by its column ${column}, where it is and ours is not; the named one always`, async (t) => {
        const told = warnings(t)
        // as `concurrentDB` has it; without, it is as SQLite makes it
        if (column === 'expired') database.exec('PRAGMA journal_mode = WAL')
        await written(older)
        for (const options of [{}, { table: 'sessions' }]) assert.equal((await ours(options).read('theirs'))?.data, DATA)
        assert.deepEqual(told(), [])
        assert.deepEqual(tables(), ['sessions', 'sessions_sessile_user'])
        await ours().space!('marks').create('a', { data: 'mark', expiresAt: Date.now() + HOUR })
        assert.deepEqual(tables(), ['sessions', 'sessions_marks', 'sessions_sessile_user'])
      })

      it(`ours where there are both, and a warning as long as sessions of ${name} live`, async (t) => {
        await ours().create('ours', { data: DATA, expiresAt: Date.now() + HOUR })
        await written(older)
        const told = warnings(t)
        const store = ours()
        assert.equal(await store.read('theirs'), undefined)
        assert.equal((await store.read('ours'))?.data, DATA)
        assert.match(told().join(), new RegExp(`^The database holds sessions of ${name}, in its table sessions, .*table: 'sessions'.$`))
        assert.equal((await ours({ table: 'sessions' }).read('theirs'))?.data, DATA)
        database.exec('DELETE FROM sessions')
        await ours().read('ours')
        assert.equal(told().length, 1)
      })

      it(`sessile list, show and revoke on a file of ${name}`, async () => {
        await written(older)
        await ours().create('ours', { data: JSON.stringify({ cookie: {}, userId: 'ada' }), expiresAt: Date.now() + HOUR, userId: 'ada' })
        const run = async (...args: string[]): Promise<string> => {
          let printed = ''
          const to = { write: (text: string) => void (printed += text) }
          assert.equal(await main(args, { stdout: to, stderr: to, env: {} } as never), 0, printed)
          return printed
        }
        const url = `sqlite:${file}`
        const { sessions } = JSON.parse(await run('list', url, '--json')) as { sessions: { session: string; userId?: string }[] }
        assert.deepEqual(sessions.map(({ userId }) => userId).sort(), ['ada', undefined])
        assert.match(await run('show', url, sessions.find(({ userId }) => !userId)!.session, '--values'), /name .*"Ada"/)
        await run('revoke', url, '--user', 'ada', '--yes')
        assert.deepEqual(
          database
            .prepare('SELECT sid FROM sessions')
            .all()
            .map(({ sid }) => sid),
          ['theirs']
        )
      })
    }

    it('one of connect-sqlite3 under any name', async () => {
      await written(OLDER_PACKAGES[0]!, 'theirs', 'logins')
      assert.equal((await ours({ table: 'logins' }).read('theirs'))?.data, DATA)
      assert.equal(await ours().read('theirs'), undefined)
      assert.deepEqual(tables(), ['logins', 'logins_sessile_user', 'sessile_sessions'])
    })

    it('the one of the file that is there by now, where the file was replaced', async (t) => {
      await written(OLDER_PACKAGES[0]!)
      const store = ours()
      assert.equal((await store.read('theirs'))?.data, DATA)
      database.close()
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
      database = new DatabaseSync(file)
      await written(OLDER_PACKAGES[1]!, 'others')
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 1000 })
      await assert.rejects(async () => await store.read('others'), /was deleted or replaced/)
      assert.equal((await store.read('others'))?.data, DATA)
      assert.equal(await store.read('theirs'), undefined)
    })

    it('none that is of something else: it says so', async () => {
      database.exec('CREATE TABLE sessions (sid TEXT PRIMARY KEY, sess TEXT, expire TEXT, seat TEXT)')
      await assert.rejects(
        async () => await ours({ table: 'sessions' }).read('a'),
        (error) => isSessionError(error) && error.code === 'bad-option' && error.message.includes('its columns are sid, sess, expire, seat')
      )
      assert.equal(await ours().read('a'), undefined)
      assert.deepEqual(tables(), ['sessile_sessions', 'sessions'])
    })

    it('times in the form of SQLite are read as better-sqlite3-session-store reads them', async () => {
      const { open } = OLDER_PACKAGES[1]!
      const store = open(database)
      const insert = database.prepare(`INSERT INTO sessions VALUES (?, ?, datetime('now', ?))`)
      for (const [key, from] of [
        ['lives', '+90 seconds'],
        ['over', '-90 seconds']
      ])
        insert.run(key!, DATA, from!)
      assert.ok(await promised((done) => store.get('lives', done)))
      const record = (await ours().read('lives'))!
      assert.ok(Math.abs(record.expiresAt - Date.now() - 90_000) < 2000)
      assert.equal(await ours().read('over'), undefined)
      assert.deepEqual(
        (await ours().removeExpired!(10)).map(({ key }) => key),
        ['over']
      )
    })
  })
}
