import type { MaybePromise } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { isSessionError } from '../core/errors.ts'
import type { Loaded } from '../core/loaded.ts'
import { attempt, chain } from '../core/maybe.ts'
import type { Meta } from '../core/record-text.ts'
import type { Secret } from '../core/signatures.ts'
import type { Change } from '../core/writer.ts'
import { ask } from '../stores/express-store/ask.ts'
import type { Context } from './context.ts'
import { Cookie } from './cookie.ts'
import { valueAgain, valueFor, type RequestCookie } from './cookie-header.ts'
import type { Glanced } from './glance.ts'
import { HeldSession } from './held-session.ts'
import * as identity from './identity.ts'
import { InFlight } from './in-flight.ts'
import type { Session, SessionOwner } from './session.ts'
import { refuseUnstorable } from './storable.ts'
import { Store } from './store.ts'
import { attributesOf, textOf } from './text.ts'
import type { Attributes, Next, SessionRequest, SessionResponse } from './types.ts'

/** What is known of one request's session, and what people do with it before the request ends. */
export class RequestSession extends HeldSession implements SessionOwner, Glanced {
  readonly res: SessionResponse
  readonly next: Next
  readonly secrets: readonly Secret[]
  /** What the browser sent. */
  readonly cookie: RequestCookie
  /** The verified id in it. */
  readonly cookieId: string | undefined

  /** Ids that this request ended; most end none. */
  #endedIds: Set<string> | undefined
  /** The cookie that the browser is to forget. */
  cookieToClear: Cookie | undefined
  /** Operations that people asked for and that are under way; most requests have none. */
  #inFlight: InFlight | undefined
  watcher: Glanced['watcher']
  watched: unknown

  constructor(context: Context, req: SessionRequest, res: SessionResponse, next: Next, secrets: readonly Secret[], cookie: RequestCookie) {
    super(context, req)
    this.res = res
    this.next = next
    this.secrets = secrets
    this.cookie = cookie
    this.cookieId = cookie.id
  }

  shouldSave(session: Session, rest: string): boolean {
    const { id } = this.direct(session)
    const isNew = !this.baseline.hasSaved && this.cookieId !== this.req.sessionID
    if (isNew && !this.context.options.saveUninitialized) return this.baseline.isModified(id, rest)
    return !this.baseline.isSaved(id, rest)
  }

  /** Of a session that nobody looked at: whether it is new and of no consequence. One made in place of another is. */
  isUntouchedNew(): boolean {
    const { loaded, baseline, req, context } = this
    return loaded === undefined && baseline.id === req.sessionID && !context.options.saveUninitialized
  }

  /** Whether the session is in the store or will be at the end. */
  isStored(session: Session): boolean {
    return (this.loaded !== undefined && this.loadedId === session.id) || this.shouldSave(session, attributesOf(session))
  }

  /** Brings a session to the store as it is now. */
  store(session: Session, rest: string): MaybePromise<void> {
    const { context, loaded } = this
    const { id } = this.direct(session)
    this.baseline.saved(id, rest)
    if (this.hasEnded(id)) return undefined
    const text = this.textOf(session, rest)
    if (loaded && this.loadedId === id) return this.commit(session, loaded, this.changeOf(session, text, loaded))
    const { records } = context
    const key = context.keyOf(id)
    const change = this.changeOf(session, text, undefined)
    const created = attempt<Loaded>(
      () => records.create(key, change),
      (error) => {
        if (!isSessionError(error) || error.code !== 'id-taken') throw error
        // a genid that gives the same id twice: as ever, the later session takes the place
        return chain(records.load(key), (there) => {
          if (!there) throw error
          return chain(records.commit(there, change), () => there)
        })
      }
    )
    return chain(created, (stored) => this.stored(session, stored))
  }

  /** @param rest a session's attributes. @throws SessionError `not-storable`, `too-large` */
  refuseUnstorable(rest: string): void {
    refuseUnstorable(rest, this.baseline.start, this.context.options.maxBytes)
  }

  commit(session: Session, loaded: Loaded, change: Change): MaybePromise<void> {
    return chain(this.context.records.commit(loaded, change), (outcome) => {
      const { id, cookie } = this.direct(session)
      if (outcome === 'gone' || loaded.moved) this.deadId = id
      this.storedCookie = cookie.data
    })
  }

  /** Notes that a session is in the store now. */
  stored(session: Session, loaded: Loaded): void {
    this.loaded = loaded
    this.loadedId = session.id
    this.storedCookie = session.cookie.data
  }

  /** The text of a session to be stored. @param rest its attributes */
  textOf(session: Session, rest: string): string {
    const { cookie } = this.direct(session)
    return textOf(cookie instanceof Cookie ? this.context.form.json(cookie) : JSON.stringify(cookie), rest)
  }

  /** The cookie's value for an id, percent-encoded; the browser's own, where it has that already. */
  valueFor(id: string): string {
    const secret = this.secrets[0]!
    return id === this.cookieId ? valueAgain(this.cookie, secret) : valueFor(id, secret)
  }

  /** What is to be stored of a session. @param changed what changes in its meta */
  changeOf(session: Session, text: string, loaded: Loaded | undefined, changed?: Meta): Change {
    const userId = this.userIdOf(session)
    const stored = loaded?.stored.meta ?? {}
    const { expiresAt } = this.context.endsWith(this.direct(session).cookie, changed ? { ...stored, ...changed } : stored, userId, now())
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
    this.refuseUnstorable(rest)
    // the call counts, not its success: the end of the request does not repeat it
    this.baseline.saved(session.id, rest)
    return this.run(() => this.store(session, rest), this.loaded === undefined)
  }

  reload(session: Session): MaybePromise<void> {
    const { context } = this
    return this.run(
      () =>
        chain(context.records.load(context.keyOf(session.id)), (loaded) => {
          if (!loaded?.isReadable) throw new Error('failed to load session')
          this.loaded = loaded
          this.loadedId = session.id
          this.baseline.reloaded(loaded.stored)
          this.req.sessionID = session.id
          this.create(loaded)
        }),
      false
    )
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
        return chain(
          ask<void>((answer) => store.regenerate(req, answer)),
          nothing
        )
      }
      const fresh = () => context.generate(req)
      const destroyed = attempt<unknown>(
        () => context.records.destroy(context.keyOf(id)),
        (error) => {
          fresh()
          throw error
        }
      )
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
