import { SessionError } from '../../core/errors.ts'
import { milliseconds, resolveOptions } from '../../core/options.ts'
import type { Duration } from '../../core/options.ts'

/** What `sqliteStore` takes. */
export interface SqliteStoreOptions {
  /**
   * Path of the database; what is missing of it is created, the file readable by its owner alone. Other tables in it are left
   * alone, so it may be the app's own, unless this process opens it by another SQLite library (`sqlite3`, `better-sqlite3`) as well:
   * two libraries in one process do not see each other's locks. `:memory:` keeps everything in this process.
   */
  readonly file: string
  /**
   * Name of the table: one of ours, which is made where it is missing, or of connect-sqlite3 or better-sqlite3-session-store, whose
   * sessions are then read and written where they are. Default `sessile_sessions`; where there is none, but a table `sessions` of
   * these packages, that one.
   */
  readonly table?: string
  /** How long a write waits for other processes' writes before it fails. Default `5s`. */
  readonly busyTimeout?: Duration
}

/** The options as the backend uses them. */
export interface ResolvedSqliteOptions {
  readonly file: string
  readonly table: string | undefined
  readonly busyTimeoutMs: number
}

const DEFAULTS = { file: '', table: undefined as string | undefined, busyTimeout: '5s' as Duration }

/** @throws SessionError `bad-option` */
export function resolveSqliteOptions(given: SqliteStoreOptions): ResolvedSqliteOptions {
  const { file, table, busyTimeout } = resolveOptions<typeof DEFAULTS>('sqliteStore', DEFAULTS, given)
  if (typeof file !== 'string' || file === '') throw new SessionError('bad-option', 'sqliteStore needs a file: the path of the database.')
  if (table !== undefined && !/^[A-Za-z_]\w{0,40}$/.test(table)) {
    throw new SessionError('bad-option', `table must be letters, digits and _, not ${JSON.stringify(table)}.`)
  }
  return Object.freeze({ file, table, busyTimeoutMs: milliseconds('busyTimeout', busyTimeout) })
}
