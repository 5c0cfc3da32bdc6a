import { SessionError } from '../../core/errors.ts'
import { atMost } from '../at-most.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { Pipe, type PgPiped } from './pipe.ts'
import { WritePipe } from './write-pipe.ts'

/** A query as `pg` takes it. With a name it is prepared at its first use on each connection, in the same round trip. */
export interface PgQuery {
  readonly name?: string
  readonly text: string
  values?: unknown[]
  readonly query_timeout?: number
}

/** Every column is selected as text, so that no type parser of the app's stands between. */
export type PgRow = Readonly<Record<string, string | null>>

/** A `pg.Pool` or `pg.Client`, as far as it is used. */
export interface PgQueryable {
  query(query: PgQuery): PromiseLike<{ rows: unknown[] }>
}

/** A `pg.Client` that listens. */
export interface PgListener extends PgQueryable {
  connect(): Promise<unknown>
  end(): Promise<unknown>
  unref?(): void
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): unknown
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
}

/** A `pg.Pool`, as far as it is used where there is one. */
export interface PgPool extends PgQueryable {
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  readonly Client?: new (config: object) => PgListener
  readonly options?: object
  readonly totalCount?: number
}

interface PgModule {
  readonly Pool: new (config: object) => PgPool
  readonly Client: new (config: object) => PgPiped
}

/** A statement with the name that it is prepared under. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/**
 * A query that has no answer for so long never will: its connection is given up, so that a line that went dead without a
 * word does not keep the pool's places taken. Callers were answered long before, by the deadline that SessionRecords keeps.
 */
const DEAD_AFTER_MS = 10_000
/** How long connecting may take, and waiting for a free connection. */
const CONNECT_MS = 5_000
/** How long closing waits for a server that does not answer; its connections end a little later by themselves. */
export const CLOSE_MS = 3_000

/**
 * Errors after which a statement has certainly done nothing, and is run again: it met others under a stricter isolation than
 * the default (40001, 40P01), or the connection has lost or outlived what was prepared on it (26000, 0A000).
 */
const RUN_AGAIN = new Set(['40001', '40P01', '26000', '0A000'])
const TRIES = 5
/** A lock was not to be had in time: nothing was done. */
const LOCKED = '55P03'

/** The connections of a store: its own pool, made at the first use, or what it was given. */
export class Connections {
  readonly #options: ResolvedPostgresOptions
  #pool: PgQueryable | undefined
  #making: Promise<PgPool> | undefined
  #reads: Pipe | undefined
  #writes: WritePipe | undefined
  #closed = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: ResolvedPostgresOptions) {
    this.#options = options
    this.#pool = options.client && (isPool(options.client) ? options.client : this.#oneAtATime(options.client))
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Runs one statement: one round trip.
   * @throws SessionError `store-closed`, `not-supported` without `pg`; whatever `pg` throws
   */
  async run(statement: Statement, values: unknown[]): Promise<readonly PgRow[]> {
    return this.#query({ name: statement.name, text: statement.text, values, query_timeout: DEAD_AFTER_MS })
  }

  /** As `run`, for a statement that only reads one record: they share a connection where the store has its own. */
  async read(statement: Statement, values: unknown[]): Promise<readonly PgRow[]> {
    return this.#reads ? this.#query({ name: statement.name, text: statement.text, values }, this.#reads) : this.run(statement, values)
  }

  /**
   * As `run`, for a statement that writes one record. They share a connection where the store has its own, as long as none has to wait:
   * what each costs is mostly the way to the server and back.
   * @param unlessLocked the same, but that it fails soon where it has to wait for somebody else's transaction
   */
  async write(statement: Statement, unlessLocked: Statement, values: unknown[]): Promise<readonly PgRow[]> {
    if (this.#writes?.isFree) {
      try {
        return await this.#query({ name: unlessLocked.name, text: unlessLocked.text, values }, this.#writes)
      } catch (error) {
        if (codeOf(error) !== LOCKED) throw error
      }
    }
    return this.run(statement, values)
  }

  /** Runs text once: not prepared. Without values it may be several statements, which are one transaction then. */
  async runText(text: string, values?: unknown[]): Promise<readonly PgRow[]> {
    return this.#query(values ? { text, values, query_timeout: DEAD_AFTER_MS } : { text, query_timeout: DEAD_AFTER_MS * 6 })
  }

  async #query(query: PgQuery, pipe?: Pipe): Promise<readonly PgRow[]> {
    for (let tries = 1; ; tries++) {
      if (this.#closed) throw new SessionError('store-closed')
      try {
        return (await (pipe ?? this.#pool ?? (await this.#make())).query(query)).rows as readonly PgRow[]
      } catch (error) {
        if (tries >= TRIES || !RUN_AGAIN.has(codeOf(error) ?? '')) throw error
      }
    }
  }

  /** A connection beside the pool's, not yet connected, or `undefined` where what was given tells no way to make one. */
  async listener(): Promise<PgListener | undefined> {
    const { Client, options } = (this.#pool ?? (await this.#make())) as Partial<PgPool>
    return Client && options ? new Client({ ...options, ...hidden(options), keepAlive: true }) : undefined
  }

  /** Nothing can be run from now on; the store's own pool ends. May be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await atMost(CLOSE_MS, Promise.all([this.#reads?.end(), this.#writes?.end(), this.#making?.then((pool) => pool.end())]))
  }

  /** A failure is not remembered. */
  #make(): Promise<PgPool> {
    this.#making ??= this.#makePool().catch((error: unknown) => {
      this.#making = undefined
      throw error
    })
    return this.#making
  }

  async #makePool(): Promise<PgPool> {
    const { Pool, Client } = await loadPg()
    const config = {
      connectionString: this.#options.url,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      fallback_application_name: 'sessile'
    }
    const pool = new Pool({ ...config, max: this.#options.maxConnections, allowExitOnIdle: true })
    // an idle connection that breaks is taken out of the pool; without a listener it would take the process down
    pool.on('error', () => {})
    this.#pool = pool
    const piped = (): PgPiped => new Client({ ...config, pipeline: true })
    if (piped().pipeline === true) {
      this.#reads = new Pipe(piped)
      this.#writes = new WritePipe(piped, this.#reads)
    }
    return pool
  }

  /** `pg` will not queue the statements of a single client any more. */
  #oneAtATime(client: PgQueryable): PgQueryable {
    return {
      query: (query) => {
        const mine = this.#turn.then(() => client.query(query))
        this.#turn = mine.catch(() => {})
        return mine
      }
    }
  }
}

/** The SQLSTATE of an error, where it is one of the server's. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

function isPool(client: PgQueryable): boolean {
  return typeof (client as Partial<PgPool>).totalCount === 'number'
}

/** What a pool keeps out of sight of those who print its options. */
function hidden(options: object): object {
  return 'password' in options ? { password: options.password } : {}
}

/** @throws SessionError `not-supported` where it is not installed */
export async function loadPg(): Promise<PgModule> {
  // a name that compilers and bundlers do not follow: whoever uses another store has no pg
  const name: string = 'pg'
  try {
    const module = (await import(name)) as { default?: PgModule } & PgModule
    return module.default ?? module
  } catch (error) {
    throw new SessionError(
      'not-supported',
      'A postgres: URL needs the package pg: npm install pg. Or hand in a pool of your own as client.',
      error
    )
  }
}
