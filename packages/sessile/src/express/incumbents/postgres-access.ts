import { loadPg, type PgPool, type PgQuery, type PgQueryable } from '../../stores/postgres/client.ts'
import type { ConnectPgSimpleOptions, PgPoolLike, PgPromiseDatabase } from './postgres-options.ts'

const env = process.env

/** How a `PostgresStore` reaches its server: by the app's pool, by pg-promise, or by a pool of its own, made at the first use. */
export class PostgresAccess {
  /** Whether there is a pool of the store's own to end. */
  readonly owned: boolean
  readonly #pgPromise: PgPromiseDatabase | undefined
  readonly #config: object
  readonly #errorLog: (...what: unknown[]) => void
  #pool: PgPoolLike | undefined
  #ended = false
  #making: Promise<PgPool & PgPoolLike> | undefined

  constructor({ pool, pgPromise, conObject, conString }: ConnectPgSimpleOptions, errorLog: (...what: unknown[]) => void) {
    const connectionString = conString || env['DATABASE_URL']
    this.#pool = pool
    this.#pgPromise = pool === undefined ? pgPromise : undefined
    this.owned = pool === undefined && pgPromise === undefined
    this.#config = { allowExitOnIdle: true, ...(conObject ?? (connectionString ? { connectionString } : {})) }
    this.#errorLog = errorLog
  }

  /** @throws Error what `pg` throws over a pool that has ended */
  refuse(): never {
    throw new Error('Cannot use a pool after calling end on the pool')
  }

  /** Runs a statement as connect-pg-simple does: not prepared, so that it passes a pooler between. */
  async rows(text: string, values?: unknown[]): Promise<unknown[]> {
    if (this.#ended) this.refuse()
    if (this.#pgPromise) return (await this.#pgPromise.any(text, values)) ?? []
    const pool: PgPoolLike = this.#pool ?? (await this.#make())
    return (await pool.query(text, values))?.rows ?? []
  }

  /** What our own store takes for a pool; it makes connections that listen as the app's pool would. */
  asPool(query: (query: PgQuery) => Promise<{ rows: unknown[] }>): PgQueryable {
    const real = (): { Client?: unknown; options?: unknown } => (this.#pool ?? this.#pgPromise?.$pool ?? {}) as object
    return Object.defineProperties(
      { query, totalCount: 0 },
      { Client: { get: () => real().Client, enumerable: true }, options: { get: () => real().options, enumerable: true } }
    )
  }

  async end(): Promise<void> {
    this.#ended = true
    await (await this.#making)?.end()
  }

  #make(): Promise<PgPool & PgPoolLike> {
    this.#making ??= loadPg().then(
      ({ Pool }) => {
        const pool = new Pool(this.#config) as PgPool & PgPoolLike
        pool.on('error', (error) => this.#errorLog('PG Pool error:', error))
        this.#pool = pool
        return pool
      },
      (error: unknown) => {
        this.#making = undefined
        throw error
      }
    )
    return this.#making
  }
}
