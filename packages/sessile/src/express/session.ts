import { inspect } from 'node:util'
import type { MaybePromise } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { ask } from '../stores/express-store/ask.ts'
import { settle, type Callback } from './callback.ts'
import type { Cookie } from './cookie.ts'
import { OWNER, TRACKED, type Attributes, type SessionRequest } from './types.ts'

/** What the middleware does for the sessions of one request. */
export interface SessionOwner {
  save(session: Session): MaybePromise<void>
  reload(session: Session): MaybePromise<void>
  destroy(session: Session): MaybePromise<void>
  regenerate(): MaybePromise<void>
  renew(session: Session): MaybePromise<void>
  update<T>(session: Session, change: (draft: Attributes) => T | Promise<T>): MaybePromise<T>
  signIn(session: Session, userId: string | number, data: Attributes | undefined): MaybePromise<void>
  signOut(session: Session): MaybePromise<void>
}

/** Names that express-session does not have: a record that uses them for its data keeps its data. */
const OURS: ReadonlySet<string> = new Set(['update', 'signIn', 'signOut', 'renew'])

/**
 * The session of a request: its attributes are plain properties, beside them stands `cookie`, everything else is hidden from
 * enumeration. Methods take a callback and return the session, or return a promise.
 */
export class Session {
  declare readonly id: string
  declare readonly req: SessionRequest
  declare cookie: Cookie
  declare save: SaveOrReload
  declare reload: SaveOrReload

  /** @param data a record; names that a session has itself are left out */
  constructor(req: SessionRequest, data?: object | null) {
    hide(this, req, req.sessionID)
    if (typeof data !== 'object' || data === null) return
    const fields = data as Attributes
    const self = this as unknown as Attributes
    for (const name in fields) {
      if (name === '~' || (name in self && !OURS.has(name))) continue
      self[name] = fields[name]
    }
  }

  /** Starts the cookie's time anew. */
  touch(): this {
    return this.resetMaxAge()
  }

  /** Starts the cookie's time anew. */
  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge
    return this
  }

  /** Ends the session: it is gone from the request at once, and from the store when this answers. */
  destroy(): Promise<void>
  destroy(callback: Callback<void>): this
  destroy(callback?: Callback<void>): this | Promise<void> {
    const owner = ownerOf(this)
    const store = this.req.sessionStore
    delete this.req.session
    const work = () => (owner ? owner.destroy(this) : bare((answer) => store!.destroy(this.id, answer)))
    return settle(work, callback) ?? this
  }

  /** Ends the session and puts a new, empty one on the request. */
  regenerate(): Promise<void>
  regenerate(callback: Callback<void>): this
  regenerate(callback?: Callback<void>): this | Promise<void> {
    const owner = ownerOf(this)
    const work = () => (owner ? owner.regenerate() : bare((answer) => this.req.sessionStore!.regenerate!(this.req, answer)))
    return settle(work, callback) ?? this
  }

  /** Gives the session a new id and keeps its data; the old id is dead. */
  renew(): Promise<void>
  renew(callback: Callback<void>): this
  renew(callback?: Callback<void>): this | Promise<void> {
    return settle(() => needed(this).renew(this), callback) ?? this
  }

  /**
   * Reads, changes and writes so that no other request comes between: `change` gets the attributes as they are stored, this
   * request's unsaved ones laid over them, and runs again on fresh ones until it commits.
   * @returns what `change` returned
   */
  update<T>(change: (draft: Attributes) => T | Promise<T>): Promise<T> {
    return settle(() => needed(this).update(this, change), undefined)!
  }

  /**
   * Makes this the session of a user, under a new id. Its data stay, none of them when it was another user's.
   * @param data attributes to set besides `userId`
   */
  signIn(userId: string | number, data?: Attributes): Promise<void> {
    return settle(() => needed(this).signIn(this, userId, data), undefined)!
  }

  /** Ends the session and clears the browser's cookie. */
  signOut(): Promise<void> {
    return settle(() => needed(this).signOut(this), undefined)!
  }
}

