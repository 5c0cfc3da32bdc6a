import type { ServerResponse } from 'node:http'
import type { MaybePromise } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'
import { prefersHtml, redirect, requestedPath, sendJson } from './answers.ts'
import type { HttpRequest, Middleware, Refusal } from './options.ts'
import { safeReturnPath } from './return-path.ts'
import { needsStepUp } from './signals.ts'

/** What a guard needs to know of a request's session; `sessions.describe(req)` says it. */
export interface SessionFacts {
  readonly userId?: string | undefined
  /** Epoch ms of the sign-in, or of the last confirmation. */
  readonly signedInAt?: number | undefined
  /** Whether the user was asked to confirm who he is, and has not yet. */
  readonly mustConfirm?: boolean | undefined
  /** What `signals()` keeps is among them. */
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** What all guards take. */
export interface GuardOptions<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse> {
  /** The manager that `session()` returned. Needed by `requireFresh`, which asks it when the user signed in. */
  sessions?: { describe(req: Req): SessionFacts | undefined }
  /** Where people sign in: a refused page is sent there by 303 with `?next=PATH`. Default: pages get JSON as well. */
  loginPath?: string
  /** Whether a request is for a page. Default: its `Accept` prefers HTML. */
  isPage?: (req: Req) => boolean
  /** The text of a 401. */
  message?: string
  /** Answers in place of the guard. */
  onRefused?: (req: Req, res: Res, next: (error?: unknown) => void, refusal: Refusal) => void
}

/** What `requireRole` takes. */
export interface RoleOptions<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse> extends GuardOptions<
  Req,
  Res
> {
  /** The user's role, or roles, read afresh, so that taking one away works at once. */
  roleOf: (userId: string, req: Req) => MaybePromise<string | readonly string[] | undefined>
  /** The text of the 403. Default: `Admin access required` for the role `admin`. */
  forbidden?: string
}

const KNOWN = ['sessions', 'loginPath', 'isPage', 'message', 'onRefused', 'roleOf', 'forbidden'] as const

/** Who is signed in, from what the middleware says or, without a manager, from the session's own `userId` (or passport's). */
function factsOf<Req extends HttpRequest, Res extends ServerResponse>(req: Req, options: GuardOptions<Req, Res>): SessionFacts {
  if (options.sessions) return options.sessions.describe(req) ?? {}
  const session = req.session as { userId?: unknown; passport?: { user?: unknown } } | undefined | null
  const user = session?.userId ?? session?.passport?.user
  return typeof user === 'string' || typeof user === 'number' ? { userId: String(user) } : {}
}

/** The page to come back to: the one asked for, or, for a form, the one it stood on. */
function nextOf(req: HttpRequest): string {
  if (req.method === 'GET' || req.method === 'HEAD') return safeReturnPath(requestedPath(req))
  const referer = URL.parse(req.headers.referer ?? '')
  return referer && referer.host === req.headers.host ? safeReturnPath(referer.pathname + referer.search) : '/'
}

function refuse<Req extends HttpRequest, Res extends ServerResponse>(
  req: Req,
  res: Res,
  next: (error?: unknown) => void,
  options: GuardOptions<Req, Res>,
  refusal: Refusal
): void {
  if (options.onRefused) return options.onRefused(req, res, next, refusal)
  const isPage = options.isPage ? options.isPage(req) : prefersHtml(req.headers.accept)
  if (refusal.status === 401 && options.loginPath !== undefined && isPage) {
    const separator = options.loginPath.includes('?') ? '&' : '?'
    return redirect(res, `${options.loginPath}${separator}next=${encodeURIComponent(nextOf(req))}`)
  }
  sendJson(res, refusal.status, { error: refusal.error, code: refusal.code })
}

function unauthenticated(message = 'Authentication required'): Refusal {
  return { status: 401, error: message, code: 'authentication-required' }
}

/** Lets signed-in users through; others get 401 `Authentication required`, pages a redirect to `loginPath`. */
export function requireUser<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse>(
  given: GuardOptions<Req, Res> = {}
): Middleware<Req, Res> {
  const options = resolveOptions<GuardOptions<Req, Res>>('requireUser', {}, given, KNOWN)
  return (req, res, next) => {
    if (factsOf(req, options).userId !== undefined) return next()
    refuse(req, res, next, options, unauthenticated(options.message))
  }
}

/** Lets users of a role through: 401 for visitors, 403 `Admin access required` for the others. */
export function requireRole<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse>(
  role: string,
  given: RoleOptions<Req, Res>
): Middleware<Req, Res> {
  const options = resolveOptions<RoleOptions<Req, Res>>('requireRole', given, given, KNOWN)
  if (typeof options.roleOf !== 'function') throw new SessionError('bad-option', "requireRole needs roleOf, which reads a user's role.")
  const forbidden: Refusal = {
    status: 403,
    error: options.forbidden ?? `${role.charAt(0).toUpperCase()}${role.slice(1)} access required`,
    code: 'forbidden'
  }
  return (req, res, next) => {
    const { userId } = factsOf(req, options)
    if (userId === undefined) return refuse(req, res, next, options, unauthenticated(options.message))
    const decide = (roles: string | readonly string[] | undefined): void => {
      if (typeof roles === 'string' ? roles === role : roles?.includes(role)) return next()
      refuse(req, res, next, options, forbidden)
    }
    new Promise<string | readonly string[] | undefined>((resolve) => resolve(options.roleOf(userId, req))).then(decide, next).catch(next)
  }
}

/**
 * Lets users through who signed in, or confirmed who they are, not longer than `within` ago;
 * others get 401 `Please sign in again`, code `reauthentication-required`. Who never signed in is not fresh, nor is a session
 * that `signals()` or `sessions.askToConfirm` asks a confirmation of.
 */
export function requireFresh<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse>(
  within: Duration,
  given: GuardOptions<Req, Res> = {}
): Middleware<Req, Res> {
  const withinMs = milliseconds('requireFresh', within)
  const options = resolveOptions<GuardOptions<Req, Res>>('requireFresh', {}, given, KNOWN)
  const stale: Refusal = { status: 401, error: options.message ?? 'Please sign in again', code: 'reauthentication-required' }
  if (!options.sessions) throw new SessionError('bad-option', 'requireFresh needs sessions, the manager that session() returned.')
  return (req, res, next) => {
    const { userId, signedInAt, mustConfirm, attributes } = factsOf(req, options)
    if (userId === undefined) return refuse(req, res, next, options, unauthenticated())
    if (signedInAt !== undefined && mustConfirm !== true && now() - signedInAt <= withinMs && !needsStepUp(attributes, signedInAt))
      return next()
    refuse(req, res, next, options, stale)
  }
}
