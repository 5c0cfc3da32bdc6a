import type { Session } from './session.ts'
import { OWNER, type SessionRequest } from './types.ts'

/** In place of a session that nobody has looked at. */
export const LAZY = Symbol('sessile.lazy')

/** What stands on a request: a session, one that nobody has looked at, or none. */
export type Current = Session | typeof LAZY | null | undefined

interface Holder {
  look(): Current
  assign(value: unknown): void
}

function getSession(this: SessionRequest): unknown {
  return (this as unknown as { [OWNER]: Holder })[OWNER].look()
}

function assignSession(this: SessionRequest, value: unknown): void {
  ;(this as unknown as { [OWNER]: Holder })[OWNER].assign(value)
}

/**
 * `req.session`: a property of the request's own that can be assigned and deleted as any, but is asked of its owner. One object for
 * all requests, and never made another kind of property: changing its kind would cost more than all the rest of a request.
 */
const SESSION: PropertyDescriptor = Object.freeze({ get: getSession, set: assignSession, enumerable: true, configurable: true })

export function defineSession(req: SessionRequest): void {
  Object.defineProperty(req, 'session', SESSION)
}
