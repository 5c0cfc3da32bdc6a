import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { MaybePromise } from '../../core/backend.ts'
import { now, pause } from '../../core/clock.ts'
import { isSessionError, SessionError } from '../../core/errors.ts'
import { PRAGMAS } from './statements.ts'

const SQLITE_BUSY = 5
const SQLITE_READONLY_DIRECTORY = 1544
const LONGEST_PAUSE_MS = 20
/** How often it is looked whether the file is still the one that is open: a look costs a third of a read. */
const LOOK_MS = 100

interface Waiting {
  readonly call: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly giveUpAt: number
}

/**
 * One database file, opened at the first use. A call is made in the same tick; only when another process is writing it is made
 * again later, in turn with those that came after it. SQLite's own waiting would stop the whole process for that time.
 */
export class Connection {
  /** Opened to look at alone: nothing is written, nor made. */
  readonly isReadOnly: boolean
  readonly #file: string
  readonly #busyTimeoutMs: number
  readonly #waiting: Waiting[] = []
  /** All pauses so far: the clock of those that wait. */
  #pausedMs = 0
  #database: DatabaseSync | undefined
  /** Which file is open. */
  #inode: number | undefined
  #lookedAt = 0
  /** What is made of the open database, by whom. */
  #made = new WeakMap<object, unknown>()
  #closed = false

  constructor(file: string, busyTimeoutMs: number, isReadOnly = false) {
    this.isReadOnly = isReadOnly
    this.#file = file === ':memory:' ? file : resolve(file)
    this.#busyTimeoutMs = busyTimeoutMs
  }

  /** Whether other processes can open it too. */
  get shared(): boolean {
    return this.#file !== ':memory:'
  }

  /** The open database. Only within `read` and `write`, which do it again when it is busy. */
  get database(): DatabaseSync {
    if (!this.#database) {
      this.#database = (this.isReadOnly ? openToRead : openDatabase)(this.#file)
      this.#inode = this.#inodeNow()
    }
    return this.#database
  }

  /** What `made` has made of the open database for this owner. */
  there<T extends object>(owner: object): T | undefined {
    return this.#made.get(owner) as T | undefined
  }

  /** What `make` makes of the open database, once. Only within `read` and `write`. */
  made<T extends object>(owner: object, make: (database: DatabaseSync) => T): T {
    const there = this.there<T>(owner)
    if (there) return there
    const made = make(this.database)
    this.#made.set(owner, made)
    return made
  }

  /**
   * Runs `call`, which may be run again from its start as long as it throws "busy".
   * @throws SessionError `store-closed`, `store-failed` when the file is not there any more; whatever SQLite throws
   */
  read<T>(call: () => T): MaybePromise<T> {
    if (this.#closed) throw new SessionError('store-closed')
    this.#look()
    try {
      return call()
    } catch (error) {
      if (!isBusy(error)) throw error
      return this.#queue(call)
    }
  }

  /** As `read`; does not overtake a write that is waiting. */
  write<T>(call: () => T): MaybePromise<T> {
    return this.#waiting.length > 0 && !this.#closed ? this.#queue(call) : this.read(call)
  }

  /** Those that wait fail, and nothing can be called from now on. May be called twice. */
  close(): void {
    this.#closed = true
    for (const { reject } of this.#waiting.splice(0)) reject(new SessionError('store-closed'))
    this.#database?.close()
    this.#database = undefined
  }

  /** A file that was deleted or replaced stays open, and whatever is written into it is seen by nobody. */
  #look(): void {
    if (!this.#database || Math.abs(now() - this.#lookedAt) < LOOK_MS) return
    this.#lookedAt = now()
    if (this.#inodeNow() === this.#inode) return
    // SQLite sees it as well, and leaves the log, which goes by its name, to the file that has it now
    this.#database.close()
    this.#database = undefined
    this.#made = new WeakMap()
    throw new SessionError(
      'store-failed',
      `sqlite: the file ${this.#file} was deleted or replaced while it was open. The next call opens what is there then. ` +
        'To put another one in its place, stop the app first: what is left of its -wal file would be taken for part of the new one.'
    )
  }

  #inodeNow(): number | undefined {
    return this.shared ? statSync(this.#file, { throwIfNoEntry: false })?.ino : undefined
  }

  #queue<T>(call: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ call, resolve: resolve as (value: unknown) => void, reject, giveUpAt: this.#pausedMs + this.#busyTimeoutMs })
      if (this.#waiting.length === 1) void this.#workOff()
    })
  }

  /** Tries the first in the queue, and when it got through the next, until all are done. */
  async #workOff(): Promise<void> {
    for (let longest = 1; this.#waiting.length > 0; longest = Math.min(longest * 2, LONGEST_PAUSE_MS)) {
      // by chance, so that processes that wait for one another do not meet again
      const ms = 1 + Math.random() * longest
      await pause(ms)
      this.#pausedMs += ms
      while (this.#waiting.length > 0 && this.#tryFirst()) longest = 1
    }
  }

  /** @returns false when it has to wait on */
  #tryFirst(): boolean {
    const { call, resolve, reject, giveUpAt } = this.#waiting[0]!
    try {
      resolve(call())
    } catch (error) {
      if (isBusy(error) && this.#pausedMs < giveUpAt) return false
      reject(error)
    }
    this.#waiting.shift()
    return true
  }
}

function openDatabase(file: string): DatabaseSync {
  if (file !== ':memory:') createFile(file)
  try {
    return opened(file, { timeout: 0 }, PRAGMAS)
  } catch (error) {
    throw isOfFile(error) ? unusable(file, error) : error
  }
}

/** SQLite finds out at the first read whether it can: a file in WAL mode asks for others beside it. */
function openToRead(file: string): DatabaseSync {
  const options = { timeout: 0, readOnly: true }
  const firstRead = ['PRAGMA schema_version']
  try {
    return opened(file, options, firstRead)
  } catch (error) {
    if (!isOfFile(error)) throw error
    // where they cannot be made nobody can write either, unless they are there
    if ((error as { errcode?: number }).errcode !== SQLITE_READONLY_DIRECTORY || existsSync(`${file}-wal`)) throw unusable(file, error)
    return opened(`${pathToFileURL(file).href}?immutable=1`, options, firstRead)
  }
}

function opened(path: string, options: DatabaseSyncOptions, first: readonly string[]): DatabaseSync {
  // not imported above: whoever uses another store needs no node:sqlite, and sees no warning of it
  const sqlite = process.getBuiltinModule('node:sqlite') as typeof import('node:sqlite') | undefined
  if (!sqlite) throw new SessionError('not-supported', 'sqliteStore needs the module node:sqlite of Node 22.13 or later.')
  const database = new sqlite.DatabaseSync(path, options)
  try {
    for (const pragma of first) database.exec(pragma)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Not "busy", which passes, nor one of ours. */
function isOfFile(error: unknown): boolean {
  return !isBusy(error) && !isSessionError(error)
}

/** SQLite does not tell which file it means. */
function unusable(file: string, error: unknown): SessionError {
  return new SessionError('store-failed', `sqlite: ${file} cannot be used: ${(error as Error).message}.`, error)
}

/**
 * SQLite would create the file readable by everyone; its log files get the mode of the file. An existing file is not even
 * opened here: closing it again would release the locks that SQLite holds in this process.
 */
function createFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(file, error)
  }
}

/** By its number alone: under Jest an error of Node's is not an instance of the `Error` that is seen here. */
function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number } | undefined)?.errcode ?? 0) % 256 === SQLITE_BUSY
}
