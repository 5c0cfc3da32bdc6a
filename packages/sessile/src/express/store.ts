import { EventEmitter } from 'node:events'
import { inherits } from 'node:util'
import type { ExpressStore } from '../stores/express-store/types.ts'
import { Cookie, type CookieOptions } from './cookie.ts'
import { Session } from './session.ts'
import type { SessionRequest } from './types.ts'

/* oxlint-disable typescript/no-explicit-any -- a store of ours has to fit the types of express-session, whose requests and sessions are others */
/** The base class of stores. Subclasses need `get`, `set` and `destroy`. A `req` is a request with a session, a `session` a `Session`. */
export interface Store extends EventEmitter, ExpressStore {
  generate(req: any): void
  regenerate(req: any, callback: (error?: any) => any): void
  load(id: string, callback: (error?: any, session?: any) => any): void
  createSession(req: any, record: any): any
}
/* oxlint-enable typescript/no-explicit-any */

type StoreConstructor = { new (...given: unknown[]): Store; (this: object, ...given: unknown[]): void; prototype: Store }

/** Written as a function: store packages call it on their own `this`, which a class would not allow, or extend it. */
function StoreFunction(this: object): void {
  EventEmitter.call(this as EventEmitter)
}
Object.defineProperty(StoreFunction, 'name', { value: 'Store', configurable: true })
inherits(StoreFunction, EventEmitter)

export const Store = StoreFunction as unknown as StoreConstructor

/** Ends the request's session and generates a new one, also when ending it fails. */
Store.prototype.regenerate = function regenerate(req: SessionRequest, callback) {
  this.destroy(req.sessionID!, (error) => {
    this.generate(req)
    callback(error)
  })
}

/** Loads a session without a request, for sockets and jobs. */
Store.prototype.load = function load(id, callback) {
  this.get(id, (error, record) => {
    if (error) return callback(error)
    if (!record) return callback()
    const req = { sessionID: id, sessionStore: this } as unknown as SessionRequest
    callback(null, this.createSession(req, record))
  })
}

/**
 * Makes the request's session of a record.
 * @throws TypeError for a record without a cookie
 */
Store.prototype.createSession = function createSession(req: SessionRequest, record: object): Session {
  const fields = record as { cookie: CookieOptions & { expires?: unknown } }
  // read one by one: the text of the error for a record without a cookie is the engine's for reading, and known to users
  const expires = fields.cookie.expires
  const originalMaxAge = fields.cookie.originalMaxAge
  const cookie = new Cookie(fields.cookie)
  if (typeof expires === 'string') cookie._expires = new Date(expires)
  cookie.originalMaxAge = originalMaxAge as number | null
  fields.cookie = cookie as CookieOptions
  const session = new Session(req, record)
  carry(record, session)
  req.session = session
  return session
}

const carried = new WeakMap<object, unknown>()

/** Notes what a record was loaded as; `createSession` takes it over to the session. */
export function note(record: object, loaded: unknown): void {
  carried.set(record, loaded)
}

/** What a record or session was loaded as, or `undefined`. */
export function noted(record: object): unknown {
  return carried.get(record)
}

/** Hands what a record was loaded as on to the session that was made of it. */
export function carry(record: object, session: object): void {
  const loaded = carried.get(record)
  if (loaded !== undefined) carried.set(session, loaded)
}
