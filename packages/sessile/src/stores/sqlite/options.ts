import { SessionError } from '../../core/errors.ts'
import { milliseconds, resolveOptions } from '../../core/options.ts'
import type { Duration } from '../../core/options.ts'

/** What `sqliteStore` takes. */
export interface SqliteStoreOptions {
  /**
   * Path of the database; what is missing of it is created, the file readable by its owner alone. Other tables in it are left
   * alone, so it may be the app's own. `:memory:` keeps everything in this process.
   */
  readonly file: string
  /** Name of the table. Default `sessile_sessions`. */
  readonly table?: string
  /** How long a write waits for other processes' writes before it fails. Default `5s`. */
  readonly busyTimeout?: Duration
}

/** The options as the backend uses them. */
export interface ResolvedSqliteOptions {
  readonly file: string
  readonly table: string
  readonly busyTimeoutMs: number
}

const DEFAULTS: Required<SqliteStoreOptions> = { file: '', table: 'sessile_sessions', busyTimeout: '5s' }

/** @throws SessionError `bad-option` */
export function resolveSqliteOptions(given: SqliteStoreOptions): ResolvedSqliteOptions {
  const { file, table, busyTimeout } = resolveOptions('sqliteStore', DEFAULTS, given)
  if (typeof file !== 'string' || file === '') throw new SessionError('bad-option', 'sqliteStore needs a file: the path of the database.')
  if (!/^[A-Za-z_]\w{0,40}$/.test(table)) {
    throw new SessionError('bad-option', `table must be letters, digits and _, not ${JSON.stringify(table)}.`)
  }
  return Object.freeze({ file, table, busyTimeoutMs: milliseconds('busyTimeout', busyTimeout) })
}
