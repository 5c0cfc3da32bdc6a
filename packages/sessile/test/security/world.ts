import '../express/quiet.ts'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { Agent, createServer, request, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { sign } from 'cookie-signature'
import express, { type Express, type Request, type Response } from 'express'
import type { SessionBackend } from '../../src/core/backend.ts'
import { session, type SessionMiddleware } from '../../src/express/factory.ts'
import type { SessionOptions } from '../../src/express/options.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { answersLater } from '../../src/testing/faults.ts'

export const SECRET = 'a lantern that hangs over the harbour wall'
export const NAME = 'visit'

/** `later` is memory that answers in a later turn, as stores over the network do: much goes another way then. */
export type StoreKind = 'memory' | 'sqlite' | 'later'
export type AppRequest = Request & { session: any; sessionID: string }

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly text: string
  /** All Set-Cookie headers. */
  readonly cookies: readonly string[]
  /** The session's cookie as a browser would send it back; `undefined` when none was set, `''` when it was cleared. */
  readonly cookie: string | undefined
  json(): any
}

export interface Ask {
  method?: string
  cookie?: string | undefined
  headers?: Record<string, string | string[]>
  body?: string
}

/** An app with the real middleware on a real store, as most tests of attacks want it. */
export interface World {
  readonly app: Express
  readonly sessions: SessionMiddleware
  readonly backend: SessionBackend
  /** The folder of the store's file, if it has one. */
  readonly folder: string | undefined
  readonly port: number
  /** What came to Express as an error, in order. */
  readonly errors: unknown[]
  ask(path: string, ask?: Ask): Promise<Reply>
  /** Remembers its cookie. */
  browser(): Browser
  /** Sends `POST /slow` and answers when its session is loaded; `finish` lets it write and end. */
  slow(cookie: string): Promise<{ finish(): Promise<Reply> }>
  /** Everything that is stored, key and text, the spaces beside the sessions left out. */
  stored(): Promise<{ key: string; data: string; expiresAt: number; userId?: string | undefined }[]>
}

export interface Browser {
  cookie: string | undefined
  get(path: string, ask?: Ask): Promise<Reply>
  post(path: string, ask?: Ask): Promise<Reply>
}

export interface WorldOptions extends SessionOptions {
  kind?: StoreKind
  /** More routes, or settings of the app; called before the usual ones. */
  prepare?: (app: Express, sessions: SessionMiddleware) => void
  /** In place of the store that `kind` names. */
  wrap?: (backend: SessionBackend) => SessionBackend
  express?: () => Express
}

/** Runs a test once on each store that is always at hand. */
export function onEachStore(name: string, run: (kind: StoreKind, t: TestContext) => Promise<void>): void {
  for (const kind of ['memory', 'sqlite', 'later'] as const) it(`${name} (${kind})`, (t) => run(kind, t))
}

