import type { MaybePromise, SessionBackend } from '../../core/backend.ts'
import { after, now } from '../../core/clock.ts'
import { isSessionError } from '../../core/errors.ts'
import { attempt, chain } from '../../core/maybe.ts'
import type { FoundCallback, StoreCallback } from '../../stores/express-store/types.ts'
import { postgresStore } from '../../stores/postgres/backend.ts'
import { Connections, type PgQuery, type PgQueryable } from '../../stores/postgres/client.ts'
import { TableNames } from '../../stores/postgres/names.ts'
import { resolvePostgresOptions } from '../../stores/postgres/options.ts'
import { PostgresTable } from '../../stores/postgres/table.ts'
import { NATIVE, type Attachment, type BackendStore } from '../backend-store.ts'
import type { CookieData } from '../cookie.ts'
import { carry, type Store } from '../store.ts'
import { answer } from './answer.ts'
import { callable, type StoreClass, type WithStore } from './callable.ts'
import { changed } from './changed.ts'
import { PostgresAccess } from './postgres-access.ts'
import { checkConnection, resolveConnectPgSimple, type ConnectPgSimpleOptions } from './postgres-options.ts'
import { destroySession, getSession, setSession, touchSession } from './sessions.ts'

const DAY_S = 86_400
const EMPTY = [null]
const PRUNE_BATCH = 500

/** The first row of what a query found. */
type FirstRow = Record<string, unknown> | undefined

/** connect-pg-simple's store, on its table. */
export interface PostgresStore extends Store {
  /** Seconds that a session lives whose cookie does not say it. */
  ttl: number | undefined
  closed: boolean
  /** There while a removal of expired sessions is due; calls it off. */
  pruneTimer: (() => void) | undefined
  readonly backend: SessionBackend
  get(sid: string, callback?: FoundCallback): Promise<object | undefined>
  set(sid: string, session: object, callback?: StoreCallback): Promise<void>
  destroy(sid: string, callback?: StoreCallback): Promise<void>
  touch(sid: string, session: object, callback?: StoreCallback): Promise<void>
  /** Removes what has expired. */
  pruneSessions(callback?: (error: unknown) => void): Promise<void>
  /** Removes no more of what expires, and ends the pool if the store has made it. */
  close(): Promise<void>
  /** Schema and table, quoted for SQL. */
  quotedTable(): string
  /** Runs a statement, once the table is there; answers with the first row. */
  query(text: string, values?: unknown[] | StoreCallback<FirstRow>, callback?: StoreCallback<FirstRow>, noTableCreation?: boolean): void
}

interface PostgresStoreConstructor {
  new (options?: ConnectPgSimpleOptions): PostgresStore
  /** As connect-pg-simple is called: with express-session, whose `Store` the class then extends. */
  (session: WithStore): new (options?: ConnectPgSimpleOptions) => PostgresStore
  readonly prototype: PostgresStore
}

