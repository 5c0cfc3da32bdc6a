import { inherits } from 'node:util'
import type { MaybePromise, SessionBackend } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { isSessionError } from '../core/errors.ts'
import { EventHub } from '../core/events.ts'
import { handleOf, newId } from '../core/ids.ts'
import type { Loaded } from '../core/loaded.ts'
import { attempt, chain } from '../core/maybe.ts'
import { SessionRecords, type RecordsOptions } from '../core/records.ts'
import type { FoundCallback, StoreCallback } from '../stores/express-store/types.ts'
import { settle } from './callback.ts'
import type { CookieData } from './cookie.ts'
import { note, noted, Store } from './store.ts'
import { attributesText, settingsDiffer, textOf } from './text.ts'

/** How long a session without any expiry of its own lives after its last request, unless lifetimes or the store say otherwise. */
export const DEFAULT_IDLE_MS = 86_400_000
const PAGE = 1000

/** Where a store over a backend of ours says which methods are its own: its prototype, so that replaced ones are told apart. */
export const NATIVE = Symbol('sessile.native')

/** Whether a store works over a backend of ours, whatever it inherits from. */
export function isBackendStore(store: object): store is BackendStore {
  return NATIVE in store
}

/** Whether nobody replaced the methods of such a store: then requests may go past them. */
export function isUnchanged(store: BackendStore): boolean {
  const own = store[NATIVE] as BackendStore
  return store.get === own.get && store.set === own.set && store.destroy === own.destroy && store.touch === own.touch
}

/** How a store of ours is used by the middleware that it belongs to. */
export interface Attachment {
  readonly records: SessionRecords
  readonly keyOf: (id: string) => string
}

/**
 * express-session's callback API over any `SessionBackend`, with all guarantees: what `get` gave is what `set` compares with,
 * so a store of ours loses no update and revives no ended session even under express-session itself.
 * Without a callback each method returns a promise.
 */
export interface BackendStore extends Store {
  readonly backend: SessionBackend
  readonly idleMs: number
  /** `touchSlack`, where that is not given to the middleware: older stores throttle touches by an option of their own. */
  readonly touchSlackMs?: number | undefined
  readonly [NATIVE]: object
  /** What a session is stored under, where that is not its id. */
  storageIdOf?(id: string): string
  attachment: Attachment | undefined
  get(id: string, callback?: FoundCallback): unknown
  all(callback?: FoundCallback): unknown
  length(callback?: StoreCallback<number>): unknown
  clear(callback?: StoreCallback): unknown
  touch(id: string, session: object, callback?: StoreCallback): unknown
}

type BackendStoreConstructor = {
  new (backend: SessionBackend, options?: BackendStoreOptions): BackendStore
  (this: object, backend: SessionBackend, options?: BackendStoreOptions): void
  prototype: BackendStore
}

export interface BackendStoreOptions {
  /** For sessions without an expiry, ms; `Infinity` keeps them. Default: a day, of MongoDB two weeks. */
  readonly idleMs?: number
}

function BackendStoreFunction(this: BackendStore, backend: SessionBackend, options: BackendStoreOptions = {}): void {
  ;(Store as unknown as (this: object) => void).call(this)
  const hidden = { backend, idleMs: options.idleMs ?? backend.traits.idleMs ?? DEFAULT_IDLE_MS, attachment: undefined }
  for (const [name, value] of Object.entries(hidden)) Object.defineProperty(this, name, { value, writable: true, configurable: true })
}
Object.defineProperty(BackendStoreFunction, 'name', { value: 'BackendStore', configurable: true })
inherits(BackendStoreFunction, Store as unknown as new () => object)

export const BackendStore = BackendStoreFunction as unknown as BackendStoreConstructor

/**
 * The records of a store: those of the middleware it belongs to, else its own.
 * @param calls how its own call the backend
 */
export function attachmentOf(store: BackendStore, calls: Pick<RecordsOptions, 'deadlineMs' | 'passErrors'> = {}): Attachment {
  if (store.attachment) return store.attachment
  const secret = newId()
  const records = new SessionRecords(store.backend, { events: new EventHub(), handleOf: (key) => handleOf(key, secret), ...calls })
  store.attachment = { records, keyOf: (id) => store.storageIdOf?.(id) ?? id }
  return store.attachment
}

const { prototype } = BackendStore
Object.defineProperty(prototype, NATIVE, { value: prototype })

prototype.get = function get(this: BackendStore, id, callback) {
  return settle<object | undefined>(
    () => {
      const { records, keyOf } = attachmentOf(this)
      return chain(records.load(keyOf(id)), (loaded): object | undefined => (loaded ? recordOf(loaded) : undefined))
    },
    callback as StoreCallback<object | undefined>
  )
}

prototype.set = function set(this: BackendStore, id, session, callback) {
  // serialized now: what happens to the object afterwards is not saved
  const text = JSON.stringify(session)
  return settle(() => save(this, id, session, text), callback)
}