/** A store of that kind, gone when the test ends. */
export function storeOf(t: TestContext, kind: StoreKind): { backend: SessionBackend; folder: string | undefined } {
  if (kind === 'memory') return { backend: memoryStore(), folder: undefined }
  if (kind === 'later') return { backend: answersLater(memoryStore()), folder: undefined }
  const folder = mkdtempSync(join(tmpdir(), 'sessile-world-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { backend: sqliteStore({ file: join(folder, 'sessions.db') }), folder }
}

export async function world(
  t: TestContext,
  { kind = 'memory', prepare, wrap, express: make = express, ...options }: WorldOptions = {}
): Promise<World> {
  const { backend: bare, folder } = storeOf(t, kind)
  const backend = wrap ? wrap(bare) : bare
  const defaults = { secret: SECRET, name: NAME, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' as const } }
  const sessions = session({ ...defaults, store: backend, ...options })
  const errors: unknown[] = []
  const waiting: { arrived(): void; released: Promise<void> }[] = []
  const app = make()
  prepare?.(app, sessions)
  app.use(sessions)
  addRoutes(app, sessions, waiting)
  app.use((error: any, _req: Request, res: Response, _next: unknown) => {
    errors.push(error)
    if (!res.headersSent) res.status(error.status ?? 500).json({ error: String(error.message) })
  })
  const { port } = await listen(t, app)
  // after the server, so that no request finds its store closed
  t.after(() => sessions.close())
  const ask = (path: string, given: Ask = {}) => send(port, path, given)

  return {
    app,
    sessions,
    backend,
    folder,
    port,
    errors,
    ask,
    browser: () => browserOf(ask),
    async slow(cookie) {
      let release!: () => void
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      const arrived = new Promise<void>((resolve) => waiting.push({ arrived: resolve, released }))
      const answer = ask('/slow', { method: 'POST', cookie })
      await arrived
      return { finish: () => (release(), answer) }
    },
    async stored() {
      const { records } = await backend.scan!(undefined, 1_000_000)
      return records.map(({ key, record: { data, expiresAt, userId } }) => ({ key, data, expiresAt, userId }))
    }
  }
}

function addRoutes(app: Express, sessions: SessionMiddleware, waiting: { arrived(): void; released: Promise<void> }[]): void {
  const attributes = (req: Request) => {
    const { cookie: _, ...rest } = (req as AppRequest).session as Record<string, any>
    return rest
  }
  const on = (method: 'get' | 'post', path: string, work: (req: AppRequest, res: Response) => unknown) =>
    app[method](path, async (req, res, next) => {
      try {
        const body = await work(req as AppRequest, res)
        if (!res.headersSent) res.json(body ?? {})
      } catch (error) {
        next(error)
      }
    })
  on('get', '/', () => undefined)
  on('get', '/read', (req) => ({
    handle: sessions.describe(req)?.handle ?? null,
    userId: sessions.describe(req)?.userId ?? null,
    data: attributes(req)
  }))
  on('post', '/set', (req) => {
    req.session[String(req.query['name'])] = req.query['value']
  })
  on('post', '/clear', (req) => {
    for (const name of Object.keys(attributes(req))) delete req.session[name]
  })
  on('post', '/login', (req) => req.session.signIn(String(req.query['user'] ?? 7)))
  on('post', '/logout', (req) => req.session.signOut())
  on('post', '/destroy', (req) => req.session.destroy())
  on('post', '/regenerate', (req) => req.session.regenerate())
  on('post', '/renew', (req) => req.session.renew())
  on('post', '/confirm', (req) => sessions.confirm(req))
  on('post', '/count', (req) =>
    req.session.update((draft: any) => {
      draft.count = (draft.count ?? 0) + 1
    })
  )
  on('post', '/slow', async (req) => {
    const { arrived, released } = waiting.shift()!
    const before = attributes(req)
    arrived()
    await released
    req.session.late = 'written'
    return before
  })
}

/** A server on a free port, closed when the test ends. */
export async function listen(t: TestContext, listener: RequestListener): Promise<{ port: number }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port }
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** Sends exactly the headers it is given (fetch adds and forbids some). */
export function send(port: number, path: string, { method = 'GET', cookie, headers = {}, body }: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const all = { ...length, ...headers, ...(cookie === undefined ? {} : { cookie }) }
    const asked = request({ port, host: '127.0.0.1', path, method, agent, headers: all, insecureHTTPParser: false }, (res) => {
      let text = ''
      res.setEncoding('utf8')
      res.on('data', (chunk: string) => {
        text += chunk
      })
      res.on('error', reject)
      res.on('end', () => {
        const cookies = res.headers['set-cookie'] ?? []
        const own = cookies.findLast((one) => /^(__Host-)?visit=/.test(one))?.split(';', 1)[0]
        resolve({
          status: res.statusCode!,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          text,
          cookies,
          cookie: own?.endsWith('=') ? '' : own,
          json: () => JSON.parse(text)
        })
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

function browserOf(ask: World['ask']): Browser {
  const browser: Browser = {
    cookie: undefined,
    async get(path, given = {}) {
      const reply = await ask(path, { cookie: browser.cookie, ...given })
      if (reply.cookie !== undefined) browser.cookie = reply.cookie || undefined
      return reply
    },
    post: (path, given = {}) => browser.get(path, { method: 'POST', ...given })
  }
  return browser
}

/** A cookie for an id, as a browser sends it. */
export function cookieFor(id: string, secret = SECRET, name = NAME): string {
  return `${name}=${encodeURIComponent(`s:${sign(id, secret)}`)}`
}

/** The id in a cookie. */
export function idOf(cookie: string | undefined): string {
  const value = decodeURIComponent(cookie!.slice(cookie!.indexOf('=') + 1))
  return value.slice(2, value.lastIndexOf('.'))
}

/** Every file under a folder, with its path from there. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort()
}
