import { createRequire } from 'node:module'
import { DatabaseSync } from 'node:sqlite'
import { after } from 'node:test'
import session from 'express-session'
import type { SessionBackend } from '../../src/core/backend.ts'
import { EventHub } from '../../src/core/events.ts'
import { SessionRecords } from '../../src/core/records.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'
import { temporaryFolder } from './harnesses.ts'

type Done<T = unknown> = (error?: unknown, value?: T) => void

/** An older package's store, as far as tests use it. */
export interface OlderStore {
  get(sid: string, done: Done<Record<string, any>>): void
  set(sid: string, session: object, done: Done): void
  touch(sid: string, session: object, done: Done): void
  destroy(sid: string, done: Done): void
  all(done: Done<any[]>): void
  length(done: Done<number>): void
}

const require = createRequire(import.meta.url)

/** An older package, its real code; SQLite itself is Node's, as the libraries that these packages use have to be built. */
export interface OlderPackage {
  readonly name: string
  /** The column of the end. */
  readonly column: string
  readonly open: (database: DatabaseSync, table?: string) => OlderStore
}

const Sqlite3Store = require('connect-sqlite3')(session)
const BetterStore = require('better-sqlite3-session-store')(session) as new (options: object) => object

/** It would keep the process alive. */
class Untimed extends BetterStore {
  startInterval(): void {}
}

export const OLDER_PACKAGES: readonly OlderPackage[] = [
  {
    name: 'connect-sqlite3',
    column: 'expired',
    open: (database, table) => new Sqlite3Store({ db: asSqlite3(database), ...(table ? { table } : {}) })
  },
  { name: 'better-sqlite3-session-store', column: 'expire', open: (client) => new Untimed({ client }) as unknown as OlderStore }
]

/** The part of `sqlite3` that connect-sqlite3 calls. */
export function asSqlite3(database: DatabaseSync): object {
  const later = (done: Done<any> | undefined, work: () => unknown): void => {
    let value: unknown
    let error: unknown = null
    try {
      value = work()
    } catch (thrown) {
      error = thrown
    }
    process.nextTick(() => done?.(error, value))
  }
  return {
    exec: (sql: string, done?: Done) => later(done, () => database.exec(sql)),
    get: (sql: string, values: never[], done?: Done) => later(done, () => database.prepare(sql).get(...values)),
    run: (sql: string, values: never[], done?: Done) => later(done, () => database.prepare(sql).run(...values)),
    all(sql: string, ...[values, done]: [never[], Done?] | [Done]) {
      if (typeof values === 'function') later(values, () => database.prepare(sql).all())
      else later(done, () => database.prepare(sql).all(...values))
    }
  }
}

/** What a method of an older store calls back with. */
export function promised<T>(call: (done: Done<T>) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error as Error) : resolve(value))))
}

/** A session whose text is `data`, and which lives until then in the eyes of an older writer. */
export function livingUntil(data: string, expiresAt: number): object {
  const cookie = { maxAge: expiresAt - Date.now(), expires: new Date(expiresAt) }
  return { cookie, toJSON: () => JSON.parse(data) as unknown }
}

/** As `sqliteHarness`, on a table that the older package has made. */
export function olderHarness({ name, open }: OlderPackage): BackendHarness {
  const folder = temporaryFolder()
  const opened: DatabaseSync[] = []
  let clock: FakeClock | undefined
  let file = ''
  let older: OlderStore
  const database = (): DatabaseSync => {
    const one = new DatabaseSync(file)
    // a test is over before the machine could lose power
    one.exec('PRAGMA synchronous = OFF')
    opened.push(one)
    return one
  }
  const ours = () => sqliteStore({ file, busyTimeout: 100 })
  return {
    name: `sqlite, table of ${name}`,
    make() {
      clock ??= fakeClock()
      file = folder.path(`${opened.length}.db`)
      older = open(database())
      return ours()
    },
    another: ours,
    advance: (ms) => clock!.advance(ms),
    async writeLegacy(key, data, expiresAt) {
      await promised((done) => older.set(key, livingUntil(data, expiresAt), done))
    },
    stop: () => database().exec('BEGIN IMMEDIATE'),
    start: () => opened.pop()!.close(),
    clean() {
      for (const one of opened.splice(0)) one.close()
      clock?.restore()
      clock = undefined
      folder.clean()
    }
  }
}

/** Both on one table, until the end of the tests around it; and what is in there. */
export function besideOlder({ column, open }: OlderPackage) {
  const folder = temporaryFolder()
  const file = folder.path('sessions.db')
  const database = new DatabaseSync(file, { timeout: 1000 })
  const theirs = open(database)
  const ours: SessionBackend = sqliteStore({ file })
  after(async () => {
    await ours.close!()
    database.close()
    folder.clean()
  })
  const rowOf = (key: string) => database.prepare('SELECT *, typeof(sid) t1, typeof(sess) t2 FROM sessions WHERE sid = ?').get(key)!
  return {
    file,
    database,
    theirs,
    /** The same by promises. */
    older: {
      get: async (key: string) => (await promised<Record<string, any>>((done) => theirs.get(key, done))) ?? undefined,
      set: (key: string, value: object) => promised((done) => theirs.set(key, value, done)),
      touch: (key: string, value: object) => promised((done) => theirs.touch(key, value, done)),
      destroy: (key: string) => promised((done) => theirs.destroy(key, done))
    },
    ours,
    records: new SessionRecords(ours, { events: new EventHub(), handleOf: (key) => key }),
    read: async (key: string) => await ours.read(key),
    rowOf,
    typeOfEnd: (key: string) => database.prepare(`SELECT typeof(${column}) AS t FROM sessions WHERE sid = ?`).get(key)!['t'],
    endOf: (key: string): number => Number(new Date(rowOf(key)[column] as string | number)),
    setEnd(key: string, at: number): void {
      const value = column === 'expired' ? at : new Date(at).toISOString()
      database.prepare(`UPDATE sessions SET ${column} = ? WHERE sid = ?`).run(value, key)
    }
  }
}
