import { SessionError } from '../../core/errors.ts'
import { resolveOptions } from '../../core/options.ts'
import type { PgQueryable } from './client.ts'

/** What `postgresStore` takes: where the server is, by `url` or by `client`, and which table. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host/database?sslmode=verify-full`. The store then makes its own pool, and ends it in `close`. Needs the package `pg`. */
  readonly url?: string
  /** Your own `pg.Pool` (or a connected `pg.Client`, which works on one statement at a time), which stays open. */
  readonly client?: PgQueryable
  /** Name of the table, as connect-pg-simple has it. Default `session`. */
  readonly tableName?: string
  /** The schema of the table. Default: where the search path leads. */
  readonly schemaName?: string
  /** Whether a table that is missing is created. Default true. */
  readonly createTableIfMissing?: boolean
  /**
   * Whether sessions are found by user. It takes a nullable column `sessile_user` and an index, which are added to an existing
   * table where its owner permits it, and a table beside it. Default true.
   */
  readonly userIndex?: boolean
  /** The most connections of the store's own pool; beside it are one for reads, one for writes, and one that listens. Default 10. */
  readonly maxConnections?: number
}

/** The options as the backend uses them. */
export type ResolvedPostgresOptions = Readonly<Required<Omit<PostgresStoreOptions, 'client'>>> & {
  readonly client: PgQueryable | undefined
}

const DEFAULTS: ResolvedPostgresOptions = {
  url: '',
  client: undefined,
  tableName: 'session',
  schemaName: '',
  createTableIfMissing: true,
  userIndex: true,
  maxConnections: 10
}

/** Bytes of a name that PostgreSQL tells apart; longer ones it cuts off, so that two tables might become one. */
const MAX_NAME = 63

/** @throws SessionError `bad-option` */
export function resolvePostgresOptions(given: PostgresStoreOptions): ResolvedPostgresOptions {
  const options = resolveOptions<ResolvedPostgresOptions>('postgresStore', DEFAULTS, given as Partial<ResolvedPostgresOptions>)
  const { url, client, tableName, schemaName, maxConnections } = options
  if ((url === '') === (client === undefined)) throw bad('postgresStore needs a url or a client, one of them.')
  if (client !== undefined && typeof client.query !== 'function')
    throw bad('client must be a pg.Pool or a pg.Client: it has no method query.')
  checkName('tableName', tableName)
  if (schemaName !== '') checkName('schemaName', schemaName)
  if (!Number.isInteger(maxConnections) || maxConnections < 1)
    throw bad(`maxConnections must be a whole number above 0, not ${String(maxConnections)}.`)
  return options
}

/** Whatever is in a name gets quoted (CVE-2019-15658); what PostgreSQL could not keep as it is, is refused. */
export function checkName(option: string, name: unknown): void {
  if (typeof name === 'string' && name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= MAX_NAME) return
  throw bad(`${option} must be text of 1 to ${MAX_NAME} bytes without NUL, not ${JSON.stringify(name)}.`)
}

function bad(detail: string): SessionError {
  return new SessionError('bad-option', detail)
}
