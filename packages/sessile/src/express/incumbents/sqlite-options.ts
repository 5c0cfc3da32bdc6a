import { join } from 'node:path'
import { SessionError } from '../../core/errors.ts'
import { milliseconds, resolveOptions, type Duration } from '../../core/options.ts'
import { BETTER_SQLITE3_SESSION_STORE, CONNECT_SQLITE3, type OlderForm } from '../../stores/sqlite/format.ts'
import type { SqliteStoreOptions } from '../../stores/sqlite/options.ts'

/** What `new SqliteStore` takes: `file`, or the options of connect-sqlite3, or those of better-sqlite3-session-store. */
export interface SqliteSessionStoreOptions extends Partial<SqliteStoreOptions> {
  /** How long a session lives whose cookie does not say it. Default `24h`. */
  readonly ttl?: Duration
  /** connect-sqlite3's name of the file, or a database of `node:sqlite` that is open. Default: the name of the table. */
  readonly db?: string | OpenDatabase
  /** The folder of `db`. Default `.`. */
  readonly dir?: string
  /** What is missing of the folder is made in any case. */
  readonly createDirIfNotExists?: boolean
  /** The database is in WAL mode in any case. */
  readonly concurrentDb?: unknown
  readonly concurrentDB?: unknown
  /** How `sqlite3` opens the file; it must be for writing. */
  readonly mode?: number
  /** better-sqlite3-session-store's database: one of `node:sqlite` that is open. Its file is opened once more, and `client` stays open. */
  readonly client?: OpenDatabase
  /** Whether, and how often, this process removes expired sessions. Default: every 15 minutes. */
  readonly expired?: { readonly clear?: boolean; readonly intervalMs?: number }
}

/** A `DatabaseSync` of `node:sqlite`, as far as it is used. */
export interface OpenDatabase {
  location(): string | null
}

/** The options as the class uses them. */
export interface ResolvedSqliteSessionStore {
  readonly options: SqliteStoreOptions
  readonly idleMs: number
  /** Whose options these are; tables are made, and sessions listed, as it does. */
  readonly form: OlderForm | undefined
  readonly expired: { readonly clear: boolean; readonly intervalMs: number }
}

const DEFAULTS = {
  file: undefined as string | undefined,
  table: undefined as string | undefined,
  busyTimeout: '5s' as Duration,
  ttl: '24h' as Duration,
  db: undefined as string | object | undefined,
  dir: '.',
  createDirIfNotExists: false,
  concurrentDb: undefined as unknown,
  concurrentDB: undefined as unknown,
  mode: undefined as number | undefined,
  client: undefined as object | undefined,
  expired: {} as { readonly clear?: boolean; readonly intervalMs?: number }
}

/** What both packages call their table. */
const OLDER_TABLE = 'sessions'
const CLEAR_INTERVAL_MS = 900_000
/** A Node timer takes 2^31 - 1 ms. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1
/** `sqlite3.OPEN_READWRITE`. */
const READ_WRITE = 2

/** @throws SessionError `bad-option` */
export function resolveSqliteSessionStore(given: SqliteSessionStoreOptions = {}): ResolvedSqliteSessionStore {
  const resolved = resolveOptions<typeof DEFAULTS>('SqliteStore', DEFAULTS, given as Partial<typeof DEFAULTS>)
  const { table, busyTimeout, client, mode } = resolved
  if ([given.file, given.db, given.client].filter((one) => one !== undefined).length > 1)
    throw bad('SqliteStore takes file, db or client, one of them.')
  if (mode !== undefined && !(mode & READ_WRITE)) throw bad('mode must be for writing, such as sqlite3.OPEN_READWRITE.')
  const more = { idleMs: milliseconds('ttl', resolved.ttl), expired: clearing(resolved.expired) }
  // also where it is undefined: what is not set in an app's environment is not to become another file
  if ('file' in given)
    return { ...more, options: { file: resolved.file as string, ...(table ? { table } : {}), busyTimeout }, form: undefined }
  const [file, form] =
    client === undefined ? [connectFile(resolved), CONNECT_SQLITE3] : [fileOf('client', client), BETTER_SQLITE3_SESSION_STORE]
  return { ...more, options: { file, table: table ?? OLDER_TABLE, busyTimeout }, form }
}

/** The file as connect-sqlite3 finds it. */
function connectFile({ db, dir, table = OLDER_TABLE }: typeof DEFAULTS): string {
  if (typeof db === 'object') return fileOf('db', db)
  const name = db || table
  return name.includes(':memory:') || name.includes('?mode=memory') ? ':memory:' : join(dir, name)
}

function fileOf(option: string, database: Partial<OpenDatabase> & { name?: unknown; filename?: unknown }): string {
  if (typeof database?.location !== 'function') {
    const path = [database?.name, database?.filename].find((one) => typeof one === 'string') ?? 'the path of the database'
    throw bad(
      `${option} is not a database of node:sqlite, which SqliteStore uses. Give file: ${JSON.stringify(path)} instead. If this process ` +
        'has that file open for other things too, open it by node:sqlite there as well: two SQLite libraries in one process do not see ' +
        "each other's locks."
    )
  }
  const file = database.location()
  if (file === null) throw bad(`${option} is a database in memory, which cannot be opened once more. Give file: ':memory:' instead.`)
  return file
}

function clearing({
  clear = true,
  intervalMs = CLEAR_INTERVAL_MS
}: {
  clear?: boolean
  intervalMs?: number
}): ResolvedSqliteSessionStore['expired'] {
  if (!(intervalMs > 0 && intervalMs <= LONGEST_INTERVAL_MS))
    throw bad(`expired.intervalMs must be a number of milliseconds of at most 24 days, not ${String(intervalMs)}.`)
  return { clear, intervalMs }
}

function bad(detail: string): SessionError {
  return new SessionError('bad-option', detail)
}
