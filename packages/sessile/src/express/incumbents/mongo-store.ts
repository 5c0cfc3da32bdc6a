import { wrapBackend, type SessionBackend } from '../../core/backend.ts'
import { every, now } from '../../core/clock.ts'
import { Loaded, storedOf } from '../../core/loaded.ts'
import { chain } from '../../core/maybe.ts'
import type { StoreCallback } from '../../stores/express-store/types.ts'
import { MongoBackend } from '../../stores/mongodb/backend.ts'
import type { Collection, MongoClientLike } from '../../stores/mongodb/client.ts'
import { checkCollectionName, MONGODB_DEFAULTS } from '../../stores/mongodb/options.ts'
import { NATIVE, userIdOf, type Attachment, type BackendStore } from '../backend-store.ts'
import { note, Store } from '../store.ts'
import { answer } from './answer.ts'
import {
  formOf,
  resolveConnectMongoOptions,
  type ConnectMongoOptions,
  type ResolvedConnectMongoOptions,
  type Theirs
} from './mongo-options.ts'
import { destroySession, directlyOf, heldAs, isRequests } from './sessions.ts'

/** What connect-mongo reads of a session that it is handed, which people's tests make of anything. */
interface Handed {
  cookie?: { expires?: Date | string | null }
  lastModified?: Date
}

const NONE = [null]
const NULL = [null, null]

/**
 * connect-mongo's store, on its collection, for express-session as well as for sessile: what a request saves is compared with what it
 * loaded, so it overwrites nobody's change and revives no ended session. Methods take a callback or return a promise.
 *
 * Events, each with the session's id: `create` or `update`, then `set`; `get`, `touch`, `destroy`, and `all`.
 */
export class MongoStore<T extends object = Theirs> extends Store {
  readonly options: ResolvedConnectMongoOptions
  /** The store of ours that does the work. */
  readonly backend: SessionBackend
  /** Which middleware it belongs to; ours fills it in. */
  declare attachment: Attachment | undefined
  declare readonly [NATIVE]: object
  /** Stops the removal of expired sessions, where this process does it. */
  timer: (() => void) | undefined
  /** The driver's collection, once its indexes are made. */
  collectionP: Promise<Collection>
  readonly clientP: Promise<MongoClientLike>
  readonly #mongo: MongoBackend

  static {
    Object.defineProperty(this.prototype, NATIVE, { value: this.prototype })
  }

  static create<U extends object = Theirs>(options: ConnectMongoOptions<U>): MongoStore<U> {
    return new MongoStore(options)
  }

