import type { MaybePromise } from '../core/backend.ts'
import { isPromise } from '../core/maybe.ts'
import type { Loaded } from '../core/loaded.ts'
import type { Secret } from '../core/signatures.ts'
import { throwLater } from './callback.ts'
import { debug, ownerOf, type Context } from './context.ts'
import { requestCookie } from './cookie-header.ts'
import { Finish } from './finish.ts'
import { RequestSession } from './request-session.ts'
import { holdResponse } from './response.ts'
import { OWNER, type Next, type SessionRequest, type SessionResponse } from './types.ts'

const SLASH = 47

/** Whether the store said that it is connected. */
export interface Readiness {
  ready: boolean
}

/**
 * One request: find its cookie, load its session or make one, hand over, and bring the session to the store before the response ends.
 * @param deprecateFallback told when a cookie was found outside of the Cookie header
 */
export function handle(
  context: Context,
  readiness: Readiness,
  req: SessionRequest,
  res: SessionResponse,
  next: Next,
  deprecateFallback: () => void
): void {
  const owner = ownerOf<RequestSession>(req)
  if (owner ? owner.current() : req.session) return next()
  if (!readiness.ready) {
    debug('store is disconnected')
    return next()
  }
  if (!isWithin(req, context.pathFor(req))) {
    debug('pathname mismatch')
    return next()
  }
  const secrets = context.options.secrets ?? (req.secret ? [req.secret as Secret] : undefined)
  if (!secrets) return next(new Error('secret option required for sessions'))

  if (!context.warnings.hasMet) context.warnings.meet(req, context.options.proxy)
  req.sessionStore = context.store
  const cookie = requestCookie(req, context.options.name, secrets, deprecateFallback)
  const { id } = cookie
  req.sessionID = id
  const of = new RequestSession(context, req, res, next, secrets, cookie)
  if (id === undefined) {
    if (debug.enabled) debug('no valid cookie, generating session')
    return handOver(of, undefined)
  }
  if (debug.enabled) debug('fetching')
  let answer: MaybePromise<Loaded | undefined>
  try {
    answer = context.load(id)
  } catch (error) {
    return failed(of, error)
  }
  if (!isPromise(answer)) return handOver(of, answer)
  answer.then(
    (loaded) => outside(() => handOver(of, loaded)),
    (error) => outside(() => failed(of, error))
  )
}

function isWithin(req: SessionRequest, path: string): boolean {
  // nearly all: the whole site, asked in the usual form
  return (path === '/' && (req.originalUrl ?? req.url ?? '').charCodeAt(0) === SLASH) || pathOf(req).startsWith(path)
}

/** The path as the client asked for it, also under a mount point. */
function pathOf(req: SessionRequest): string {
  const url = req.originalUrl ?? req.url ?? ''
  const query = url.search(/[?#]/)
  let path = query === -1 ? url : url.slice(0, query)
  // absolute-form, as proxies are asked
  if (path.charCodeAt(0) !== SLASH) path = path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
  return path || '/'
}

function failed({ context, next }: RequestSession, error: unknown): void {
  if (context.options.onStoreError === 'continue') return next()
  next(error)
}

function handOver(of: RequestSession, loaded: Loaded | undefined): void {
  const { context, req, res, next } = of
  const before = ownerOf<RequestSession>(req)
  ;(req as unknown as { [OWNER]: RequestSession })[OWNER] = of
  try {
    if (loaded) of.adopt(loaded)
    else {
      const { sessionID } = req
      if (sessionID !== undefined) context.events.emit('unknown-id', () => ({ handle: context.handleOf(context.keyOf(sessionID)) }))
      context.generate(req)
    }
  } catch (error) {
    ;(req as unknown as { [OWNER]: RequestSession | undefined })[OWNER] = before
    delete req.session
    return next(error)
  }
  holdResponse(res, new Finish(of), context.options.onStoreError === 'fail')
  next()
}

/** Runs what may throw (the app's own code does, in `next`) outside of the promise, as a callback would. */
function outside(call: () => void): void {
  try {
    call()
  } catch (error) {
    throwLater(error)
  }
}
