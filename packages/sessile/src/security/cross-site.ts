import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { resolveOptions } from '../core/options.ts'
import { sendJson } from './answers.ts'
import type { CrossSiteOptions, HttpRequest, Middleware } from './options.ts'

/**
 * What is said of a request: `safe` changes nothing, `same-origin` is our own page or the address bar, `no-browser` carries
 * none of the headers (every browser sends one with a POST), `allowed` is from an origin that was named, `refused` from elsewhere.
 */
export type CrossSiteVerdict = 'safe' | 'same-origin' | 'no-browser' | 'allowed' | 'refused'

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** The host that a request was sent to, in the form that `origin` of that scheme would have; default ports fall away. */
function ownOrigin(scheme: string, host: string | undefined): string | undefined {
  if (!host || /[/?#@\\\s]/.test(host)) return undefined
  return URL.parse(`${scheme}//${host}`)?.origin
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const url = URL.parse(origin)
  if (!url || !/^https?:$/.test(url.protocol)) return false
  // an origin has no path, user or second value; one that has was not written by a browser
  if (url.origin !== origin.toLowerCase().replace(url.protocol === 'https:' ? /:443$/ : /:80$/, '')) return false
  return url.origin === ownOrigin(url.protocol, host)
}

/** Where neither of the two headers says it, the page that `Referer` names, if it names one: some old browsers sent nothing else. */
function originOf({ referer }: IncomingHttpHeaders): string | undefined {
  const url = referer === undefined ? null : URL.parse(referer)
  return url && /^https?:$/.test(url.protocol) ? url.origin : undefined
}

/**
 * Whether a browser sent a state-changing request from another site: by `Sec-Fetch-Site`, where there is none by `Origin`, and without
 * either by `Referer`.
 * A web socket's handshake is judged alike: call this in the server's `upgrade` listener.
 * @param origins other origins that may
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function crossSiteVerdict(
  method: string | undefined,
  headers: IncomingHttpHeaders,
  origins: readonly string[] = []
): CrossSiteVerdict {
  // a web socket begins with a GET, and carries the cookie to whatever page opened it
  const isSocket = headers.upgrade?.toLowerCase() === 'websocket'
  if (SAFE_METHODS.has(method ?? 'GET') && !isSocket) return 'safe'
  const origin = headers.origin ?? originOf(headers)
  if (origin !== undefined && origins.includes(origin)) return 'allowed'
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'same-origin' : 'refused'
  if (origin === undefined) return 'no-browser'
  return isOwnOrigin(origin, headers.host ?? (headers[':authority'] as string | undefined)) ? 'same-origin' : 'refused'
}

/**
 * Refuses what a browser sends from another site, before anything is changed: 403 `Cross-site request refused`.
 * Use it once, in front of all routes. Requests without `Sec-Fetch-Site`, `Origin` and `Referer` (curl, mobile apps) pass.
 */
export function crossSite<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse>(
  given: CrossSiteOptions<Req, Res> = {}
): Middleware<Req, Res> {
  const { origins = [], onRefused } = resolveOptions<CrossSiteOptions<Req, Res>>('crossSite', {}, given, ['origins', 'onRefused'])
  return (req, res, next) => {
    if (crossSiteVerdict(req.method, req.headers, origins) !== 'refused') return next()
    if (onRefused) return onRefused(req, res, next)
    sendJson(res, 403, { error: 'Cross-site request refused', code: 'cross-site' })
  }
}