  /** It connects at once. @throws SessionError `bad-option` */
  constructor(given: ConnectMongoOptions<T>) {
    super()
    Object.defineProperty(this, 'attachment', { value: undefined, writable: true })
    const options = resolveConnectMongoOptions(given)
    const { collectionName, dbName = '', mongoUrl, mongoOptions, client, clientPromise } = options
    checkCollectionName(collectionName)
    this.options = options
    const where = mongoUrl ? { url: mongoUrl, mongoOptions } : { client: clientPromise ?? client }
    this.#mongo = new MongoBackend(
      { ...MONGODB_DEFAULTS, ...where, dbName, collectionName, stringify: options.stringify },
      {
        form: formOf(options),
        stamps: { lastModified: options.touchAfter > 0, timestamps: options.timestamps },
        writeConcern: answeredConcern(options.writeOperationOptions),
        expires: options.autoRemove === 'native'
      }
    )
    this.backend = telling(this.#mongo, (event, key) => this.emit(event, key))
    this.clientP = this.#mongo.client()
    this.clientP.catch(nothing)
    this.collectionP = this.#mongo.collection()
    this.collectionP.catch(nothing)
    if (options.autoRemove === 'interval') this.timer = every(options.autoRemoveInterval * 60_000, () => void this.#removeExpired())
  }

  /** For sessions whose cookie has no time of its own. */
  get idleMs(): number {
    return this.options.ttl * 1000
  }

  /** Our middleware throttles touches so that no session ends early; see `touchSlack`. */
  get touchSlackMs(): number | undefined {
    return this.options.touchAfter > 0 ? this.options.touchAfter * 1000 : undefined
  }

  /** What a session is stored under. */
  storageIdOf(id: string): string {
    return this.options.transformId?.(id) ?? id
  }

  override get(sid: string, callback?: (error: Theirs, session?: T | null) => void): Promise<T | null> {
    return this.#answered(() => this.#get(sid), callback, NULL)
  }

  async #get(sid: string): Promise<object | null> {
    const { records } = this.#attachment
    const key = this.#keyOf(sid)
    const found = await records.calls.run('read', () => this.#mongo.find(key))
    let session: object | null = null
    if (found) {
      if (found.record.unreadable !== undefined) throw new Error(found.record.unreadable)
      const stored = storedOf(found.record)
      // what is left under the old id of a session that has a new one
      const loaded = stored.meta.n === undefined ? new Loaded(key, stored, found.record.object) : await records.load(key)
      session = loaded ? this.#sessionOf(loaded, found.lastModified) : null
    }
    this.emit('get', sid)
    return session
  }

  #sessionOf(loaded: Loaded, lastModified: unknown): object {
    const session = loaded.object ?? (JSON.parse(loaded.text) as object)
    // an `unserialize` of the app's may give anything
    if (typeof session !== 'object') return session
    if (this.options.touchAfter > 0 && lastModified) Object.assign(session, { lastModified })
    note(session, loaded)
    return session
  }

  override set(sid: string, session: T, callback?: (error: Theirs) => void): Promise<unknown> {
    return this.#answered(() => this.#set(sid, session), callback, NONE)
  }

  #set(sid: string, session: object): unknown {
    const { records } = this.#attachment
    const key = this.#keyOf(sid)
    const handed = session as Handed
    if (this.options.touchAfter > 0 && handed.lastModified) delete handed.lastModified
    const text = JSON.stringify(session)
    const whose = userIdOf(session)
    const change = { text, expiresAt: this.#endOf(handed), userId: whose, object: session, always: true }
    const held = heldAs(session, key)
    if (held) return chain(records.commit(held, change), nothing)
    const { expiresAt } = change
    const put = async (): Promise<true> => {
      const record = { data: text, expiresAt, userId: whose, object: session }
      const { created, version } = await records.calls.run('create', () => this.#mongo.put(key, record))
      this.#toldWritten(created ? 'create' : 'update', sid)
      // a request's own session may be saved again; what else is handed in is a value and no more
      if (isRequests(session, sid)) note(session, new Loaded(key, { text, meta: {}, version, expiresAt, userId: whose }))
      return true
    }
    return chain(whose === undefined ? put() : records.users.admit(whose, put, () => key), nothing)
  }

  #toldWritten(event: 'create' | 'update', sid: string): void {
    this.emit(event, sid)
    this.emit('set', sid)
  }

  /** @throws Error when there is no such session */
  override touch(sid: string, session: T & { lastModified?: Date }, callback?: (error?: Theirs) => void): Promise<unknown> {
    return this.#answered(() => this.#touch(sid, session), callback, NONE)
  }

