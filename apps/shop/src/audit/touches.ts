import type { Request, RequestHandler } from 'express'
import type { Note } from '../audit-events.ts'
import { AUDIT_DEFAULTS } from './options.ts'

/** Notes some of the requests of those who are signed in: where a session was used between its beginning and its end. */
export function touches(
  note: Note,
  handleOf: (req: Request) => string | undefined,
  { sample = AUDIT_DEFAULTS.touchSample, random = Math.random }: { readonly sample?: number; readonly random?: () => number } = {}
): RequestHandler {
  return (req, _res, next) => {
    if (random() < sample && req.session?.userId !== undefined) {
      note('session.touched', { session: handleOf(req), details: { method: req.method } })
    }
    next()
  }
}
