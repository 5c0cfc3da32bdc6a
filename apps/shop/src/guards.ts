import { parse as parseCookies } from 'cookie'
import { unsign } from 'cookie-signature'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { type Refusal, requireFresh, requireRole, requireUser } from 'sessile/security'
import type { Role } from './database/schema.ts'
import { HttpError, wantsPage } from './http.ts'
import { type Sessions, sessionCookieName } from './sessions.ts'
import type { Config } from './config.ts'

/** Who is let through. Everybody else gets 401 or 403; a page sends its visitor to sign in, or to confirm, and back. */
export interface Guards {
  readonly signedIn: RequestHandler
  readonly admin: RequestHandler
  /** Signed in, or confirmed, within the last 15 minutes. */
  readonly fresh: RequestHandler
}

/** @param roleOf read afresh for each request, so that a role that was taken away is gone at once */
export function createGuards(config: Config, sessions: Sessions, roleOf: (userId: string) => Promise<Role | undefined>): Guards {
  const cookieName = sessionCookieName(config)

  /** Whether a request brought a cookie that we signed and whose session is no more. */
  function hadSession(req: Request): boolean {
    const value = parseCookies(req.headers.cookie ?? '')[cookieName]
    return (
      value !== undefined &&
      value.startsWith('s:') &&
      sessions.describe(req) === undefined &&
      config.secrets.some((secret) => unsign(value.slice(2), secret) !== false)
    )
  }

  function onRefused(req: Request, res: Response, next: NextFunction, { status, error, code }: Refusal): void {
    if (status === 401 && wantsPage(req)) {
      const path = code === 'reauthentication-required' ? '/account/confirm' : '/login'
      return res.redirect(303, `${path}?next=${encodeURIComponent(pageOf(req))}`)
    }
    if (code === 'authentication-required' && hadSession(req)) return next(new HttpError(401, 'Session expired'))
    next(new HttpError(status, error, { code }))
  }

  return {
    signedIn: requireUser<Request, Response>({ sessions, onRefused }) as RequestHandler,
    admin: requireRole<Request, Response>('admin', { sessions, roleOf, onRefused }) as RequestHandler,
    fresh: requireFresh<Request, Response>('15m', { sessions, onRefused }) as RequestHandler
  }
}

/** The page to come back to: the one asked for, or the one that a form stood on. */
function pageOf(req: Request): string {
  if (req.method === 'GET' || req.method === 'HEAD') return req.originalUrl
  return (req.res?.locals['form'] as { page: string } | undefined)?.page ?? '/'
}
