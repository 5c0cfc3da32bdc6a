import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult, SqliteAdapter, SqliteDialect } from 'kysely'

/** How long a write waits in all for another process to finish its own. */
const BUSY_TIMEOUT_MS = 5_000
/** How long SQLite itself may wait: it blocks the event loop meanwhile, so hardly at all. The rest is waited for outside. */
const BLOCKING_MS = 5
const SQLITE_BUSY = 5

/**
 * Kysely on Node's own SQLite. Every transaction takes the write lock at its start (`BEGIN IMMEDIATE`): one that read
 * first and wrote later would have to be undone when another process wrote in between. Whoever finds the file locked
 * by another process waits and tries again, without holding up this one.
 */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #file: string

  /** @param file a path, or `:memory:` */
  constructor(file: string) {
    super({
      database: () => {
        throw new Error('unused: createDriver is overridden')
      }
    })
    this.#file = file
  }

  override createDriver(): Driver {
    return new NodeSqliteDriver(this.#file)
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter()
  }
}

/** SQLite does run DDL in transactions, so that two processes which migrate at once do it one after the other. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

class NodeSqliteDriver implements Driver {
  readonly #file: string
  #connection: NodeSqliteConnection | undefined

  constructor(file: string) {
    this.#file = file
  }

  async init(): Promise<void> {
    const db = new DatabaseSync(this.#file, { timeout: BLOCKING_MS, enableForeignKeyConstraints: true })
    this.#connection = new NodeSqliteConnection(db)
    // Switching to WAL needs the file for itself for a moment, so it may have to wait like a write.
    await this.#connection.retrying(() => db.exec('PRAGMA journal_mode = WAL'))
    db.exec('PRAGMA synchronous = NORMAL')
  }

  /** There is one connection; Kysely lends it to one user at a time (`supportsMultipleConnections` is false). */
  async acquireConnection(): Promise<NodeSqliteConnection> {
    if (!this.#connection) throw new Error('The database is not open.')
    return this.#connection
  }

  async releaseConnection(): Promise<void> {}

  async beginTransaction(connection: NodeSqliteConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  async commitTransaction(connection: NodeSqliteConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: NodeSqliteConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'))
  }

  async destroy(): Promise<void> {
    this.#connection?.close()
    this.#connection = undefined
  }
}

class NodeSqliteConnection implements DatabaseConnection {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const parameters = query.parameters as SQLInputValue[]
    return this.retrying(() => {
      const statement = this.#prepared(query.sql)
      if (statement.columns().length > 0) return { rows: statement.all(...parameters) as R[] }
      const { changes, lastInsertRowid } = statement.run(...parameters)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    })
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const rows = this.#prepared(query.sql).iterate(...(query.parameters as SQLInputValue[]))
    for (const row of rows) yield { rows: [row as R] }
  }

  /** A statement that was refused as busy has done nothing, so it can simply be run again. */
  async retrying<T>(run: () => T): Promise<T> {
    const giveUpAt = performance.now() + BUSY_TIMEOUT_MS
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
      try {
        return run()
      } catch (error) {
        if (!isBusy(error) || performance.now() > giveUpAt) throw error
      }
      await wait(pauseMs * (0.5 + Math.random()))
    }
  }

  close(): void {
    this.#statements.clear()
    this.#db.close()
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#db.prepare(sql)
      // The texts are few, but `IN (?, ?, …)` makes one for each length.
      if (this.#statements.size >= 500) this.#statements.clear()
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

function isBusy(error: unknown): boolean {
  // The lower byte is the primary code: BUSY_SNAPSHOT and BUSY_RECOVERY count as well.
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}
