import type { MaybePromise } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { isSessionError } from '../core/errors.ts'
import type { Loaded } from '../core/loaded.ts'
import { attempt, chain } from '../core/maybe.ts'
import type { Meta } from '../core/record-text.ts'
import type { Secret } from '../core/signatures.ts'
import type { Change } from '../core/writer.ts'
import { ask } from '../stores/express-store/ask.ts'
import { adjustExpires } from './backend-store.ts'
import { Baseline } from './baseline.ts'
import type { Context } from './context.ts'
import { Cookie, type CookieData } from './cookie.ts'
import { signedValue, type RequestCookie } from './cookie-header.ts'
import * as identity from './identity.ts'
import { InFlight } from './in-flight.ts'
import { defineSession, LAZY, type Current } from './lazy.ts'
import { Session, type SessionOwner } from './session.ts'
import { Store } from './store.ts'
import { attributesOf, cookieFirst, textOf } from './text.ts'
import { OWNER, type Attributes, type Next, type SessionRequest, type SessionResponse } from './types.ts'

/** What is known of one request's session, and what people do with it before the request ends. */
export class RequestSession implements SessionOwner {
  readonly context: Context
  readonly req: SessionRequest
  readonly res: SessionResponse
  readonly next: Next
  readonly secrets: readonly Secret[]
  /** What the browser sent. */
  readonly cookie: RequestCookie
  /** The verified id in it. */
  readonly cookieId: string | undefined

  /** The stored session that `loadedId` names; absent while there is none. */
  loaded: Loaded | undefined
  loadedId: string | undefined
  readonly baseline = new Baseline()
  /** The stored cookie, to see whether more than its time changed. */
  storedCookie: Partial<CookieData> | undefined
  /** Ids that this request ended; most end none. */
  #endedIds: Set<string> | undefined
  /** An id that turned out to be over: its cookie is not sent. */
  deadId: string | undefined
  /** The cookie that the browser is to forget. */
  cookieToClear: Cookie | undefined
  /** Operations that people asked for and that are under way; most requests have none. */
  #inFlight: InFlight | undefined
  /** What `req.session` is; unseen until somebody looks. */
  #value: Session | null | undefined
  #isUnseen = false
  #peeking = false
  #looking = false

  constructor(context: Context, req: SessionRequest, res: SessionResponse, next: Next, secrets: readonly Secret[], cookie: RequestCookie) {
    this.context = context
    this.req = req
    this.res = res
    this.next = next
    this.secrets = secrets
    this.cookie = cookie
    this.cookieId = cookie.id
  }

