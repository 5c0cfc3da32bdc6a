import { strict as assert } from 'node:assert'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { CreateResult, ExpiredRecord, NewRecord, SessionBackend, StoredRecord, SwapResult } from '../../src/core/backend.ts'
import { isPromise } from '../../src/core/maybe.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { sqliteHarness, sqliteInMemoryHarness, temporaryFolder } from './harnesses.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const code =
  (expected: string) =>
  (error: unknown): boolean =>
    isSessionError(error) && error.code === expected

if (isSelected('sqlite')) {
  backendSuite(sqliteHarness())
  backendSuite(sqliteInMemoryHarness())

  describe('sqliteStore', () => {
    const folder = temporaryFolder()
    const opened: { close?(): unknown }[] = []
    let file = ''
    beforeEach(() => {
      file = folder.path('sessions.db')
    })
    afterEach(() => {
      for (const one of opened.splice(0)) one.close?.()
      folder.clean()
    })

    const open = (options: { file?: string; table?: string; busyTimeout?: number } = {}): SessionBackend => {
      const store = sqliteStore({ file, ...options })
      opened.push(store)
      return store
    }
    const record = (data: string, userId?: string): NewRecord => ({ data, expiresAt: Date.now() + HOUR, userId })
    /** Another process that is in the middle of a write. */
    const locked = (): DatabaseSync => {
      const other = new DatabaseSync(file)
      other.exec('BEGIN IMMEDIATE')
      return other
    }

    it('answers in the same tick when nobody else is writing', () => {
      const store = open()
      const { version } = store.create('a', record('1')) as { version: number }
      assert.equal((store.read('a') as StoredRecord).data, '1')
      assert.equal((store.swap('a', version, record('2')) as SwapResult).outcome, 'done')
      assert.equal(store.extend('a', Date.now() + 2 * HOUR), true)
      assert.equal((store.remove('a') as StoredRecord).data, '2')
      assert.deepEqual(store.removeExpired!(10), [])
    })

    it('waits for another writer without stopping the process, in the order of the calls', async () => {
      const store = open()
      store.create('a', record('1'))
      const other = locked()
      const order: string[] = []
      const note =
        (name: string) =>
        (answer: unknown): unknown => {
          order.push(name)
          return answer
        }
      const began = performance.now()
      const created = Promise.resolve(store.create('b', record('b'))).then(note('create'))
      const removed = Promise.resolve(store.remove('a')).then(note('remove'))
      assert.ok(performance.now() - began < 2500, 'SQLite itself would have waited for five seconds')
      assert.equal((store.read('a') as StoredRecord).data, '1', 'reading goes on')
      await pause(60)
      assert.deepEqual(order, [])
      other.exec('ROLLBACK')
      other.close()
      assert.equal(((await created) as CreateResult).outcome, 'done')
      assert.equal(((await removed) as StoredRecord).data, '1')
      assert.deepEqual(order, ['create', 'remove'])
      assert.ok(!isPromise(store.create('c', record('c'))), 'and then it answers in the same tick again')
    })

    it('gives up after busyTimeout, having written nothing', async () => {
      const store = open({ busyTimeout: 60 })
      store.create('a', record('1'))
      const other = locked()
      await assert.rejects(async () => await store.create('b', record('b')), /locked/)
      other.close()
      await pause(50)
      assert.equal(store.read('b'), undefined)
    })

    it('fails what is waiting when it is closed', async () => {
      const store = open()
      store.create('a', record('1'))
      const other = locked()
      const waiting = store.create('b', record('b'))
      assert.ok(isPromise(waiting))
      store.close!()
      await assert.rejects(waiting, code('store-closed'))
      other.close()
      await pause(50)
      assert.equal(open().read('b'), undefined)
    })

    it('waits to be opened, too', async () => {
      const store = open()
      new DatabaseSync(file).close()
      const other = locked()
      const opening = store.open!()
      assert.ok(isPromise(opening))
      other.close()
      await opening
      assert.equal(store.read('a'), undefined)
    })

    it('opens nothing before its first use, then creates what is missing, for its owner alone', () => {
      file = folder.path('some/deeper/sessions.db')
      const store = open()
      assert.ok(!existsSync(file))
      store.open!()
      store.create('a', record('1'))
      for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(file + suffix).mode & 0o777, 0o600, suffix)
      assert.equal(statSync(folder.path('some')).mode & 0o777, 0o700)
    })

    it('leaves an existing file and the tables in it as they are', () => {
      const app = new DatabaseSync(file)
      app.exec('CREATE TABLE sessions (sid TEXT PRIMARY KEY); INSERT INTO sessions VALUES (1)')
      chmodSync(file, 0o640)
      open().create('a', record('1'))
      assert.equal(statSync(file).mode & 0o777, 0o640)
      assert.equal(app.prepare('SELECT count(*) AS count FROM sessions').get()!['count'], 1)
      app.close()
    })

    it('does not remember that it could not be opened', () => {
      file = folder.path('blocked')
      new DatabaseSync(folder.path('other.db')).close()
      const store = open({ file: folder.path('other.db/sessions.db') })
      assert.throws(() => store.open!())
      assert.throws(() => store.read('a'))
      folder.clean()
      folder.path('')
      assert.equal(store.read('a'), undefined)
    })

    it('keeps tables of several names apart, and spaces in tables of their own', () => {
      const [one, other] = [open({ table: 'one' }), open({ table: 'other' })]
      one.create('a', record('1'))
      assert.equal(other.read('a'), undefined)
      one.space!('marks').create('m', record('mark'))
      const database = new DatabaseSync(file)
      const tables = database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .all()
        .map((row) => row['name'])
      database.close()
      assert.deepEqual(tables, ['one', 'one_marks', 'other'])
    })

    it('keeps what it wrote when the process that wrote it is gone', () => {
      const { version } = open().create('a', record('1', 'ada')) as { version: number }
      opened.pop()!.close!()
      const again = open()
      assert.deepEqual(again.keysOfUser!('ada'), ['a'])
      assert.equal((again.swap('a', version, record('2')) as SwapResult).outcome, 'done')
    })

    it('touches no index when a life gets longer, and still sweeps at the right time', (context) => {
      const clock = fakeClock()
      context.after(clock.restore)
      const store = open()
      const end = clock.now() + 1000
      store.create('extended', { data: '1', expiresAt: end })
      store.create('swapped', { data: '1', expiresAt: end })
      store.create('brief', { data: '1', expiresAt: end, userId: 'ada' })
      store.extend('extended', end + HOUR)
      const { version } = store.read('swapped') as StoredRecord
      store.swap('swapped', version, { data: '2', expiresAt: end + HOUR })
      const database = new DatabaseSync(file)
      opened.push(database)
      const select = 'SELECT sweep_at FROM sessile_sessions ORDER BY key'
      const sweepTimes = (): unknown[] =>
        database
          .prepare(select)
          .all()
          .map((row) => row['sweep_at'])
      assert.deepEqual(sweepTimes(), [end, end, end])
      clock.advance(1000)
      assert.deepEqual(store.removeExpired!(1), [{ key: 'brief', data: '1', userId: 'ada' }])
      assert.deepEqual(store.removeExpired!(1), [])
      assert.deepEqual(sweepTimes(), [end + HOUR, end + HOUR])
      const { version: longer } = store.read('swapped') as StoredRecord
      store.swap('swapped', longer, { data: '3', expiresAt: clock.now() + 20 })
      clock.advance(20)
      assert.deepEqual(store.removeExpired!(10), [{ key: 'swapped', data: '3' }])
    })

    it('finds an expired record behind many that were extended', (context) => {
      const clock = fakeClock()
      context.after(clock.restore)
      const store = open()
      for (let index = 0; index < 50; index++) store.create(`extended-${index}`, { data: '1', expiresAt: clock.now() + 1000 })
      for (let index = 0; index < 50; index++) store.extend(`extended-${index}`, clock.now() + HOUR)
      store.create('brief', { data: '1', expiresAt: clock.now() + 2000 })
      clock.advance(2000)
      assert.deepEqual(
        (store.removeExpired!(7) as ExpiredRecord[]).map(({ key }) => key),
        ['brief']
      )
    })

    it('gives the space of what has gone back to the file system', (context) => {
      const clock = fakeClock()
      context.after(clock.restore)
      const store = open()
      const data = JSON.stringify({ text: 'x'.repeat(4000) })
      for (let index = 0; index < 6000; index++) store.create(`key-${index}`, { data, expiresAt: clock.now() + 1000 })
      const database = new DatabaseSync(file)
      opened.push(database)
      const pages = (): number => database.prepare('PRAGMA page_count').get()!['page_count'] as number
      const before = pages()
      clock.advance(1000)
      let told = 0
      for (let batch: readonly unknown[]; (batch = store.removeExpired!(100) as unknown[]).length > 0;) told += batch.length
      assert.equal(told, 6000)
      assert.ok(pages() < before / 2, `${before} pages before, ${pages()} after`)
    })

    it('says what is wrong with its options and arguments', () => {
      const wrongTables = ['a"b', 'a b', '', '1a'].map((table) => ({ file: 'x', table }))
      for (const options of [{ file: '' }, { file: 5 }, {}, ...wrongTables, { file: 'x', busyTimeout: 0 }, { file: 'x', path: 'y' }]) {
        assert.throws(() => sqliteStore(options as { file: string }), code('bad-option'))
      }
      const store = open()
      assert.throws(() => store.scan!('nonsense', 5), code('bad-argument'))
      assert.throws(() => store.space!('a"b'), code('bad-argument'))
      assert.throws(() => store.swap('a', 'text', record('1')), code('bad-argument'))
    })
  })
}