function storeOn(Base: StoreClass): new (options?: ConnectPgSimpleOptions) => PostgresStore {
  class PgStore extends Base {
    ttl: number | undefined
    closed = false
    pruneTimer: (() => void) | undefined
    declare attachment: Attachment | undefined
    readonly #access: PostgresAccess
    readonly #options: ReturnType<typeof resolveConnectPgSimple>
    #backend: SessionBackend | undefined
    #ensured: Promise<void> | undefined
    /** The table past our own store, which rests between two sweeps. */
    #pruned: PostgresTable | undefined

    static {
      Object.defineProperty(this.prototype, NATIVE, { value: this.prototype })
    }

    constructor(options: ConnectPgSimpleOptions = {}) {
      super(options)
      Object.defineProperty(this, 'attachment', { value: undefined, writable: true })
      checkConnection(options)
      this.#options = resolveConnectPgSimple(options)
      this.#access = new PostgresAccess(options, this.#options.errorLog)
      this.ttl = options.ttl
    }

    get backend(): SessionBackend {
      return (this.#backend ??= this.#makeBackend())
    }

    get idleMs(): number {
      return (this.ttl || DAY_S) * 1000
    }

    #makeBackend(): SessionBackend {
      const { schemaName, tableName, createTableIfMissing, disableTouch } = this.#options
      const query = ({ text, values }: PgQuery) => {
        this.#startPruning()
        return this.#access.rows(text, values).then((rows) => ({ rows }))
      }
      const client: PgQueryable = this.#access.asPool(query)
      const backend = postgresStore({ client, schemaName, tableName, createTableIfMissing, userIndex: createTableIfMissing })
      return {
        ...changed(backend, { endOf: (_, asked) => asked, touches: () => !disableTouch }),
        open: async () => {
          await this._ensureSessionStoreTable()
          await this.#withServersError(() => backend.open!() as Promise<void>)
        }
      }
    }

    /** What our own look at the table finds wrong gets the server's words for it as its cause, which is what the methods hand on. */
    async #withServersError<T>(look: () => Promise<T>): Promise<T> {
      try {
        return await look()
      } catch (error) {
        if (!isSessionError(error) || error.cause !== undefined) throw error
        const text = `SELECT sid, sess, expire FROM ${this.quotedTable()} LIMIT 0`
        const cause = await this.#access.rows(text).then(
          () => undefined,
          (reason: unknown) => reason
        )
        throw cause === undefined ? error : Object.defineProperty(error, 'cause', { value: cause, configurable: true })
      }
    }

    override createSession(req: object, record: object): object {
      const session = super.createSession(req, record)
      carry(record, session)
      return session
    }

    get(sid: string, callback?: FoundCallback): Promise<object | undefined> {
      const unreadable = (error: unknown): MaybePromise<undefined> => {
        if (!(error instanceof SyntaxError)) throw error
        // connect-pg-simple ends a session that cannot be read
        return chain(destroySession(this.#self, sid), () => undefined)
      }
      const found = (): MaybePromise<object | undefined> => attempt<object | undefined>(() => getSession(this.#self, sid), unreadable)
      return this.#answered(found, callback as StoreCallback<object | undefined>)
    }

    set(sid: string, session: object, callback?: StoreCallback): Promise<void> {
      return this.#answered(() => setSession(this.#self, sid, session, this.#endOf(session)), callback)
    }

    destroy(sid: string, callback?: StoreCallback): Promise<void> {
      return this.#answered(() => destroySession(this.#self, sid), callback)
    }

    touch(sid: string, session: object, callback?: StoreCallback): Promise<void> {
      return this.#answered(
        () => (this.#options.disableTouch ? undefined : touchSession(this.#self, sid, session, this.#endOf(session))),
        callback
      )
    }

    #answered<T>(work: () => MaybePromise<T>, callback: StoreCallback<T> | undefined): Promise<T> {
      this.#startPruning()
      return answer(this.closed && this.#access.owned ? () => this.#access.refuse() : work, callback, EMPTY)
    }

    /** Epoch ms, of whole seconds, as connect-pg-simple has it. */
    #endOf(session: { cookie?: Partial<CookieData> }): number {
      const expires = session?.cookie?.expires
      return Math.ceil(expires ? new Date(expires).getTime() / 1000 : now() / 1000 + (this.ttl || DAY_S)) * 1000
    }

    /** In batches, so that no statement holds many rows for long. */
    pruneSessions(callback?: (error: unknown) => void): Promise<void> {
      const told = (error: unknown): void => {
        if (typeof callback === 'function') return callback(error)
        if (error) this.#options.errorLog('Failed to prune sessions:', error)
        this.#stopPruning()
        this.#startPruning()
      }
      return answer(() => this.#prune(), told, EMPTY)
    }

    async #prune(): Promise<void> {
      await this._ensureSessionStoreTable()
      const { schemaName, tableName } = this.#options
      this.#pruned ??= new PostgresTable(new Connections(resolvePostgresOptions({ client: this.#client(), schemaName, tableName })), {
        names: new TableNames(schemaName, tableName),
        dataType: 'json',
        create: false,
        userIndex: false
      })
      const table = this.#pruned
      while ((await this.#withServersError(() => table.removeExpired(PRUNE_BATCH))).length >= PRUNE_BATCH);
    }

    #startPruning(): void {
      const { pruneDelay } = this.#options
      if (pruneDelay && !this.closed && !this.pruneTimer) this.pruneTimer = after(pruneDelay(), () => void this.pruneSessions())
    }

    #stopPruning(): void {
      this.pruneTimer?.()
      this.pruneTimer = undefined
    }

    async close(): Promise<void> {
      this.closed = true
      this.#stopPruning()
      if (!this.#access.owned) return
      await this.#backend?.close!()
      await this.#access.end()
    }

    quotedTable(): string {
      return new TableNames(this.#options.schemaName, this.#options.tableName).table
    }

    query(text: string, given?: unknown[] | StoreCallback<FirstRow>, callback?: StoreCallback<FirstRow>, noTableCreation?: boolean): void {
      if (typeof given === 'function' && callback) throw new Error('Two callback functions set at once')
      const [values, told] = typeof given === 'function' ? [[], given] : [given ?? [], callback]
      void answer<FirstRow>(() => this._asyncQuery(text, values, noTableCreation), told, EMPTY)
    }

    /** As `query`, by a promise. People's tests look at this and the next two, as at connect-pg-simple's. */
    async _asyncQuery(text: string, values?: unknown[], noTableCreation?: boolean): Promise<FirstRow> {
      await this._ensureSessionStoreTable(noTableCreation)
      return (await this.#access.rows(text, values))[0] as FirstRow
    }

    /** Creates the table where that is wanted, once; a failure is not remembered. */
    async _ensureSessionStoreTable(noTableCreation?: boolean): Promise<void> {
      if (noTableCreation || !this.#options.createTableIfMissing) return
      this.#ensured ??= this._rawEnsureSessionStoreTable()
      try {
        await this.#ensured
      } catch (error) {
        this.#ensured = undefined
        throw error
      }
    }

    async _rawEnsureSessionStoreTable(): Promise<void> {
      const { schemaName, tableName } = this.#options
      await postgresStore({ client: this.#client(), schemaName, tableName }).open!()
    }

    #client(): PgQueryable {
      return this.#access.asPool(({ text, values }) => this.#access.rows(text, values).then((rows) => ({ rows })))
    }

    get #self(): BackendStore {
      return this as unknown as BackendStore
    }
  }
  Object.defineProperty(PgStore, 'name', { value: 'PostgresStore' })
  return PgStore as unknown as new (options?: ConnectPgSimpleOptions) => PostgresStore
}

/**
 * connect-pg-simple's store, on its table, for express-session as well as for sessile: what a request saves is compared with what it
 * loaded, so it overwrites nobody's change and revives no ended session. Methods take a callback or return a promise.
 *
 * `new PostgresStore(options)`; or, as connect-pg-simple is used, `new (PostgresStore(session))(options)`.
 * @throws SessionError `bad-option`, `bad-argument` where `new` is missing
 */
export const PostgresStore = callable('PostgresStore', storeOn) as unknown as PostgresStoreConstructor
