import { chain } from '../../core/maybe.ts'
import type {
  BackendTraits,
  CreateResult,
  ExpiredRecord,
  MaybePromise,
  NewRecord,
  ScanPage,
  SessionBackend,
  StoredRecord,
  SwapResult,
  Version
} from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import { Connection } from './connection.ts'
import type { OlderForm } from './format.ts'
import { OlderTable } from './older-table.ts'
import { resolveSqliteOptions } from './options.ts'
import type { ResolvedSqliteOptions, SqliteStoreOptions } from './options.ts'
import { findTable, type TableWish } from './schema.ts'
import { SqliteTable } from './table.ts'

type Records = SqliteTable | OlderTable

/** The table that is used in the open file. */
interface Found {
  readonly name: string
  readonly records: Records
}

/** Sessions in a SQLite file, which any number of processes of one machine may share. Which table they are in is found out at the first use. */
class SqliteBackend implements SessionBackend {
  readonly name = 'sqlite'
  readonly traits: BackendTraits
  readonly #connection: Connection
  readonly #wish: TableWish
  readonly #spaces = new Map<string, SqliteTable>()

  constructor({ file, table, busyTimeoutMs }: ResolvedSqliteOptions, how: { createAs?: OlderForm; isReadOnly?: boolean } = {}) {
    const { createAs, isReadOnly = false } = how
    this.#connection = new Connection(file, busyTimeoutMs, isReadOnly)
    this.traits = { shared: this.#connection.shared, atomicSwap: true }
    this.#wish = { table, createAs, lookAt: isReadOnly ? file : undefined }
  }

  open(): MaybePromise<void> {
    return this.#use((records) => records.open())
  }

  read(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#use((records) => records.read(key))
  }

  create(key: string, next: NewRecord): MaybePromise<CreateResult> {
    return this.#use((records) => records.create(key, next))
  }

  swap(key: string, expected: Version, next: NewRecord): MaybePromise<SwapResult> {
    return this.#use((records) => records.swap(key, expected, next))
  }

  extend(key: string, expiresAt: number): MaybePromise<boolean> {
    return this.#use((records) => records.extend(key, expiresAt))
  }

  remove(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#use((records) => records.remove(key))
  }

  keysOfUser(userId: string): MaybePromise<readonly string[]> {
    return this.#use((records) => records.keysOfUser(userId))
  }

  scan(cursor: string | undefined, limit: number): MaybePromise<ScanPage> {
    return this.#use((records) => records.scan(cursor, limit))
  }

  /** A table of ours beside this one, with the name of both; it closes with this store. */
  space(name: string): SessionBackend {
    if (!/^\w{1,40}$/.test(name)) {
      throw new SessionError('bad-argument', `The name of a space must be letters, digits and _, not ${JSON.stringify(name)}.`)
    }
    let space = this.#spaces.get(name)
    if (!space) {
      space = new SqliteTable(this.#connection, () => `${this.#find().name}_${name}`)
      this.#spaces.set(name, space)
    }
    return space
  }

  /** Sweeps the spaces as well, whose expired records nobody asks for. */
  removeExpired(limit: number): MaybePromise<readonly ExpiredRecord[]> {
    let sweep: MaybePromise<unknown> = undefined
    for (const space of this.#spaces.values()) sweep = chain(sweep, () => space.removeExpired(limit))
    return chain(sweep, () => this.#use((records) => records.removeExpired(limit)))
  }

  ping(): MaybePromise<void> {
    return this.#use((records) => records.ping())
  }

  close(): void {
    this.#connection.close()
  }

  #use<T>(call: (records: Records) => MaybePromise<T>): MaybePromise<T> {
    const found = this.#connection.there<Found>(this)
    return found
      ? call(found.records)
      : chain(
          this.#connection.read(() => this.#find().records),
          call
        )
  }

  /** A failure, "busy" as well, is not remembered. Another file under the same path may have another table. */
  #find(): Found {
    return this.#connection.made(this, (database) => {
      const { name, form } = findTable(database, this.#wish)
      return { name, records: form ? new OlderTable(this.#connection, name, form) : new SqliteTable(this.#connection, () => name) }
    })
  }
}

/**
 * A store in a SQLite file, through Node's own `node:sqlite`. Answers come in the same tick unless another process is writing.
 * Sessions of connect-sqlite3 and better-sqlite3-session-store are used where they are, also while these packages write to them.
 * Nothing is opened before the first use.
 * @throws SessionError `bad-option`; `not-supported` at the first use where Node has no `node:sqlite`
 */
export function sqliteStore(options: SqliteStoreOptions): SessionBackend {
  return new SqliteBackend(resolveSqliteOptions(options))
}

/** As `sqliteStore`; a table that is missing is made as an older package has it. */
export function olderSqliteStore(options: SqliteStoreOptions, createAs: OlderForm): SessionBackend {
  return new SqliteBackend(resolveSqliteOptions(options), { createAs })
}

/**
 * As `sqliteStore`, to look at alone: nothing is made or changed, writes fail, and a file without a table of sessions fails at the first
 * use. Sessions of a user are found by the index that is there.
 */
export function sqliteStoreToRead(options: SqliteStoreOptions): SessionBackend {
  return new SqliteBackend(resolveSqliteOptions(options), { isReadOnly: true })
}
