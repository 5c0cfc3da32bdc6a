import { type Request, type RequestHandler, Router } from 'express'
import { at, HttpError } from '../http.ts'
import type { Sessions } from '../sessions.ts'
import type { Live } from './live.ts'

export interface LiveRouterOptions {
  readonly live: Live
  readonly sessions: Pick<Sessions, 'describe'>
}

/** The stream of what happens to the cart of one's session, for pages that are open. Begins no session. */
export function liveRouter({ live, sessions }: LiveRouterOptions): Router {
  const router = Router()
  at(router, '/cart/events', {
    get: (req, res) => {
      const session = sessions.describe(req)
      // Nothing to follow: 204 tells a browser not to ask again.
      if (!session) return void res.status(204).end()
      if (!live.open(session.handle, res)) throw new HttpError(503, 'Too many open windows', { headers: { 'Retry-After': '60' } })
    }
  })
  return router
}

/** Has the windows look again once a request that may have changed something was answered. */
export function lookAfterChanges(live: Live): RequestHandler {
  return (req: Request, res, next) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') res.once('finish', () => live.look())
    next()
  }
}
