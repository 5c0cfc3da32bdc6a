import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Action } from './api-types.ts'
import { DashboardApi, problem, problemOf, type Answer, type Question } from './dashboard-api.ts'
import { resolveDashboard, type DashboardOptions, type DashboardSessions, type ResolvedDashboard } from './dashboard-options.ts'
import { LiveFeed } from './live-feed.ts'
import type { HttpRequest, Middleware } from './options.ts'
import { PAGE } from './page.generated.ts'

/** A router to be mounted at any path, with what ends it. */
export interface Dashboard<Req extends HttpRequest = HttpRequest> extends Middleware<Req> {
  /** How many pages listen. */
  readonly clients: number
  /** Ends the streams of all open pages: before the server closes, which waits for what is in flight. */
  close(): void
}

const SECURITY = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY'
}
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' }
const MAX_BODY = 4096
const MIN_GZIP = 1000
const compressed = new Map<string, Buffer>()

/**
 * The dashboard: `app.use('/admin/dashboard', dashboard(sessions, { activity, authorize }))`, for Express, Connect or a plain
 * server. Nobody may look unless `authorize` says `true`. Ids never leave the server, and values of attributes only those that
 * `show` names.
 * @throws SessionError `bad-option`
 */
export function dashboard<Req extends HttpRequest = HttpRequest>(
  sessions: DashboardSessions,
  given: DashboardOptions<Req>
): Dashboard<Req> {
  const options = resolveDashboard(sessions, given)
  const api = new DashboardApi(options)
  const feed = new LiveFeed(options, api)
  const middleware: Middleware<Req> = (req, res, next) => {
    serve(options, api, feed, req, res).catch((error: unknown) => (res.headersSent ? res.destroy() : next(error)))
  }
  const close = (): void => {
    feed.close()
    api.health.close()
  }
  return Object.defineProperty(Object.assign(middleware, { close }), 'clients', { get: () => feed.size }) as Dashboard<Req>
}

async function serve(options: ResolvedDashboard, api: DashboardApi, feed: LiveFeed, req: HttpRequest, res: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY)) res.setHeader(name, value)
  if (!(await isAuthorized(options, req))) return send(req, res, problem(403, 'forbidden', 'You may not look at the sessions.'))
  const [path = '', search = ''] = (req.url ?? '/').split('?')
  const isRead = req.method === 'GET' || req.method === 'HEAD'
  const name = path.slice(1)
  if (isRead && path === '/' && !requestedPath(req).endsWith('/')) return redirect(req, res)
  if (isRead && path === '/') return sendFile(req, res, 'index.html')
  if (isRead && Object.hasOwn(PAGE, name)) return sendFile(req, res, name)
  if (!name.startsWith('api/')) return send(req, res, problem(404, 'not-found', 'There is nothing here.'))
  try {
    const question = await questionOf(options, req, search)
    if (isRead && name === 'api/live') return await stream(feed, req, res, question)
    if (isRead) return send(req, res, await api.ask(name.slice(4), question))
    if (req.method === 'POST' && name === 'api/act') return send(req, res, await act(api, req, question))
    send(req, res, problem(405, 'method-not-allowed', 'That can only be read.'))
  } catch (error) {
    if (res.headersSent) throw error
    send(req, res, problemOf(error))
  }
}

async function isAuthorized({ authorize }: ResolvedDashboard, req: HttpRequest): Promise<boolean> {
  try {
    return (await authorize(req)) === true
  } catch {
    return false
  }
}

async function questionOf(options: ResolvedDashboard, req: HttpRequest, search: string): Promise<Question> {
  return {
    own: options.sessions.describe(req)?.handle,
    userId: options.viewerOf(req),
    fresh: (await options.fresh(req)) === true,
    query: new URLSearchParams(search)
  }
}

async function stream(feed: LiveFeed, req: HttpRequest, res: ServerResponse, { own, query }: Question): Promise<void> {
  const last = req.headers['last-event-id'] ?? query.get('after') ?? ''
  const lastSeen = /^\d{1,16}$/.test(String(last)) ? Number(last) : undefined
  if (req.method === 'HEAD') return send(req, res, { status: 200, body: {} })
  if (await feed.open(res, own, lastSeen)) return
  res.setHeader('Retry-After', '30')
  send(req, res, problem(503, 'too-many-pages', 'Too many pages of the dashboard are open.'))
}

/** A form of another site can send neither this header nor JSON. */
async function act(api: DashboardApi, req: HttpRequest, question: Question): Promise<Answer> {
  const site = req.headers['sec-fetch-site']
  if (req.headers['x-sessile-dashboard'] !== '1' || (site !== undefined && site !== 'same-origin')) {
    return problem(403, 'cross-site', 'That did not come from the dashboard.')
  }
  const action = actionOf(await bodyOf(req))
  return action ? api.act(action, question) : problem(400, 'bad-argument', 'There is no such action.')
}

function actionOf(body: unknown): Action | undefined {
  const { action, handle, userId } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  if ((action === 'end' || action === 'extend' || action === 'ask-to-confirm') && typeof handle === 'string') return { action, handle }
  if (action === 'end-user' && typeof userId === 'string' && userId !== '') return { action, userId }
  return action === 'end-others' || action === 'end-everybody' ? { action } : undefined
}

/** The body as JSON; read here unless the app has done so. */
async function bodyOf(req: IncomingMessage & { body?: unknown }): Promise<unknown> {
  if (req.body !== undefined) return req.body
  let text = ''
  for await (const chunk of req.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > MAX_BODY) return undefined
  }
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function requestedPath(req: HttpRequest): string {
  return (req.originalUrl ?? req.url ?? '/').split('?')[0]!
}

/** The page's addresses are relative, so it needs the slash. */
function redirect(req: HttpRequest, res: ServerResponse): void {
  // never to another host, whatever was asked for
  const path = `/${requestedPath(req).replace(/^[/\\]+/, '')}/`
  res.writeHead(308, { Location: path })
  res.end()
}

function sendFile(req: HttpRequest, res: ServerResponse, name: string): void {
  const text = PAGE[name]!
  res.setHeader('Content-Type', `${TYPES[name.split('.').at(-1)!] ?? 'application/octet-stream'}; charset=utf-8`)
  // its name has the hash of what is in it
  if (name !== 'index.html') res.setHeader('Cache-Control', 'private, max-age=31536000, immutable')
  let body: string | Buffer = text
  if (/\bgzip\b/.test(String(req.headers['accept-encoding'] ?? '')) && text.length > MIN_GZIP) {
    body = compressed.get(name) ?? gzipSync(text, { level: 9 })
    compressed.set(name, body as Buffer)
    res.setHeader('Content-Encoding', 'gzip')
  }
  res.setHeader('Vary', 'Accept-Encoding')
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.statusCode = 200
  res.end(req.method === 'HEAD' ? undefined : body)
}

function send(req: HttpRequest, res: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body)
  res.statusCode = status
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  res.setHeader('Content-Length', Buffer.byteLength(text))
  res.end(req.method === 'HEAD' ? undefined : text)
}
