import debugFor from 'debug'
import { supports, type MaybePromise, type SessionBackend } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { isSessionError } from '../core/errors.ts'
import type { EventHub } from '../core/events.ts'
import { handleOf, hashId, newId } from '../core/ids.ts'
import { defaultSlackMs, endsOf, lifetimeOf, renewalDue, type Ends } from '../core/lifetimes.ts'
import type { Loaded } from '../core/loaded.ts'
import { attempt, chain } from '../core/maybe.ts'
import type { Meta } from '../core/record-text.ts'
import { SessionRecords, type RecordsOptions } from '../core/records.ts'
import type { Secret } from '../core/signatures.ts'
import { sweepRegularly } from '../core/sweeper.ts'
import { userOf, type UserIdOf } from '../core/user-of.ts'
import { fromExpressStore, type ExpressStoreBackend } from '../stores/express-store/backend.ts'
import { DEFAULT_IDLE_MS, isBackendStore, isUnchanged, type BackendStore } from './backend-store.ts'
import { Cookie, type CookieData, type CookieOptions } from './cookie.ts'
import { CookieForm } from './cookie-form.ts'
import type { Resolved } from './options.ts'
import { isSecure } from './secure.ts'
import { Session } from './session.ts'
import { OWNER, type Attributes, type SessionRequest, type StoreLike } from './types.ts'
import { Warnings } from './warnings.ts'

interface Generating {
  generate(): void
  generated(): void
}

/** The `generate` functions that are ours. */
const generators = new WeakSet<object>()

/** Never shown an id, a cookie or a record. */
export const debug: ((format: string, ...values: unknown[]) => void) & { readonly enabled: boolean } = debugFor('express-session')

const DEFAULT_DEADLINE_MS = 2000

/** What all requests of one `session()` share. */
export class Context {
  readonly options: Resolved
  readonly store: StoreLike
  readonly events: EventHub
  readonly warnings: Warnings
  readonly form: CookieForm
  /** Over the store's own backend, when it is one of ours. */
  readonly own: SessionRecords | undefined
  /** Over the store's methods, when it is not, or when somebody replaced some of them. */
  readonly #foreign: { readonly backend: ExpressStoreBackend; readonly records: SessionRecords }
  /** A `maxAge` or `expires` that came from the options is no wish of this one session. */
  readonly #optionMaxAge: unknown
  readonly #handleSecret: Secret = newId()
  #stopSweeping: (() => void) | undefined

  constructor(options: Resolved, store: StoreLike, events: EventHub) {
    this.options = options
    this.store = store
    this.events = events
    this.warnings = new Warnings(events)
    this.form = new CookieForm(options.name)
    this.#optionMaxAge = typeof options.cookie === 'function' ? undefined : options.cookie.maxAge
    const { anonymous, signedIn } = options.lifetimes
    const keepMeta = anonymous.absoluteMs !== undefined || signedIn.absoluteMs !== undefined
    const backend = fromExpressStore(store, { keepMeta })
    this.#foreign = { backend, records: this.#records(backend, { deadlineMs: options.deadlineMs ?? Infinity, passErrors: true }) }
    if (!isBackendStore(store)) return
    this.own = this.#records(store.backend, { deadlineMs: options.deadlineMs ?? DEFAULT_DEADLINE_MS })
    // of several session() on one store the first sweeps it
    if (options.sweepEveryMs !== undefined && !store.attachment && supports(store.backend, 'removeExpired'))
      this.#stopSweeping = sweepRegularly(this.own, options.sweepEveryMs)
  }

  /** Ends what goes on beside the requests. */
  close(): void {
    this.#stopSweeping?.()
  }