prototype.destroy = function destroy(this: BackendStore, id, callback) {
  return settle(() => {
    const { records, keyOf } = attachmentOf(this)
    return chain(records.destroy(keyOf(id)), nothing)
  }, callback)
}

prototype.touch = function touch(this: BackendStore, id, session, callback) {
  return settle(() => {
    const { records, keyOf } = attachmentOf(this)
    const cookie = (session as { cookie?: CookieData }).cookie
    const held = noted(session) as Loaded | undefined
    return chain(held ?? records.load(keyOf(id)), (loaded) => (loaded && cookie ? touchLoaded(this, loaded, cookie) : undefined))
  }, callback)
}

prototype.all = function all(this: BackendStore, callback) {
  return settle(() => {
    const sessions = Object.create(null) as Record<string, object>
    return chain(
      eachSession(this, (loaded) => {
        sessions[loaded.key] = recordOf(loaded)
      }),
      () => sessions
    )
  }, callback)
}

prototype.length = function length(this: BackendStore, callback) {
  return settle(() => {
    let count = 0
    return chain(
      eachSession(this, () => {
        count++
      }),
      () => count
    )
  }, callback)
}

prototype.clear = function clear(this: BackendStore, callback) {
  return settle(() => {
    const keys: string[] = []
    const { records } = attachmentOf(this)
    return chain(
      eachSession(this, ({ key }) => {
        keys.push(key)
      }),
      () => keys.reduce<MaybePromise<unknown>>((before, key) => chain(before, () => records.destroy(key)), undefined) as MaybePromise<void>
    )
  }, callback)
}

/** The record as express-session's stores give it; where it lives longer than its text says, its cookie says so. */
export function recordOf(loaded: Loaded): object {
  const record = JSON.parse(loaded.text) as { cookie?: { expires?: unknown } }
  adjustExpires(record, loaded)
  note(record, loaded)
  return record
}

/** A touch moves the store's expiry alone: the truth is there, not in the text. */
export function adjustExpires(record: { cookie?: { expires?: unknown } }, { stored }: Loaded): void {
  if (record.cookie?.expires && stored.expiresAt !== Infinity) record.cookie.expires = new Date(stored.expiresAt)
}

function save(store: BackendStore, id: string, session: object, text: string): MaybePromise<void> {
  const { records, keyOf } = attachmentOf(store)
  const expiresAt = expiryOf(store, (session as { cookie?: CookieData }).cookie)
  const change = { text, expiresAt, userId: userIdOf(session), always: true }
  const held = noted(session) as Loaded | undefined
  if (held) return chain(records.commit(held, change), nothing)
  const key = keyOf(id)
  const create = () => chain(records.create(key, change), (created) => note(session, created))
  return chain(records.load(key), (loaded) => {
    if (loaded) return chain(records.commit(loaded, change), nothing)
    return attempt<void>(create, (error) => {
      // what is left of a renewed or unreadable record: a plain record given from outside replaces it
      if (!isSessionError(error) || error.code !== 'id-taken') throw error
      return chain(store.backend.remove(key), create)
    })
  })
}

function touchLoaded(store: BackendStore, loaded: Loaded, cookie: CookieData): MaybePromise<void> {
  const { records } = attachmentOf(store)
  const expiresAt = expiryOf(store, cookie)
  const text = textOf(JSON.stringify(cookie), attributesText(loaded.text))
  const before = (JSON.parse(loaded.text) as { cookie?: CookieData }).cookie
  const after = (JSON.parse(text) as { cookie: CookieData }).cookie
  if (before && expiresAt >= loaded.stored.expiresAt && !settingsDiffer(before, after))
    return chain(records.touch(loaded, expiresAt), nothing)
  return chain(records.commit(loaded, { text, expiresAt, userId: loaded.userId, always: true }), nothing)
}

/** Epoch ms, from a cookie that is an object or came out of a text. */
function expiryOf(store: BackendStore, cookie: CookieData | undefined): number {
  const expires = cookie?.expires ? new Date(cookie.expires as Date | string).getTime() : NaN
  return Number.isNaN(expires) ? now() + store.idleMs : expires
}

/** Whose a session is, by what is in it. */
export function userIdOf(session: object): string | undefined {
  const { userId, passport } = session as { userId?: unknown; passport?: { user?: unknown } }
  const user = userId ?? passport?.user
  return (typeof user === 'string' && user !== '') || typeof user === 'number' ? String(user) : undefined
}

function eachSession(store: BackendStore, visit: (loaded: Loaded) => void, cursor?: string): MaybePromise<void> {
  return chain(attachmentOf(store).records.scan(cursor, PAGE), (page) => {
    for (const loaded of page.sessions) visit(loaded)
    return page.cursor === undefined ? undefined : eachSession(store, visit, page.cursor)
  })
}

function nothing(): void {}
