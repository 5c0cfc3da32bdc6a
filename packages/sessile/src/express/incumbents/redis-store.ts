import type { MaybePromise, SessionBackend } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { chain } from '../../core/maybe.ts'
import { splitText } from '../../core/record-text.ts'
import type { FoundCallback, StoreCallback } from '../../stores/express-store/types.ts'
import { redisStore, serializedRedisStore } from '../../stores/redis/backend.ts'
import type { RedisClient } from '../../stores/redis/client.ts'
import type { SessionSerializer } from '../../stores/redis/serializing.ts'
import { DEFAULT_IDLE_MS, NATIVE, type Attachment, type BackendStore } from '../backend-store.ts'
import type { CookieData } from '../cookie.ts'
import { Store } from '../store.ts'
import { answer } from './answer.ts'
import { changed } from './changed.ts'
import { allSessions, clearSessions, destroySession, directlyOf, getSession, setSession, touchSession } from './sessions.ts'

/** A session, as far as it says when it ends. */
interface Ending {
  cookie?: Partial<CookieData>
}

/** What `new RedisStore` takes: the options of connect-redis 9 and 10. */
export interface ConnectRedisOptions {
  /** A client of node-redis, ioredis or iovalkey, also of a cluster. It stays open. */
  client: RedisClient
  /** What keys begin with. Default `sess:`. */
  prefix?: string
  /** How many keys Redis is asked for at a time when all sessions are listed. Default 100. */
  scanCount?: number
  /** How sessions are written. Default `JSON`. */
  serializer?: SessionSerializer
  /** Seconds that a session lives whose cookie does not say it, or a function of the session that says it for every one. Default a day. */
  ttl?: number | ((session: never) => number)
  /** Keys get no end at all. Default false. */
  disableTTL?: boolean
  /** `touch` does nothing. Default false. */
  disableTouch?: boolean
}

const DAY_S = 86_400
const EMPTY = [null, null]

/**
 * connect-redis's store, on its keys, for express-session as well as for sessile: what a request saves is compared with what it loaded,
 * so it overwrites nobody's change and revives no ended session. Methods take a callback or return a promise.
 */
export class RedisStore extends Store {
  readonly client: RedisClient
  readonly prefix: string
  scanCount: number
  readonly serializer: SessionSerializer
  ttl: number | ((session: never) => number)
  disableTTL: boolean
  disableTouch: boolean
  /** Which middleware it belongs to; ours fills it in. */
  declare attachment: Attachment | undefined
  declare readonly [NATIVE]: object
  #backend: SessionBackend | undefined
  /** The keys whose end a method has decided on already, by the session it was given. */
  readonly #underWay = new Set<string>()

  static {
    Object.defineProperty(this.prototype, NATIVE, { value: this.prototype })
  }

  constructor(options: ConnectRedisOptions) {
    super()
    Object.defineProperty(this, 'attachment', { value: undefined, writable: true })
    this.client = options.client
    this.prefix = options.prefix ?? 'sess:'
    this.scanCount = options.scanCount || 100
    this.serializer = options.serializer ?? JSON
    this.ttl = options.ttl || DAY_S
    this.disableTTL = options.disableTTL ?? false
    this.disableTouch = options.disableTouch ?? false
  }

  /** The store of ours that does the work. @throws SessionError `bad-option` for a client that is none */
  get backend(): SessionBackend {
    return (this.#backend ??= this.#makeBackend())
  }

  /** For sessions whose cookie has no time of its own. */
  get idleMs(): number {
    return typeof this.ttl === 'number' ? this.ttl * 1000 : DEFAULT_IDLE_MS
  }

  #makeBackend(): SessionBackend {
    const options = { client: this.client, prefix: this.prefix }
    const backend = this.serializer === JSON ? redisStore(options) : serializedRedisStore(options, this.serializer)
    return changed(backend, { endOf: (...asked) => this.#endOf(...asked), touches: () => !(this.disableTouch || this.disableTTL) })
  }

  /** What a function says of every session's end, it has to say of those too that go past the methods. */
  #endOf(key: string, asked: number, data: () => MaybePromise<string | undefined>): MaybePromise<number> {
    if (this.disableTTL) return Infinity
    if (typeof this.ttl !== 'function' || this.#underWay.has(key)) return asked
    return chain(data(), (text) => (text === undefined ? asked : now() + this.#ttlOf(JSON.parse(splitText(text).text) as Ending) * 1000))
  }

  /** Seconds left, as connect-redis counts them. */
  #ttlOf(session: Ending): number {
    if (typeof this.ttl === 'function') return this.ttl(session as never)
    const expires = session?.cookie?.expires
    return expires ? Math.ceil((Number(new Date(expires)) - now()) / 1000) : this.ttl
  }

  override get(sid: string, callback?: FoundCallback): Promise<object | null> {
    return answer<object | null | undefined>(() => getSession(this.#self, sid), callback as never, EMPTY) as Promise<object | null>
  }

  override set(sid: string, session: object, callback?: StoreCallback): Promise<unknown> {
    return answer(() => this.#during(sid, session, (end) => setSession(this.#self, sid, session, end)), callback, EMPTY)
  }

  override touch(sid: string, session: object, callback?: StoreCallback): Promise<unknown> {
    return answer(
      () => {
        if (this.disableTouch || this.disableTTL) return undefined
        return this.#during(sid, session, (end) => touchSession(this.#self, sid, session, end))
      },
      callback,
      EMPTY
    )
  }

  /** Does something by which a session gets its end; one that is over by then is ended instead. */
  #during(sid: string, session: Ending, work: (end: number) => MaybePromise<void>): MaybePromise<void> {
    const ttl = this.#ttlOf(session)
    if (!(ttl > 0)) return destroySession(this.#self, sid)
    const key = directlyOf(this.#self).keyOf(sid)
    this.#underWay.add(key)
    const done = (): void => void this.#underWay.delete(key)
    return new Promise<void>((resolve) => resolve(work(now() + ttl * 1000))).finally(done)
  }

  override destroy(sid: string, callback?: StoreCallback): Promise<unknown> {
    return answer(() => destroySession(this.#self, sid), callback, EMPTY)
  }

  /** Ends all sessions under the prefix. */
  clear(callback?: StoreCallback): Promise<unknown> {
    return answer(() => clearSessions(this.#self, this.scanCount), callback, EMPTY)
  }

  /** How many sessions there are. */
  length(callback?: StoreCallback<number>): Promise<number> {
    return answer(() => chain(allSessions(this.#self, this.scanCount), (sessions) => sessions.size), callback, EMPTY)
  }

  /** The ids of all sessions. */
  ids(callback?: StoreCallback<string[]>): Promise<string[]> {
    return answer(() => chain(allSessions(this.#self, this.scanCount), (sessions) => [...sessions.keys()]), callback, EMPTY)
  }

  /** All sessions, each with its `id`. */
  all(callback?: FoundCallback): Promise<object[]> {
    return answer(
      () =>
        chain(allSessions(this.#self, this.scanCount), (sessions) => [...sessions].map(([id, session]) => Object.assign(session, { id }))),
      callback,
      EMPTY
    )
  }

  get #self(): BackendStore {
    return this as unknown as BackendStore
  }
}
