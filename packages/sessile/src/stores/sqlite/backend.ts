import { chain } from '../../core/maybe.ts'
import type { ExpiredRecord, MaybePromise, SessionBackend } from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import { Connection } from './connection.ts'
import { resolveSqliteOptions } from './options.ts'
import type { ResolvedSqliteOptions, SqliteStoreOptions } from './options.ts'
import { SqliteTable } from './table.ts'

/** Sessions in a SQLite file, which any number of processes of one machine may share. */
class SqliteBackend extends SqliteTable {
  readonly #options: ResolvedSqliteOptions
  readonly #spaces = new Map<string, SqliteTable>()

  constructor(options: ResolvedSqliteOptions) {
    super(new Connection(options.file, options.busyTimeoutMs), options.table)
    this.#options = options
  }

  open(): MaybePromise<void> {
    return this.connection.read(() => void this.statements)
  }

  /** A table beside this one, with the name of both; it closes with this store. */
  space(name: string): SessionBackend {
    if (!/^\w{1,40}$/.test(name)) {
      throw new SessionError('bad-argument', `The name of a space must be letters, digits and _, not ${JSON.stringify(name)}.`)
    }
    let space = this.#spaces.get(name)
    if (!space) {
      space = new SqliteTable(this.connection, `${this.#options.table}_${name}`)
      this.#spaces.set(name, space)
    }
    return space
  }

  /** Sweeps the spaces as well, whose expired records nobody asks for. */
  override removeExpired(limit: number): MaybePromise<readonly ExpiredRecord[]> {
    let sweep: MaybePromise<unknown> = undefined
    for (const space of this.#spaces.values()) sweep = chain(sweep, () => space.removeExpired(limit))
    return chain(sweep, () => super.removeExpired(limit))
  }

  ping(): MaybePromise<void> {
    return this.connection.read(() => void this.statements.anyDue.get(0))
  }

  close(): void {
    this.connection.close()
  }
}

/**
 * A store in a SQLite file, through Node's own `node:sqlite`. Answers come in the same tick unless another process is writing.
 * Nothing is opened before the first use.
 * @throws SessionError `bad-option`; `not-supported` at the first use where Node has no `node:sqlite`
 */
export function sqliteStore(options: SqliteStoreOptions): SessionBackend {
  return new SqliteBackend(resolveSqliteOptions(options))
}
