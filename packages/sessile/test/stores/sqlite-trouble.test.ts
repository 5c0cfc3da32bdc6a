import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { newId } from '../../src/core/ids.ts'
import { sqliteStore } from '../../src/entries/sqlite.ts'
import { idOf } from '../express/helpers.ts'
import { temporaryFolder } from './harnesses.ts'
import { isSelected } from './selected.ts'
import { appOn, cannotWrite, cookieOf, last, refuses, tellsNothing, tinyDisk, type App } from './trouble.ts'

const app = (t: TestContext, file: string, options: object = {}): Promise<App> => appOn(t, sqliteStore({ file, ...options }))
const text = async (running: App, cookie: string | undefined): Promise<string> => (await running.get('/', { cookie })).body

/** A path in a folder that goes with the test. */
function fresh(t: TestContext, name = 'sessions.db'): string {
  const folder = temporaryFolder()
  t.after(() => folder.clean())
  return folder.path(name)
}

if (isSelected('sqlite')) {
  test('sqlite: no room on the disk, until there is', async (t) => {
    const disk = tinyDisk(t, '256k')
    if (!disk) return
    const running = await app(t, `${disk.folder}/sessions.db`)
    const { cookie } = await running.get('/write')
    disk.fill()
    await cannotWrite(running, /database or disk is full/, cookie)
    for (let tries = 0; tries < 2; tries++) await running.get('/fill?20000', { cookie }).catch(() => {})
    assert.match(last(running).message, /sqlite: swap failed: database or disk is full/)
    disk.empty()
    assert.equal(await text(running, cookie), '1', 'nothing of what failed is there')
    assert.equal((await running.get('/write', { cookie })).body, '2')
    assert.equal(await text(running, cookie), '2')
    tellsNothing(running, idOf(cookie))
  })

  test('sqlite: no room for the database itself', async (t) => {
    const disk = tinyDisk(t, '256k')
    if (!disk) return
    disk.fill()
    const running = await app(t, `${disk.folder}/sessions.db`)
    await refuses(running, /sessions\.db cannot be used: |disk I\/O error|disk is full|ENOSPC/)
    disk.empty()
    assert.equal((await running.get('/write')).body, '1')
  })

  test('sqlite: a disk that may only be read, until it may be written', async (t) => {
    const disk = tinyDisk(t, '1m')
    if (!disk) return
    const file = `${disk.folder}/sessions.db`
    const before = sqliteStore({ file })
    const made = await appOn(t, before)
    const { cookie } = await made.get('/write')
    before.close!()
    disk.remount('ro')
    const running = await app(t, file)
    await refuses(running, /sessions\.db cannot be used: unable to open database file/)
    await refuses(await app(t, `${disk.folder}/other.db`), /other\.db cannot be used: EROFS/)
    disk.remount('rw')
    assert.equal((await running.get('/write', { cookie })).body, '2')
  })

  test('sqlite: a folder in place of the file, and a file in place of the folder', async (t) => {
    const file = fresh(t)
    mkdirSync(file)
    await refuses(await app(t, file), /sessions\.db cannot be used: unable to open database file/)
    const plain = fresh(t, 'plain')
    writeFileSync(plain, '')
    await refuses(await app(t, `${plain}/sessions.db`), /sessions\.db cannot be used: /)
  })

  test('sqlite: a file that is no database stays as it is', async (t) => {
    const file = fresh(t)
    const content = 'a list of something else\n'.repeat(100)
    writeFileSync(file, content)
    const running = await app(t, file)
    await refuses(running, /sessions\.db cannot be used: file is not a database/)
    await cannotWrite(running, /file is not a database/)
    assert.equal(readFileSync(file, 'utf8'), content)
  })

  test('sqlite: a file that is damaged', async (t) => {
    const file = fresh(t)
    const store = sqliteStore({ file })
    for (let index = 0; index < 500; index++) await store.create(`key-${index}`, { data: 'x'.repeat(500), expiresAt: Date.now() + 60_000 })
    store.close!()
    const damaged = openSync(file, 'r+')
    // all but the first page, which says what tables there are
    writeSync(damaged, Buffer.alloc(statSync(file).size - 4096, 'damage'), 0, undefined, 4096)
    closeSync(damaged)
    const running = await app(t, file)
    await refuses(running, /sqlite: read failed: database disk image is malformed/)
    await cannotWrite(running, /database disk image is malformed/)
  })

  test('sqlite: a table of something else, which stays as it is', async (t) => {
    const file = fresh(t)
    const database = new DatabaseSync(file)
    t.after(() => database.close())
    database.exec("CREATE TABLE sessile_sessions (name TEXT); INSERT INTO sessile_sessions VALUES ('mine')")
    const running = await app(t, file)
    assert.equal((await running.get('/', { cookie: cookieOf(newId()) })).status, 500)
    assert.equal(running.handled(), 0)
    assert.equal(last(running).code, 'bad-option')
    assert.match(last(running).message, /table sessile_sessions is neither ours nor one of an older package/)
    assert.deepEqual({ ...database.prepare('SELECT * FROM sessile_sessions').get() }, { name: 'mine' })
  })

  test('sqlite: another process that writes for longer than busyTimeout', async (t) => {
    const file = fresh(t)
    const running = await app(t, file, { busyTimeout: 150 })
    const { cookie } = await running.get('/write')
    const script = `
      const database = new (require('node:sqlite').DatabaseSync)(process.argv[1])
      database.exec('BEGIN IMMEDIATE')
      console.log('locked')
      process.stdin.once('data', () => { database.exec('COMMIT'); process.exit() })`
    const other = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '-e', script, file], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    t.after(() => other.kill('SIGKILL'))
    await once(other.stdout, 'data')
    await cannotWrite(running, /sqlite: swap failed: database is locked/, cookie)
    await cannotWrite(running, /sqlite: create failed: database is locked/)
    other.stdin.write('\n')
    await once(other, 'exit')
    assert.equal(await text(running, cookie), '1')
    assert.equal((await running.get('/write', { cookie })).body, '2')
    tellsNothing(running, idOf(cookie))
  })

  for (const [what, change] of [
    ['deleted', (file: string) => rmSync(file)],
    [
      'replaced',
      (file: string) => {
        for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name)
        renameSync(`${file}.backup`, file)
      }
    ]
  ] as const) {
    test(`sqlite: a file that is ${what} while it is open is noticed, and what is there then is used`, async (t) => {
      const file = fresh(t)
      const backup = sqliteStore({ file: `${file}.backup` })
      const kept = await appOn(t, backup)
      const { cookie: ofBackup } = await kept.get('/write')
      backup.close!()
      const running = await app(t, file)
      const { cookie } = await running.get('/write')
      change(file)
      // it is looked for ten times a second
      const until = Date.now() + 5000
      while (running.errors.length === 0 && Date.now() < until) {
        const answer = await text(running, cookie)
        assert.equal(answer, running.errors.length === 0 ? '1' : last(running).message)
      }
      assert.equal(running.errors.length, 1)
      assert.equal(last(running).code, 'store-failed')
      assert.match(last(running).message, /sessions\.db was deleted or replaced while it was open/)
      assert.equal(await text(running, ofBackup), what === 'replaced' ? '1' : 'anonymous')
      const { cookie: next } = await running.get('/write')
      // another process sees what this one writes from now on
      const other = await app(t, file)
      assert.equal(await text(other, next), '1')
      assert.equal((await other.get('/write', { cookie: next })).body, '2')
      assert.equal(await text(running, next), '2')
      assert.equal(running.errors.length, 1)
      tellsNothing(running, idOf(cookie))
    })
  }
  test('sqlite: whoever notices that his file is gone leaves what another process has begun in its place', async (t) => {
    const file = fresh(t)
    const store = sqliteStore({ file })
    t.after(() => store.close!())
    const record = (data: string) => ({ data, expiresAt: Date.now() + 60_000 })
    await store.create('a', record('before'))
    for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name)
    const other = sqliteStore({ file })
    t.after(() => other.close!())
    await other.create('b', record('after'))
    const log = statSync(`${file}-wal`)
    assert.ok(log.size > 0)
    const until = Date.now() + 5000
    const read = async (): Promise<unknown> => await store.read('b')
    while ((await read().catch((error: { code: string }) => error.code)) !== 'store-failed') assert.ok(Date.now() < until)
    assert.equal(statSync(`${file}-wal`).ino, log.ino)
    assert.equal((await store.read('b'))?.data, 'after')
    assert.equal((await other.read('b'))?.data, 'after')
  })
}