/** Gives a session what is its own and hidden. */
export function hide(session: object, req: SessionRequest, id: string | undefined): void {
  Object.defineProperty(session, 'req', { value: req })
  // configurable: the id of a session that is renewed changes in place
  Object.defineProperty(session, 'id', { value: id, configurable: true })
}

export interface SaveOrReload {
  (): Promise<void>
  (callback: Callback<void>): Session
}

/** Stores the session now instead of at the end of the request. */
function save(this: Session, callback?: Callback<void>): Session | Promise<void> {
  const owner = ownerOf(this)
  return settle(() => (owner ? owner.save(this) : bare((answer) => this.req.sessionStore!.set(this.id, this, answer))), callback) ?? this
}

/** Reads the session anew: `req.session` becomes a new object, unsaved changes are lost. */
function reload(this: Session, callback?: Callback<void>): Session | Promise<void> {
  const owner = ownerOf(this)
  return settle(() => (owner ? owner.reload(this) : reloadBare(this)), callback) ?? this
}

/** express-session's own, as long as nobody replaced it. */
export const ownSave = save as SaveOrReload

function reloadBare(session: Session): MaybePromise<void> {
  const { req, id } = session
  const store = req.sessionStore!
  const found = ask<object | null>((answer) => store.get(id, answer))
  const put = (record: object | null | undefined) => {
    if (!record) throw new Error('failed to load session')
    store.createSession!(req, record)
  }
  return found instanceof Promise ? found.then(put) : put(found)
}

// people replace these two on a session; what they put there must stay as hidden as what it replaces
for (const [name, method] of Object.entries({ save, reload })) {
  Object.defineProperty(Session.prototype, name, {
    configurable: true,
    enumerable: false,
    get: () => method,
    set(this: object, value: unknown) {
      Object.defineProperty(this, name, { configurable: true, enumerable: false, writable: true, value })
    }
  })
}

const LENGTHS = 32
const reserved = new Set(['id', 'req', 'cookie', '~'])
for (let of: object | null = Session.prototype; of; of = Object.getPrototypeOf(of) as object | null) {
  for (const name of Object.getOwnPropertyNames(of)) if (!OURS.has(name)) reserved.add(name)
}

/** By first character and length: nearly all names are told from these without being looked up. */
const perhapsReserved = new Uint8Array(128 * LENGTHS)
for (const name of reserved) perhapsReserved[name.charCodeAt(0) * LENGTHS + name.length] = 1

/** As `isReserved`, of a part of a text. */
export function isReservedIn(text: string, from: number, to: number): boolean {
  const length = to - from
  return length < LENGTHS && perhapsReserved[text.charCodeAt(from) * LENGTHS + length] === 1 && isReserved(text.slice(from, to))
}

/** Whether a session has a thing of this name itself, so that it is never an attribute. */
export function isReserved(name: string): boolean {
  return reserved.has(name)
}

// a proxy is shown as what is behind it, which may have nothing in it yet
Object.defineProperty(Session.prototype, inspect.custom, {
  value: function inspected(this: { [TRACKED]?: { whole(): object } }): object {
    return this[TRACKED]?.whole() ?? this
  }
})

function ownerOf(session: Session): SessionOwner | undefined {
  return (session.req as unknown as { [OWNER]?: SessionOwner })[OWNER]
}

function needed(session: Session): SessionOwner {
  const owner = ownerOf(session)
  if (!owner) throw new SessionError('not-supported', 'This session belongs to no request that the middleware handles.')
  return owner
}

function bare(call: (answer: (error?: unknown) => void) => unknown): MaybePromise<void> {
  const answered = ask(call)
  return answered instanceof Promise ? answered.then(nothing) : undefined
}

function nothing(): void {}