  #records(backend: SessionBackend, more: { deadlineMs?: number; passErrors?: boolean }): SessionRecords {
    const { merge, maxBytes, maxSessionsPerUser, whenTooMany } = this.options
    const options: RecordsOptions = {
      events: this.events,
      handleOf: this.handleOf,
      merge,
      maxBytes,
      maxSessionsPerUser,
      whenTooMany,
      ...more
    }
    return new SessionRecords(backend, options)
  }

  /** Whether the store is ours and nobody replaced its methods: then requests go past them. */
  get isOwn(): boolean {
    const { store } = this
    return isBackendStore(store) && isUnchanged(store)
  }

  /** The records to work with now; looked at anew at each call, since methods may be replaced at any time. */
  get records(): SessionRecords {
    return this.isOwn ? this.own! : this.#foreign.records
  }

  /** Touches a session in the store. @returns false when it is gone */
  touch(loaded: Loaded, session: object | undefined, expiresAt: number): MaybePromise<boolean> {
    if (this.isOwn || session === undefined) return this.own!.touch(loaded, expiresAt)
    return this.#foreign.backend.touching(session, () => this.#foreign.records.touch(loaded, expiresAt))
  }

  keyOf(id: string): string {
    return this.isOwn ? this.ownKeyOf(id) : this.#hashed(id)
  }

  /** What the store's own backend has a session under. */
  ownKeyOf(id: string): string {
    const key = this.#hashed(id)
    return (this.store as Partial<BackendStore>).storageIdOf?.(key) ?? key
  }

  #hashed(id: string): string {
    return this.options.hashIds ? hashId(id) : id
  }

  readonly handleOf = (key: string): string => handleOf(key, this.handleSecrets)

  get handleSecrets(): Secret[] {
    return (this.options.secrets ?? [this.#handleSecret]) as Secret[]
  }

  newId(req: SessionRequest): string {
    const { genid } = this.options
    return genid ? genid(req) : newId()
  }

  /** The session that a verified id names; past its absolute lifetime counts as absent. */
  load(id: string): MaybePromise<Loaded | undefined> {
    const { records } = this
    const key = this.keyOf(id)
    const found = this.options.hashIds === 'migrate' ? this.#migrated(records, id, key) : records.load(key)
    if (!this.options.hasLifetimes) return found
    return chain(found, (loaded) => {
      // stores without an index do not say whose a record is
      if (loaded?.object) loaded.userId = this.userIdOf(loaded.object)
      return loaded && this.#isOver(loaded) ? undefined : loaded
    })
  }

  #isOver(loaded: Loaded): boolean {
    return this.ends(loaded.stored.meta, loaded.userId, Infinity, now()).absoluteExpiresAt <= now()
  }

  /** Finds a record that was stored under its id, and moves it to the hash. */
  #migrated(records: SessionRecords, id: string, key: string): MaybePromise<Loaded | undefined> {
    return chain(
      records.load(key),
      (loaded) =>
        loaded ??
        chain(records.load(id), (raw) => {
          // what is broken is not moved: with a meta behind it, a text that was cut may be JSON again, and no session
          if (!raw?.isReadable) return raw
          const { text, userId, stored } = raw
          const moved = attempt<Loaded | 'gone'>(
            () => records.renew(raw, key, { text, userId, expiresAt: stored.expiresAt }, { reason: 'routine', follow: true, overlapMs: 0 }),
            (error) => {
              if (!isSessionError(error) || error.code !== 'id-taken') throw error
              return 'gone'
            }
          )
          // another request may have moved it first, or be doing that
          return chain(moved, (renewed) => (renewed === 'gone' ? records.load(key) : renewed))
        })
    )
  }

  /** Whose a session is; `undefined`: nobody's. */
  userIdOf(attributes: object): string | undefined {
    return userOf(attributes, this.options.userIdOf as UserIdOf | undefined)
  }

  /** Whose a loaded session is; parsed only where neither the store's index nor a look for the names says that it is nobody's. */
  userIdOfLoaded(loaded: Loaded): string | undefined {
    const { userId, beginning, stored } = loaded
    if (userId !== undefined) return userId
    const isNobodys = this.options.userIdOf
      ? stored.meta.c !== undefined && supports(this.records.backend, 'keysOfUser')
      : !beginning.includes('"userId":') && !beginning.includes('"passport":')
    if (isNobodys) return undefined
    try {
      return this.userIdOf(JSON.parse(loaded.text) as Attributes)
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }

  /** When a session ends whose cookie, already touched, says this. Epoch ms. */
  endsWith({ originalMaxAge, expires }: Partial<CookieData>, meta: Meta, userId: string | undefined, at: number): Ends {
    return this.endsAt(originalMaxAge, expires ? new Date(expires).getTime() : undefined, meta, userId, at)
  }

  /** As `endsWith`, of the cookie's times in epoch ms; absent where it has none. */
  endsAt(originalMaxAge: number | null | undefined, expires: number | undefined, meta: Meta, userId: string | undefined, at: number): Ends {
    return this.ends(meta, userId, this.#idleEnd(originalMaxAge, expires, userId, at), at)
  }

  #idleEnd(originalMaxAge: number | null | undefined, expires: number | undefined, userId: string | undefined, at: number): number {
    const { idleMs } = lifetimeOf(this.options.lifetimes, userId)
    const isKnown = expires !== undefined && !Number.isNaN(expires)
    if (idleMs !== undefined && (!isKnown || this.#isUsual(originalMaxAge))) return at + idleMs
    if (isKnown) return expires
    return at + (isBackendStore(this.store) ? this.store.idleMs : DEFAULT_IDLE_MS)
  }

  /** How much further than asked a touch goes, ms. A third-party store is given the session's own time: there is nothing to put off. */
  slackOf({ idleExpiresAt }: Ends): number {
    const { hasLifetimes } = this.options
    const slackMs = this.options.slackMs ?? (isBackendStore(this.store) ? this.store.touchSlackMs : undefined)
    if (!this.isOwn || (slackMs === undefined && !hasLifetimes)) return 0
    const idleMs = idleExpiresAt - now()
    return Math.min(slackMs ?? defaultSlackMs(idleMs), idleMs / 2)
  }

  /** A cookie that a handler gave a time of its own overrides the lifetime; the options' cookie, and ours, do not. */
  #isUsual(maxAge: unknown): boolean {
    const { anonymous, signedIn } = this.options.lifetimes
    return maxAge === this.#optionMaxAge || (typeof maxAge === 'number' && (maxAge === anonymous.idleMs || maxAge === signedIn.idleMs))
  }

  /** With `rolling`, a browser keeps the cookie as long as its session lives unused. A time that a handler chose stays, none included. */
  follow(cookie: Cookie, userId: string | undefined): void {
    const { lifetimes, rolling } = this.options
    const { idleMs } = lifetimeOf(lifetimes, userId)
    if (rolling && idleMs !== undefined && cookie.expires && this.#isUsual(cookie.originalMaxAge)) cookie.maxAge = idleMs
  }

  ends(meta: Meta, userId: string | undefined, idleEnd: number, at: number): Ends {
    const ages = { createdAt: meta.c ?? at, signedInAt: meta.a }
    const { absoluteExpiresAt } = endsOf(lifetimeOf(this.options.lifetimes, userId), ages, at, undefined)
    return { idleExpiresAt: idleEnd, absoluteExpiresAt, expiresAt: Math.min(idleEnd, absoluteExpiresAt) }
  }

  /** Whether a session's id is due for a routine renewal. */
  isRenewalDue({ stored: { meta }, userId }: Loaded): boolean {
    if (!this.options.hasLifetimes) return false
    const at = now()
    return renewalDue(lifetimeOf(this.options.lifetimes, userId), { createdAt: meta.c ?? at, signedInAt: meta.a, renewedAt: meta.r }, at)
  }

  /** A new session for a request that has none (any more), by the store's own `generate`, which people may replace. */
  generate(req: SessionRequest): void {
    const owner = ownerOf<Generating>(req)
    const { generate } = this.store
    if (!owner || generate === undefined || generators.has(generate)) return owner ? owner.generate() : this.generateBare(req)
    generate.call(this.store, req)
    owner.generated()
  }

  /** For requests that the middleware does not know: sockets, jobs. */
  generateBare(req: SessionRequest): void {
    req.sessionID = this.newId(req)
    req.session = new Session(req)
    req.session.cookie = this.newCookie(req)
  }

  /** Puts `generate` on the store. Two `session()` on one store each use their own options in their own requests. */
  installGenerate(): void {
    const generate = (req: SessionRequest) => {
      const owner = ownerOf<Generating>(req)
      if (owner) owner.generate()
      else this.generateBare(req)
    }
    generators.add(generate)
    this.store.generate = generate
  }

  cookieOptions(req: SessionRequest): CookieOptions {
    const { cookie } = this.options
    return typeof cookie === 'function' ? cookie(req) : cookie
  }

  /** A new session's cookie, `auto` made true of this connection. */
  newCookie(req: SessionRequest): Cookie {
    const options = this.cookieOptions(req)
    const cookie = new Cookie(options)
    if (cookie.secure === 'auto' || cookie.sameSite === 'auto') {
      const secure = isSecure(req, this.options.proxy)
      if (cookie.secure === 'auto') cookie.secure = secure
      if (cookie.sameSite === 'auto') cookie.sameSite = secure ? 'none' : 'lax'
    }
    const { idleMs } = this.options.lifetimes.anonymous
    if (this.options.rolling && idleMs !== undefined && options?.maxAge === undefined && !cookie.expires) cookie.maxAge = idleMs
    return cookie
  }

  /** The path under which requests have a session. */
  pathFor(req: SessionRequest): string {
    return this.cookieOptions(req)?.path || '/'
  }
}

/** What the middleware keeps on a request. */
export function ownerOf<T>(req: SessionRequest): T | undefined {
  return (req as unknown as { [OWNER]?: T })[OWNER]
}
