import type { Context } from './context.ts'
import { ownerOf } from './context.ts'
import { LAZY } from './lazy.ts'
import type { RequestSession } from './request-session.ts'
import type { SessionRequest } from './types.ts'

/** Names the manager's method for those who look at each request. Not for others: what it gives may be an id. */
export const GLANCE = Symbol('sessile.glance')

/**
 * Tells the stored session of a request from all others, and from the same one under another user, at the cost of a look.
 * @returns `undefined` where that takes more than a look
 */
export function glanceAt(context: Context, req: object): string | undefined {
  const of = ownerOf<RequestSession>(req as SessionRequest)
  const current = of?.current()
  if (!of || !current || !of.loaded) return undefined
  const { loaded, loadedId } = of
  if (current === LAZY) return loadedId === of.req.sessionID ? loaded.key : undefined
  return loadedId === current.id ? `${loaded.key} ${context.userIdOf(current) ?? ''}` : undefined
}
