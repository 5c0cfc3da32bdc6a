import type { Loaded } from '../core/loaded.ts'
import { adjustExpires } from './backend-store.ts'
import { Baseline } from './baseline.ts'
import type { Context } from './context.ts'
import { Cookie, type CookieData, type CookieOptions } from './cookie.ts'
import { defineSession, LAZY, type Current } from './lazy.ts'
import { membersOf } from './members.ts'
import { Session } from './session.ts'
import { Store } from './store.ts'
import { attributesOf, cookieFirst } from './text.ts'
import { Tracked, type Direct } from './tracked.ts'
import { OWNER, type SessionRequest } from './types.ts'

/** What stands on a request as its session: loaded or made, and neither parsed nor built before somebody looks. */
export class HeldSession {
  readonly context: Context
  readonly req: SessionRequest
  /** The stored session that `loadedId` names; absent while there is none. */
  loaded: Loaded | undefined
  loadedId: string | undefined
  readonly baseline = new Baseline()
  /** The stored cookie, to see whether more than its time changed. */
  storedCookie: Partial<CookieData> | undefined
  /** An id that turned out to be over: its cookie is not sent. */
  deadId: string | undefined
  #tracked: Tracked | undefined
  #value: Session | null | undefined
  #isUnseen = false
  #peeking = false
  #looking = false

  constructor(context: Context, req: SessionRequest) {
    this.context = context
    this.req = req
  }

  /**
   * Takes over a session as it is stored; what the request changed before is dropped. A new one takes the place of what is no JSON.
   * @throws TypeError for a record without a cookie
   */
  adopt(loaded: Loaded): void {
    try {
      this.#adopt(loaded)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      this.startAnew({ loaded, error })
    }
  }

  #adopt(loaded: Loaded): void {
    const id = this.req.sessionID!
    this.loaded = loaded
    this.loadedId = id
    this.baseline.loaded(id, loaded.stored, !this.context.options.resave)
    if (loaded.moved) this.deadId = id
    if (loaded.object === undefined && cookieFirst(loaded.beginning)) this.#handOverUnseen()
    else this.create(loaded)
  }

  /** Puts a new session on the request; it is made when somebody looks. */
  generate(): void {
    const { context, req } = this
    req.sessionID = context.newId(req)
    this.loaded = undefined
    this.baseline.made(req.sessionID)
    if (typeof context.options.cookie === 'function') this.#make()
    else this.#handOverUnseen()
  }

  /** After a `generate` that is not ours: what it made is the start. */
  generated(): void {
    this.loaded = undefined
    this.baseline.made(this.req.sessionID!, attributesOf(this.req.session as Session))
  }

  #handOverUnseen(): void {
    this.#isUnseen = true
    defineSession(this.req)
  }

  /** What `req.session` gives: the session, made now if it was not yet. */
  look(): Current {
    if (!this.#isUnseen) return this.#value
    if (this.#peeking) return LAZY
    if (this.#looking) return undefined
    this.#looking = true
    try {
      return this.loaded === undefined ? this.#make() : this.create(this.loaded)
    } catch (error) {
      if (!(error instanceof SyntaxError) || this.loaded === undefined) throw error
      this.startAnew({ loaded: this.loaded, error })
      return this.session()
    } finally {
      this.#looking = false
    }
  }

  /** What is assigned to `req.session`. */
  assign(value: unknown): void {
    this.#isUnseen = false
    this.#value = value as Session | null | undefined
  }

  /** In place of a record that is gone, or that cannot be read. */
  startAnew(unreadable?: { readonly loaded: Loaded; readonly error: Error }): void {
    const { context } = this
    if (unreadable) {
      const { loaded, error } = unreadable
      context.events.emit('unreadable-record', () => ({ handle: context.handleOf(loaded.key), reason: error.message }))
    }
    this.baseline.reset()
    this.generate()
    if (this.#looking) this.#make()
  }

  #make(): Session {
    const session = new Session(this.req)
    this.req.session = session
    session.cookie = this.context.newCookie(this.req)
    return session
  }

  /** Makes the session of a record, and puts it on the request. */
  create(loaded: Loaded): Session {
    const { context, req } = this
    const tracked = this.#track(loaded)
    this.#tracked = tracked
    if (tracked) {
      this.storedCookie = undefined
      req.session = tracked.proxy
      return tracked.proxy
    }
    const record = (loaded.object ?? parsed(loaded.text)) as { cookie?: CookieData }
    if (loaded.object === undefined && !context.options.hasLifetimes) adjustExpires(record as { cookie?: { expires?: unknown } }, loaded)
    this.storedCookie = record.cookie
    const { store } = context
    const create = store instanceof Store ? store.createSession : Store.prototype.createSession
    create.call(store as Store, req, record)
    return req.session as Session
  }

  /** Where nobody makes sessions in his own way, only what is touched of a text is parsed. */
  #track({ object, text }: Loaded): Tracked | undefined {
    const { store, isOwn } = this.context
    if (object !== undefined || !isOwn || (store as Store).createSession !== Store.prototype.createSession || !cookieFirst(text))
      return undefined
    const { start } = this.baseline
    const members = membersOf(text, text.length - start.length)
    return members && new Tracked(this, text, start, members)
  }

  /** The cookie of a stored text; a new one where it cannot be read. */
  cookieOf(text: string): Cookie {
    const { context, req, loaded } = this
    const expiresAt = loaded && !context.options.hasLifetimes ? loaded.stored.expiresAt : Infinity
    const known = expiresAt === Infinity ? undefined : context.form.read(text, expiresAt)
    if (known) {
      this.storedCookie ??= known.data
      return known
    }
    let data: CookieData
    let cookie: Cookie
    try {
      data = JSON.parse(text) as CookieData
      cookie = new Cookie(data as CookieOptions)
    } catch {
      return context.newCookie(req)
    }
    if (!isCookie(data)) return context.newCookie(req)
    this.storedCookie ??= data
    if (data.expires && expiresAt !== Infinity) cookie._expires = new Date(expiresAt)
    else if (typeof data.expires === 'string') cookie._expires = new Date(data.expires)
    cookie.originalMaxAge = data.originalMaxAge
    return cookie
  }

  /** A session for the package's own questions. */
  direct(session: Session): Direct {
    return this.#tracked?.proxy === session ? this.#tracked : session
  }

  /** Whose a session is; `undefined`: nobody's. */
  userIdOf(session: Session): string | undefined {
    return this.context.userIdOf(this.context.options.userIdOf ? session : this.direct(session))
  }

  /** The request's session, without waking it. */
  current(): Current {
    if ((this.req as unknown as { [OWNER]?: unknown })[OWNER] !== this) return undefined
    this.#peeking = true
    const current = this.req.session as Current
    this.#peeking = false
    return current
  }

  /** The request's session, made if it was not yet. */
  session(): Session | null | undefined {
    return this.req.session
  }
}

/** @throws SyntaxError for a text that is no JSON, or no object's: it is no session */
function parsed(text: string): object {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('It is JSON, but no object.')
  // a record without any cookie is express-session's own error
  if (Object.hasOwn(value, 'cookie') && !isCookie((value as { cookie: unknown }).cookie)) throw new SyntaxError('Its cookie is none.')
  return value
}

function isCookie(data: unknown): data is CookieData {
  if (typeof data !== 'object' || data === null) return false
  const { originalMaxAge } = data as Partial<CookieData>
  return originalMaxAge === undefined || originalMaxAge === null || typeof originalMaxAge === 'number'
}
