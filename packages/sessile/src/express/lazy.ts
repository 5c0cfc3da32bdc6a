import type { Session } from './session.ts'
import { OWNER, type SessionRequest } from './types.ts'

/** In place of a session that nobody has looked at. */
export const LAZY = Symbol('sessile.lazy')

/** What stands on a request: a session, one that nobody has looked at, or none. */
export type Current = Session | typeof LAZY | null | undefined

interface Looker {
  look(): Current
}

function getSession(this: SessionRequest): unknown {
  return (this as unknown as { [OWNER]: Looker })[OWNER].look()
}

/** Puts a session on the request as a plain property, whatever stood there. */
export function setSession(req: SessionRequest, value: unknown): void {
  Object.defineProperty(req, 'session', { value, writable: true, enumerable: true, configurable: true })
}

function assignSession(this: SessionRequest, value: unknown): void {
  setSession(this, value)
}

/** `req.session` before anybody looked. One object for all requests, so that they keep one shape. */
export const LAZY_PROPERTY: PropertyDescriptor = Object.freeze({ get: getSession, set: assignSession, enumerable: true, configurable: true })
