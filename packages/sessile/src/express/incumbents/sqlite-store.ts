import { EventEmitter } from 'node:events'
import type { SessionBackend } from '../../core/backend.ts'
import { every } from '../../core/clock.ts'
import type { Loaded } from '../../core/loaded.ts'
import { chain } from '../../core/maybe.ts'
import type { FoundCallback, StoreCallback } from '../../stores/express-store/types.ts'
import { olderSqliteStore, sqliteStore } from '../../stores/sqlite/backend.ts'
import { BETTER_SQLITE3_SESSION_STORE, CONNECT_SQLITE3 } from '../../stores/sqlite/format.ts'
import { attachmentOf, BackendStore, NATIVE, type Attachment } from '../backend-store.ts'
import { settle } from '../callback.ts'
import { carry, noted } from '../store.ts'
import { callable, type StoreClass, type WithStore } from './callable.ts'
import { allSessions, getSession } from './sessions.ts'
import { resolveSqliteSessionStore, type ResolvedSqliteSessionStore, type SqliteSessionStoreOptions } from './sqlite-options.ts'

const SWEEP_BATCH = 1000

/** The store in a SQLite file, with express-session's callback API. */
export interface SqliteStore extends BackendStore {
  /** The name of the table, where it was given. */
  readonly table: string | undefined
  /** better-sqlite3-session-store's: the database that was given. connect-sqlite3's: emits `connect` once the table is there. */
  readonly client: object | undefined
  readonly expired: { readonly clear: boolean; readonly intervalMs: number }
  /** Removes what has expired. */
  clearExpiredSessions(): Promise<void>
  /** Has that done regularly; called by the constructor. */
  startInterval(): void
  /** Lets go of the file; calls fail from then on. */
  close(): Promise<void>
}

interface SqliteStoreConstructor {
  new (options?: SqliteSessionStoreOptions): SqliteStore
  /** As the older packages are called: with express-session, whose `Store` the class then extends. */
  (session: WithStore): new (options?: SqliteSessionStoreOptions) => SqliteStore
  readonly prototype: SqliteStore
}

function storeOn(Base: StoreClass): new (options?: SqliteSessionStoreOptions) => SqliteStore {
  class SqliteSessionStore extends Base {
    declare readonly backend: SessionBackend
    declare readonly idleMs: number
    declare attachment: Attachment | undefined
    readonly table: string | undefined
    readonly client: object | undefined
    readonly expired: ResolvedSqliteSessionStore['expired']
    readonly #form: ResolvedSqliteSessionStore['form']
    #stopInterval: (() => void) | undefined

    static {
      Object.defineProperty(this.prototype, NATIVE, { value: this.prototype })
      for (const name of ['set', 'destroy', 'touch', 'length', 'clear'] as const)
        Object.defineProperty(this.prototype, name, { value: BackendStore.prototype[name], writable: true, configurable: true })
    }

    constructor(given?: SqliteSessionStoreOptions) {
      super()
      const { options, idleMs, form, expired } = resolveSqliteSessionStore(given)
      const hidden = { backend: form ? olderSqliteStore(options, form) : sqliteStore(options), idleMs, attachment: undefined }
      for (const [name, value] of Object.entries(hidden)) Object.defineProperty(this, name, { value, writable: true, configurable: true })
      this.#form = form
      this.table = options.table
      this.expired = expired
      this.client = given?.client ?? (form && this.#connecting())
      if (expired.clear) this.startInterval()
    }

    /** connect-sqlite3 opens at once, and tells; a failure the next call meets as well. */
    #connecting(): EventEmitter {
      const client = new EventEmitter()
      const open = async (): Promise<void> => await this.backend.open!()
      process.nextTick(() => open().then(() => process.nextTick(() => client.emit('connect')), nothing))
      return client
    }

    override createSession(req: object, record: object): object {
      const session = super.createSession(req, record)
      carry(record, session)
      return session
    }

    get(sid: string, callback?: FoundCallback): unknown {
      if (!this.#form) return BackendStore.prototype.get.call(this.#self, sid, callback)
      // as they are stored, the time in the cookie a text
      return settle<object | undefined>(() => getSession(this.#self, sid), callback as StoreCallback<object | undefined>)
    }

    /** All sessions, as the package gives them whose options the store was made with: by their ids, as a list, or as rows. */
    all(callback?: FoundCallback): unknown {
      if (!this.#form) return BackendStore.prototype.all.call(this.#self, callback)
      const list = (sessions: Map<string, object>): object[] =>
        this.#form === CONNECT_SQLITE3 ? [...sessions.values()] : [...sessions].map(rowOf)
      return settle<object>(() => chain(allSessions(this.#self), list), callback as StoreCallback<object>)
    }

    async clearExpiredSessions(): Promise<void> {
      const { records } = attachmentOf(this.#self)
      while ((await records.sweep(SWEEP_BATCH)) >= SWEEP_BATCH);
    }

    startInterval(): void {
      this.#stopInterval ??= every(this.expired.intervalMs, () => {
        this.clearExpiredSessions().catch((error: unknown) =>
          process.emitWarning(`SqliteStore could not remove expired sessions; it will try again. ${String(error)}`, 'SessileWarning')
        )
      })
    }

    async close(): Promise<void> {
      this.#stopInterval?.()
      await this.backend.close!()
    }

    get #self(): BackendStore {
      return this as unknown as BackendStore
    }
  }
  Object.defineProperty(SqliteSessionStore, 'name', { value: 'SqliteStore' })
  return SqliteSessionStore as unknown as new (options?: SqliteSessionStoreOptions) => SqliteStore
}

/** As better-sqlite3-session-store gives it. */
function rowOf([sid, session]: [string, object]): object {
  const { stored } = noted(session) as Loaded
  return { sid, sess: JSON.stringify(session), expire: BETTER_SQLITE3_SESSION_STORE.stored(stored.expiresAt) }
}

function nothing(): void {}

/**
 * `sqliteStore` with express-session's callback API, for express-session as well as for sessile: what a request saves is compared with
 * what it loaded, so it overwrites nobody's change and revives no ended session. Methods take a callback or return a promise.
 *
 * `new SqliteStore({ file })`; or with the options of connect-sqlite3 or better-sqlite3-session-store, whose table is then used, and
 * made as they make it where it is missing: `new (SqliteStore(session))({ db: 'sessions.db', dir: './data' })`.
 * @throws SessionError `bad-option`, `bad-argument` where `new` is missing
 */
export const SqliteStore = callable('SqliteStore', storeOn) as unknown as SqliteStoreConstructor
