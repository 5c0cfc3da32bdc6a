import { SessionError } from '../../core/errors.ts'

/** A database of pg-promise, as far as it is used. */
export interface PgPromiseDatabase {
  any(text: string, values?: unknown[]): Promise<unknown[]>
  readonly $pool?: object
}

/** A `pg.Pool`, as far as it is used. */
export interface PgPoolLike {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
}

/** What `new PostgresStore` takes: the options of connect-pg-simple 10. */
export interface ConnectPgSimpleOptions {
  /** Your own `pg.Pool`, which stays open. */
  pool?: PgPoolLike
  /** A database of pg-promise instead, which stays open. */
  pgPromise?: PgPromiseDatabase
  /** Where to connect, as `pg.Pool` takes it: the store then makes its own pool, and ends it in `close`. Needs the package `pg`. */
  conObject?: object
  /** The same as a URL. Default: `DATABASE_URL` of the environment. */
  conString?: string
  /** Seconds that a session lives whose cookie does not say it. Default a day. */
  ttl?: number
  /** The schema of the table. Default: where the search path leads. */
  schemaName?: string
  /** Default `session`. */
  tableName?: string
  /** Whether a table that is missing is created. Then sessions are found by their user, too. Default false. */
  createTableIfMissing?: boolean
  /** `touch` does nothing. Default false. */
  disableTouch?: boolean
  /** Seconds between two removals of expired sessions; `false` for none. Default 900. */
  pruneSessionInterval?: number | false
  /** Makes the delay of each removal, in ms, of the interval; `false` for the interval itself. Default: from half of it to half more. */
  pruneSessionRandomizedInterval?: ((delay: number) => number) | false
  /** Told of failures that no call can be told of. Default `console.error`. */
  errorLog?: (...what: unknown[]) => void
}

/** The options as the class uses them; the connections apart. */
export interface ResolvedConnectPgSimple {
  readonly schemaName: string
  readonly tableName: string
  readonly createTableIfMissing: boolean
  readonly disableTouch: boolean
  /** The delay until the next removal of expired sessions, ms; `undefined` for none. */
  readonly pruneDelay: (() => number) | undefined
  readonly errorLog: (...what: unknown[]) => void
}

const PRUNE_S = 900

export function resolveConnectPgSimple(given: ConnectPgSimpleOptions): ResolvedConnectPgSimple {
  return {
    ...namesOf(given),
    createTableIfMissing: Boolean(given.createTableIfMissing),
    disableTouch: Boolean(given.disableTouch),
    pruneDelay: pruneDelayOf(given),
    errorLog: given.errorLog ?? console.error.bind(console)
  }
}

/** A schema used to be given as `schema"."table`. */
function namesOf({ schemaName = '', tableName = 'session' }: ConnectPgSimpleOptions): { schemaName: string; tableName: string } {
  const both = schemaName === '' ? /^([^"]+)"\."([^"]+)$/.exec(tableName) : null
  if (!both) return { schemaName, tableName: tableName || 'session' }
  console.warn('DEPRECATION WARNING: PostgresStore: give the schema as schemaName, not in tableName.')
  return { schemaName: both[1]!, tableName: both[2]! }
}

function pruneDelayOf(given: ConnectPgSimpleOptions): (() => number) | undefined {
  const { pruneSessionInterval, pruneSessionRandomizedInterval } = given
  if (pruneSessionInterval === false) return undefined
  const interval = (pruneSessionInterval || PRUNE_S) * 1000
  if (pruneSessionRandomizedInterval === false) return () => interval
  const randomized = pruneSessionRandomizedInterval || ((delay: number) => Math.ceil(delay / 2 + delay * Math.random()))
  return () => randomized(interval)
}

/** @throws TypeError, as connect-pg-simple does; SessionError `bad-option` where nothing says how to connect */
export function checkConnection({ pool, pgPromise }: ConnectPgSimpleOptions): void {
  if (pool !== undefined) {
    if (pool === null) throw new SessionError('bad-option', 'pool must be a pg.Pool, not null.')
  } else if (pgPromise !== undefined && typeof pgPromise?.any !== 'function')
    throw new TypeError('`pgPromise` config must point to an existing and configured instance of pg-promise pointing at your database')
}
