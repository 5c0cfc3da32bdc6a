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
import { findTable, type FoundTable, type TableWish } from './schema.ts'
import { SqliteTable } from './table.ts'

/** Sessions in a SQLite file, which any number of processes of one machine may share. Which table they are in is found out at the first use. */
class SqliteBackend implements SessionBackend {
  readonly name = 'sqlite'
  readonly traits: BackendTraits
  readonly #connection: Connection
  readonly #wish: TableWish
  readonly #spaces = new Map<string, SqliteTable>()
  #table: SqliteTable | OlderTable | undefined

  constructor({ file, table, busyTimeoutMs }: ResolvedSqliteOptions, createAs?: OlderForm) {
    this.#connection = new Connection(file, busyTimeoutMs)
    this.traits = { shared: this.#connection.shared, atomicSwap: true }
    this.#wish = { table, createAs }
  }

  open(): MaybePromise<void> {
    return this.#use((table) => table.open())
  }

  read(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#use((table) => table.read(key))
  }

  create(key: string, next: NewRecord): MaybePromise<CreateResult> {
    return this.#use((table) => table.create(key, next))
  }

  swap(key: string, expected: Version, next: NewRecord): MaybePromise<SwapResult> {
    return this.#use((table) => table.swap(key, expected, next))
  }

  extend(key: string, expiresAt: number): MaybePromise<boolean> {
    return this.#use((table) => table.extend(key, expiresAt))
  }

  remove(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#use((table) => table.remove(key))
  }

  keysOfUser(userId: string): MaybePromise<readonly string[]> {
    return this.#use((table) => table.keysOfUser(userId))
  }

  scan(cursor: string | undefined, limit: number): MaybePromise<ScanPage> {
    return this.#use((table) => table.scan(cursor, limit))
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
    return chain(sweep, () => this.#use((table) => table.removeExpired(limit)))
  }

  ping(): MaybePromise<void> {
    return this.#use((table) => table.ping())
  }

  close(): void {
    this.#connection.close()
  }

  #use<T>(call: (table: SqliteTable | OlderTable) => MaybePromise<T>): MaybePromise<T> {
    return this.#table
      ? call(this.#table)
      : chain(
          this.#connection.read(() => this.#findTable()),
          call
        )
  }

  #findTable(): SqliteTable | OlderTable {
    const { name, form } = this.#find()
    this.#table ??= form ? new OlderTable(this.#connection, name, form) : new SqliteTable(this.#connection, () => name)
    return this.#table
  }

  /** A failure, "busy" as well, is not remembered. */
  #find(): FoundTable {
    return this.#connection.made(this, (database) => findTable(database, this.#wish))
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
  return new SqliteBackend(resolveSqliteOptions(options), createAs)
}
