import type { ErrorRequestHandler, Request } from 'express'
import { isSessionError } from 'sessile'
import { TooBusy } from './accounts/passwords.ts'
import type { Note } from './audit-events.ts'
import { HttpError, invalid } from './http.ts'
import type { Logger } from './log.ts'

/** What somebody was not let do: wrong passwords, too many of them, closed doors. */
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 429])

/**
 * Turns whatever was thrown into an answer of ours: `{ error, code, details? }`, never a stack.
 * @param note is told who was not let do something, unless whoever refused it has told that already
 */
export function errorHandler(log: Logger, note?: Note): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    const answer = httpErrorOf(error)
    if (answer.status >= 500)
      log.error({ err: answer.cause ?? error, method: req.method, route: routeOf(req), status: answer.status }, answer.message)
    if (note && REFUSALS.has(answer.status) && res.locals['noted'] !== true) {
      note('access.denied', { details: { status: answer.status, code: answer.code, method: req.method, route: routeOf(req) } })
    }
    // Too late for another answer: Express ends the connection, so that half of one is not taken for a whole.
    if (res.headersSent) return next(error)
    res.set({ 'Cache-Control': 'no-store', ...answer.headers }).status(answer.status)
    const page = res.locals['errorPage'] as ErrorPage | undefined
    if (!page) return void res.json(answer)
    page(answer).catch((failure) => {
      log.error({ err: failure, route: routeOf(req) }, 'an error page failed')
      if (!res.headersSent) res.type('text').send(answer.message)
    })
  }
}

/** Set by the pages on requests that want one; see `errorHandler`. */
export type ErrorPage = (error: HttpError) => Promise<void>

/** The answer to something thrown. What is not known to us is a fault of ours, and is told to nobody. */
export function httpErrorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  const { type, status, code } = (error ?? {}) as { type?: unknown; status?: unknown; code?: unknown }
  if (typeof type === 'string') return bodyError(type, Number(status))
  if (error instanceof URIError || status === 400) return invalid({ path: 'path', message: 'Cannot be decoded' })
  if (error instanceof TooBusy) return new HttpError(503, 'Service unavailable', { headers: { 'Retry-After': '5' }, cause: error })
  if (isSessionError(error)) {
    if (code === 'gone') return new HttpError(401, 'Session expired', { cause: error })
    if (error.status === 503) return new HttpError(503, 'Service unavailable', { headers: { 'Retry-After': '1' }, cause: error })
    if (error.status < 500) return new HttpError(error.status, error.message, { code: error.code, cause: error })
  }
  return new HttpError(500, 'Internal error', { cause: error })
}

/** @param type what body-parser calls it */
function bodyError(type: string, status: number): HttpError {
  if (type === 'entity.parse.failed') return new HttpError(400, 'Invalid JSON')
  if (type === 'entity.too.large' || type === 'parameters.too.many') return new HttpError(413, 'Body too large')
  if (status === 415) return new HttpError(415, 'Unsupported media type')
  return invalid({ path: 'body', message: 'Cannot be read' })
}

/** Which route it was: its pattern, so that nothing secret that an address may hold gets into a log. */
function routeOf(req: Request): string {
  const { path } = (req.route ?? {}) as { path?: unknown }
  if (typeof path === 'string') return path
  return /^(\/[a-z-]{1,20}){1,3}\/?$/.exec(req.path)?.[0] ?? 'none'
}