  /** Takes over a session as it is stored; what the request changed before is dropped. @throws TypeError for a record without a cookie, SyntaxError for one that is no JSON */
  adopt(loaded: Loaded): void {
    const id = this.req.sessionID!
    this.loaded = loaded
    this.loadedId = id
    this.baseline.loaded(id, loaded.text, !this.context.options.resave)
    if (loaded.moved) this.deadId = id
    if (loaded.object === undefined && cookieFirst(loaded.text)) this.#handOverUnseen()
    else this.#create(loaded)
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
      return this.loaded === undefined ? this.#make() : this.#create(this.loaded)
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

  #create(loaded: Loaded): Session {
    const { context, req } = this
    const record = (loaded.object ?? JSON.parse(loaded.text)) as { cookie?: CookieData }
    if (loaded.object === undefined && !context.options.hasLifetimes) adjustExpires(record as { cookie?: { expires?: unknown } }, loaded)
    this.storedCookie = record.cookie
    const { store } = context
    const create = store instanceof Store ? store.createSession : Store.prototype.createSession
    create.call(store as Store, req, record)
    return req.session as Session
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

  shouldSave(session: Session, rest: string): boolean {
    const isNew = !this.baseline.hasSaved && this.cookieId !== this.req.sessionID
    if (isNew && !this.context.options.saveUninitialized) return this.baseline.isModified(session, rest)
    return !this.baseline.isSaved(session, rest)
  }

  /** Whether the session is in the store or will be at the end. */
  isStored(session: Session): boolean {
    return (this.loaded !== undefined && this.loadedId === session.id) || this.shouldSave(session, attributesOf(session))
  }

  /** Brings a session to the store as it is now. */
  store(session: Session, rest: string): MaybePromise<void> {
    const { context, loaded } = this
    this.baseline.saved(session.id, rest)
    if (this.hasEnded(session.id)) return undefined
    const text = this.textOf(session, rest)
    if (loaded && this.loadedId === session.id) return this.commit(session, loaded, this.changeOf(session, text, loaded))
    const { records } = context
    const key = context.keyOf(session.id)
    const change = this.changeOf(session, text, undefined)
    const created = attempt<Loaded>(() => records.create(key, change), (error) => {
      if (!isSessionError(error) || error.code !== 'id-taken') throw error
      // a genid that gives the same id twice: as ever, the later session takes the place
      return chain(records.load(key), (there) => {
        if (!there) throw error
        return chain(records.commit(there, change), () => there)
      })
    })
    return chain(created, (stored) => this.stored(session, stored))
  }

  commit(session: Session, loaded: Loaded, change: Change): MaybePromise<void> {
    return chain(this.context.records.commit(loaded, change), (outcome) => {
      if (outcome === 'gone' || loaded.moved) this.deadId = session.id
      this.storedCookie = session.cookie.data
    })
  }

  /** Notes that a session is in the store now. */
  stored(session: Session, loaded: Loaded): void {
    this.loaded = loaded
    this.loadedId = session.id
    this.storedCookie = session.cookie.data
  }

  /** The text of a session to be stored. @param rest its attributes */
  textOf({ cookie }: Session, rest: string): string {
    return textOf(cookie instanceof Cookie ? this.context.form.json(cookie) : JSON.stringify(cookie), rest)
  }

  /** What the cookie carries for an id; the browser's own, where it is that already. */
  signed(id: string): string {
    const { id: verified, signed } = this.cookie
    return id === verified && signed !== undefined ? signed : signedValue(id, this.secrets[0]!)
  }

  /** What is to be stored of a session. @param changed what changes in its meta */
  changeOf(session: Session, text: string, loaded: Loaded | undefined, changed?: Meta): Change {
    const userId = this.context.userIdOf(session)
    const stored = loaded?.stored.meta ?? {}
    const { expiresAt } = this.context.endsWith(session.cookie, changed ? { ...stored, ...changed } : stored, userId, now())
    // how long a record of an older writer may live is counted from when it was first seen
    const meta = loaded && stored.c === undefined ? { c: now(), ...changed } : changed
    return { text, expiresAt, userId, object: session, always: true, meta }
  }

  /** Whether this request ended the session of an id. */
  hasEnded(id: string): boolean {
    return this.#endedIds !== undefined && this.#endedIds.has(id)
  }

  noteEnded(id: string): void {
    this.#endedIds ??= new Set()
    this.#endedIds.add(id)
  }

  /** Runs an operation that people asked for. @param isGate whether it decides which session the request has */
  run<T>(work: () => MaybePromise<T>, isGate: boolean): MaybePromise<T> {
    this.#inFlight ??= new InFlight()
    return this.#inFlight.run(work, isGate)
  }

  /** Settles when all operations that are under way have; `undefined` when there are none. */
  get underWay(): Promise<unknown> | undefined {
    return this.#inFlight?.settled
  }

  save(session: Session): MaybePromise<void> {
    const rest = attributesOf(session)
    // the call counts, not its success: the end of the request does not repeat it
    this.baseline.saved(session.id, rest)
    return this.run(() => this.store(session, rest), this.loaded === undefined)
  }

  reload(session: Session): MaybePromise<void> {
    const { context } = this
    return this.run(() => chain(context.records.load(context.keyOf(session.id)), (loaded) => {
      if (!loaded) throw new Error('failed to load session')
      this.loaded = loaded
      this.loadedId = session.id
      this.baseline.reloaded(loaded.text)
      this.req.sessionID = session.id
      this.#create(loaded)
    }), false)
  }

  destroy(session: Session): MaybePromise<void> {
    return this.endId(session.id)
  }

  /** Ends the session of an id, for good. */
  endId(id: string): MaybePromise<void> {
    const { context } = this
    this.noteEnded(id)
    return this.run(() => chain(context.records.destroy(context.keyOf(id)), nothing), true)
  }

  regenerate(): MaybePromise<void> {
    const { context, req } = this
    const { store } = context
    const id = req.sessionID!
    return this.run(() => {
      this.noteEnded(id)
      if (store instanceof Store && store.regenerate !== Store.prototype.regenerate) {
        return chain(ask<void>((answer) => store.regenerate(req, answer)), nothing)
      }
      const fresh = () => context.generate(req)
      const destroyed = attempt<unknown>(() => context.records.destroy(context.keyOf(id)), (error) => {
        fresh()
        throw error
      })
      return chain(destroyed, fresh)
    }, true)
  }

  /** Gives a session another id in place. @param loaded what is stored under it, if anything */
  rename(session: Session, id: string, loaded: Loaded | undefined): void {
    this.noteEnded(session.id)
    Object.defineProperty(session, 'id', { value: id, configurable: true })
    this.req.sessionID = id
    this.loaded = undefined
    if (!loaded) return
    this.stored(session, loaded)
    this.baseline.saved(id, attributesOf(session))
    this.baseline.hasStoredChanges = true
  }

  renew(session: Session): MaybePromise<void> {
    return this.run(() => identity.renew(this, session, 'asked', undefined), true)
  }

  update<T>(session: Session, change: (draft: Attributes) => T | Promise<T>): MaybePromise<T> {
    return identity.update(this, session, change)
  }

  signIn(session: Session, userId: string | number, data: Attributes | undefined): MaybePromise<void> {
    return this.run(() => identity.signIn(this, session, userId, data), true)
  }

  signOut(session: Session): MaybePromise<void> {
    this.cookieToClear = session.cookie
    if (this.req.session === session) delete this.req.session
    return this.endId(session.id)
  }
}

function nothing(): void {}
