import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { SessionError } from '../core/errors.ts'
import { resolveOptions } from '../core/options.ts'
import { derive, secretList, type Secret, type Secrets } from '../core/signatures.ts'
import { sendJson } from './answers.ts'
import { crossSiteVerdict } from './cross-site.ts'
import type { CsrfOptions, HttpRequest, Middleware } from './options.ts'

/** A request as `session()` and a body parser leave it. */
type FormRequest = HttpRequest & { readonly sessionID?: string | undefined; readonly body?: unknown }

const NONCE_BYTES = 16
const TOKEN_BYTES = NONCE_BYTES + 32
const DEFAULTS = { field: '_csrf', header: 'x-csrf-token', origins: [] as readonly string[] }

/** The secrets that `csrf()` makes tokens with, for the requests that went through it. */
const secretsOf = new WeakMap<object, Secrets>()
const keys = new Map<Secret, Buffer>()

function keyOf(secret: Secret): Buffer {
  const known = keys.get(secret)
  if (known) return known
  const key = derive(secret, 'csrf', 32)
  keys.set(secret, key)
  return key
}

/** A nonce first, so that the same session has another token in each page: compressed pages give nothing away (BREACH). */
function tokenOf(id: string, nonce: Buffer, secret: Secret): Buffer {
  return Buffer.concat([nonce, createHmac('sha256', keyOf(secret)).update(nonce).update(id).digest()])
}

/**
 * The token for the forms of this answer, also to be sent as a header by scripts: `<input type="hidden" name="_csrf">`.
 * It is of this session's id and dies with it: after `signIn`, `confirm` or `renew`, ask again. A visitor's session begins
 * with it, so that the form to sign in is protected as well. Never put it into an address.
 * @throws SessionError `bad-argument` where `csrf()` does not stand in front, or the request has no session (any more)
 */
export function csrfToken(req: HttpRequest): string {
  const { session, sessionID } = req as FormRequest
  const secrets = secretsOf.get(req)
  if (!secrets) throw new SessionError('bad-argument', 'csrfToken needs csrf() in front of the route.')
  if (!session || typeof sessionID !== 'string')
    throw new SessionError('bad-argument', 'csrfToken needs a session: session() in front of csrf().')
  // a session that nothing was put into is not stored, and the form would come back with another id
  if (Object.keys(session).every((name) => name === 'cookie')) (session as Record<string, unknown>)['csrf'] = true
  return tokenOf(sessionID, randomBytes(NONCE_BYTES), secretList(secrets)[0]!).toString('base64url')
}

/**
 * Whether a token was made for the session of this id. Compared in constant time.
 * @param token whatever came with the request
 */
export function isCsrfToken(token: unknown, id: string | undefined, secrets: Secrets): boolean {
  if (typeof token !== 'string' || id === undefined || !/^[\w-]{64}$/.test(token)) return false
  const given = Buffer.from(token, 'base64url')
  if (given.length !== TOKEN_BYTES) return false
  let isOurs = false
  // every secret is tried, whichever fits
  for (const secret of secretList(secrets)) {
    isOurs = timingSafeEqual(tokenOf(id, given.subarray(0, NONCE_BYTES), secret), given) || isOurs
  }
  return isOurs
}

function givenToken({ headers, body }: FormRequest, field: string, header: string): unknown {
  const sent = headers[header]
  if (sent !== undefined) return sent
  return typeof body === 'object' && body !== null && Object.hasOwn(body, field) ? (body as Record<string, unknown>)[field] : undefined
}

/**
 * For what is as strict as a bank: whatever changes something must come from our own pages (the check of `crossSite`), and
 * carry a token of its session, also where no browser sent it. Others get 403, code `cross-site` or `csrf-token`.
 * Stands after `session()` and the body parsers, in front of the routes; see `csrfToken` for the forms.
 * @throws SessionError `bad-option`
 */
export function csrf<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse>(
  given: CsrfOptions<Req, Res>
): Middleware<Req, Res> {
  const known = [...Object.keys(DEFAULTS), 'secret', 'onRefused']
  type Known = CsrfOptions<Req, Res> & typeof DEFAULTS
  const options = resolveOptions<Known>('csrf', DEFAULTS as Known, given as Partial<Known>, known)
  const { secret, field, origins, onRefused } = options
  const header = options.header.toLowerCase()
  if (!secret || secretList(secret).length === 0) throw new SessionError('bad-option', 'csrf needs a secret, such as the one of session().')
  return (req, res, next) => {
    secretsOf.set(req, secret)
    const verdict = crossSiteVerdict(req.method, req.headers, origins)
    if (verdict === 'safe') return next()
    const isCrossSite = verdict === 'refused'
    if (!isCrossSite && isCsrfToken(givenToken(req, field, header), (req as FormRequest).sessionID, secret)) return next()
    if (onRefused) return onRefused(req, res, next)
    if (isCrossSite) sendJson(res, 403, { error: 'Cross-site request refused', code: 'cross-site' })
    else sendJson(res, 403, { error: 'The form is out of date, please send it again', code: 'csrf-token' })
  }
}