  async #touch(sid: string, session: object): Promise<void> {
    const handed = session as Handed
    const touchAfterMs = this.options.touchAfter * 1000
    const modifiedAt = handed.lastModified ? handed.lastModified.getTime() : 0
    const isThrottled = touchAfterMs > 0 && modifiedAt > 0
    if (isThrottled && now() - modifiedAt < touchAfterMs) return
    const key = this.#keyOf(sid)
    const lives = await this.#attachment.records.calls.run('extend', () => this.#mongo.moveEnd(key, this.#endOf(handed), isThrottled))
    if (!lives) throw new Error('Unable to find the session to touch')
    this.emit('touch', sid, session)
  }

  override destroy(sid: string, callback?: (error?: Theirs) => void): Promise<unknown> {
    return this.#answered(() => destroySession(this.#self, sid), callback, NONE)
  }

  /** All sessions, without their ids. */
  all(callback?: (error: Theirs, sessions?: T[] | Record<string, T> | null) => void): Promise<T[]> {
    return this.#answered(() => this.#all(), callback, NONE)
  }

  async #all(): Promise<object[]> {
    const { records } = this.#attachment
    const sessions: object[] = []
    let cursor: string | undefined
    do {
      const page = await records.calls.run('scan', () => this.#mongo.scan(cursor, PAGE))
      for (const { record } of page.records) {
        if (record.unreadable !== undefined) throw new Error(record.unreadable)
        const { meta, text } = storedOf(record)
        if (meta.n === undefined) sessions.push(record.object ?? (JSON.parse(text) as object))
      }
      cursor = page.cursor
    } while (cursor !== undefined)
    this.emit('all', sessions)
    return sessions
  }

  /** How many sessions are stored; expired ones that nothing has deleted yet count. */
  length(callback?: (error: Theirs, length: number) => void): Promise<number> {
    return this.#answered(() => this.#mongo.count(), callback, NONE)
  }

  /** Deletes all sessions. */
  clear(callback?: (error?: Theirs) => void): Promise<unknown> {
    return this.#answered(() => this.#mongo.clear(), callback, NONE)
  }

  /** Closes the client, one that was handed in too. */
  async close(): Promise<void> {
    this.timer?.()
    this.timer = undefined
    await this.#mongo.close()
    const client = (await this.clientP) as MongoClientLike & { close?(): Promise<void> }
    await client.close?.()
  }

  /** As connect-mongo: unacknowledged, and the next round makes up for one that failed. */
  async #removeExpired(): Promise<void> {
    try {
      const collection = await this.#mongo.collection()
      await collection.deleteMany({ expires: { $lt: new Date(now()) } }, { writeConcern: { w: 0 } })
    } catch {}
  }

  /** Epoch ms. */
  #endOf(session: Handed | undefined): number {
    const expires = session?.cookie?.expires
    return expires ? new Date(expires).getTime() : now() + this.idleMs
  }

  #keyOf(sid: string): string {
    return this.#attachment.keyOf(sid)
  }

  /** A promise beside a callback would have `util.promisify` warn, by which people's tests call these methods. */
  #answered<R>(work: () => unknown, callback: unknown, empty: readonly unknown[]): Promise<R> {
    const answered = answer<R>(work as () => R, callback as StoreCallback<R> | undefined, empty)
    return typeof callback === 'function' ? (undefined as unknown as Promise<R>) : answered
  }

  get #attachment(): Attachment {
    return directlyOf(this.#self)
  }

  get #self(): BackendStore {
    return this as unknown as BackendStore
  }
}

const PAGE = 1000

/** Nothing can be compared with a write that is not answered. */
function answeredConcern(given: object | undefined): object | undefined {
  return given && (given as { w?: unknown }).w === 0 ? { ...given, w: 1 } : given
}

/** A backend that tells what it wrote as connect-mongo does. */
function telling(backend: SessionBackend, tell: (event: string, key: string) => void): SessionBackend {
  const wrapped = wrapBackend(backend, (_, call) => call())
  const written = (event: string, key: string): void => {
    tell(event, key)
    tell('set', key)
  }
  return {
    ...wrapped,
    async create(key, next) {
      const result = await backend.create(key, next)
      if (result.outcome === 'done') written('create', key)
      return result
    },
    async swap(key, expected, next) {
      const result = await backend.swap(key, expected, next)
      if (result.outcome === 'done') written('update', key)
      return result
    },
    async extend(key, expiresAt, userId) {
      const lives = await backend.extend(key, expiresAt, userId)
      if (lives) tell('touch', key)
      return lives
    },
    async remove(key) {
      const removed = await backend.remove(key)
      tell('destroy', key)
      return removed
    }
  }
}

function nothing(): void {}
