import { parse as parseCookies } from 'cookie'
import { unsign } from 'cookie-signature'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { isSessionError } from 'sessile'
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
  /** In front of everything: a session that owes a new password may do that, sign in or out, and nothing else. */
  readonly owing: RequestHandler
}

/** @param roleOf read afresh for each request, so that a role that was taken away, or an account, is gone at once */
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

  const user = requireUser<Request, Response>({ sessions, onRefused }) as RequestHandler
  const admin = requireRole<Request, Response>('admin', { sessions, roleOf, onRefused }) as RequestHandler

  /** Closing or deleting an account ends its sessions; should the store fail in the middle of that, what is left of them ends here. */
  async function stillThere(req: Request, res: Response, next: NextFunction): Promise<void> {
    if ((await roleOf(String(req.session.userId))) !== undefined) return next()
    await req.session.signOut()
    onRefused(req, res, next, { status: 401, error: 'Authentication required', code: 'authentication-required' })
  }

  /** A session that was begun with fewer rights gets a new id with the first use of more of them. */
  async function renewed(req: Request, _res: Response, next: NextFunction): Promise<void> {
    if (req.session.role !== 'admin') {
      req.session.role = 'admin'
      await req.session.renew().catch((error: unknown) => {
        // Another request of the session was faster.
        if (!isSessionError(error) || error.code !== 'gone') throw error
      })
    }
    next()
  }

  return {
    signedIn: inTurn(user, stillThere),
    admin: inTurn(admin, renewed),
    fresh: requireFresh<Request, Response>('15m', { sessions, onRefused }) as RequestHandler,
    owing(req, res, next) {
      if (req.session?.mustChangePassword !== true || ALLOWED_WHILE_OWING.has(req.path)) return next()
      if (wantsPage(req) && (req.method === 'GET' || req.method === 'HEAD')) return res.redirect(303, '/account/new-password')
      next(new HttpError(403, 'Password change required'))
    }
  }
}

const ALLOWED_WHILE_OWING: ReadonlySet<string> = new Set(['/account/new-password', '/account/password', '/login', '/logout'])

/** Two middlewares as one. */
function inTurn(first: RequestHandler, second: (req: Request, res: Response, next: NextFunction) => Promise<void>): RequestHandler {
  return (req, res, next) => {
    first(req, res, (error?: unknown) => {
      if (error !== undefined) next(error)
      else second(req, res, next).catch(next)
    })
  }
}

/** The page to come back to: the one asked for, or the one that a form stood on. */
function pageOf(req: Request): string {
  if (req.method === 'GET' || req.method === 'HEAD') return req.originalUrl
  return (req.res?.locals['form'] as { page: string } | undefined)?.page ?? '/'
}
