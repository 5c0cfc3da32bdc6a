import './quiet.ts'
import { EventEmitter } from 'node:events'
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import originalSession from 'express-session'
import { sign } from 'cookie-signature'
import { Cookie, MemoryStore, Session, session, Store } from '../../src/entries/index.ts'

/** The package as `require` gives it, and express-session itself: what the statements say holds of both. */
export const ours: any = Object.assign((...given: any[]) => session(...given), { Store, MemoryStore, Cookie, Session })
export const original: any = originalSession

export const SECRET = 'teal lantern'

/** A test of a statement, for this package and for the original that it describes. */
export function both(name: string, run: (session: any, t: TestContext) => void | Promise<void>): void {
  test(name, (t) => run(ours, t))
  test(`${name} (express-session itself)`, (t) => run(original, t))
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: string
  readonly bytes: Buffer
  /** All Set-Cookie headers. */
  readonly cookies: readonly string[]
  /** `name=value` of the session's cookie, if one was set. */
  readonly cookie: string | undefined
  json(): any
}

export interface Ask {
  method?: string
  cookie?: string | undefined
  headers?: Record<string, string>
  name?: string
}

export interface Running {
  readonly server: Server
  readonly port: number
  /** What came to `next` as an error, in order. */
  readonly errors: unknown[]
  get(path?: string, ask?: Ask): Promise<Answer>
}

type Handler = (req: any, res: any) => unknown

/** A server with the middleware and a handler, closed when the test ends. Errors answer 500 with their message. */
export async function serve(
  t: TestContext,
  middleware: any,
  handler: Handler = (_, res) => res.end(),
  before?: (req: any, res: any) => void
): Promise<Running> {
  const errors: unknown[] = []
  return listen(t, errors, (req, res) => {
    before?.(req, res)
    middleware(req, res, (error: unknown) => {
      if (error) {
        errors.push(error)
        if (res.headersSent) return
        res.statusCode = (error as { status?: number }).status ?? 500
        res.end(String((error as Error).message ?? error))
        return
      }
      handler(req, res)
    })
  })
}

export async function listen(t: TestContext, errors: unknown[], handler: Handler): Promise<Running> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { server, port, errors, get: (path = '/', ask = {}) => fetchFrom(port, path, ask) }
}

export function fetchFrom(
  port: number,
  path: string,
  { method = 'GET', cookie, headers = {}, name = 'connect.sid' }: Ask = {}
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port, host: '127.0.0.1', path, method, agent: false, headers: { ...headers, ...(cookie ? { cookie } : {}) } },
      (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', reject)
        res.on('end', () => {
          const bytes = Buffer.concat(chunks)
          const cookies = res.headers['set-cookie'] ?? []
          const body = bytes.toString()
          resolve({
            status: res.statusCode!,
            headers: res.headers,
            rawHeaders: res.rawHeaders,
            bytes,
            body,
            cookies,
            cookie: cookies.find((one) => one.startsWith(`${name}=`))?.split(';', 1)[0],
            json: () => JSON.parse(body)
          })
        })
      }
    )
    asked.on('error', reject)
    asked.end()
  })
}

/** Options that most tests want. */
export function options(more: object = {}): object {
  return { secret: SECRET, resave: false, saveUninitialized: false, ...more }
}

/** A cookie for an id, as a browser sends it. */
export function cookieFor(id: string, secret = SECRET, name = 'connect.sid'): string {
  return `${name}=${encodeURIComponent(`s:${sign(id, secret)}`)}`
}

/** The id in a cookie. */
export function idOf(cookie: string | undefined): string {
  const value = decodeURIComponent(cookie!.slice(cookie!.indexOf('=') + 1))
  return value.slice(2, value.lastIndexOf('.'))
}

/** The attributes of a Set-Cookie header, by their lower-case names. */
export function attributesOf(header: string | undefined): Record<string, string | true> {
  const parts = header!
    .split('; ')
    .slice(1)
    .map((part) => part.split('='))
  return Object.fromEntries(parts.map(([name, value]) => [name!.toLowerCase(), value ?? true]))
}

/** A store as other packages write them, for counting, delaying and failing. */
export class PlainStore extends EventEmitter {
  readonly records = new Map<string, string>()
  readonly calls: string[] = []
  /** How an answer is brought: at once, or in a later turn. */
  answer: (call: () => void) => void
  failing: Record<string, unknown> = {}
  generate: any

  constructor(answer: (call: () => void) => void = setImmediate) {
    super()
    this.answer = answer
  }

  count(name: string): number {
    return this.calls.filter((call) => call === name).length
  }

  #do(name: string, callback: any, work: () => unknown): void {
    this.calls.push(name)
    const value = this.failing[name] ? undefined : work()
    this.answer(() => (this.failing[name] ? callback?.(this.failing[name]) : callback?.(null, value)))
  }

  get(id: string, callback: any): void {
    this.#do('get', callback, () => {
      const text = this.records.get(id)
      return text && JSON.parse(text)
    })
  }

  set(id: string, session: any, callback: any): void {
    this.#do('set', callback, () => void this.records.set(id, JSON.stringify(session)))
  }

  destroy(id: string, callback: any): void {
    this.#do('destroy', callback, () => void this.records.delete(id))
  }

  touch(id: string, session: any, callback: any): void {
    this.#do('touch', callback, () => {
      const text = this.records.get(id)
      if (text) this.records.set(id, JSON.stringify({ ...JSON.parse(text), cookie: session.cookie }))
    })
  }
}

/** A `PlainStore` that the original can use as well, which asks more of a store. */
export function plainStore(session: any, answer?: (call: () => void) => void): PlainStore {
  const store = new PlainStore(answer)
  if (session !== original) return store
  const { createSession, regenerate, load } = session.Store.prototype
  return Object.assign(store, { createSession, regenerate, load })
}

export const atOnce = (call: () => void) => call()

/** Resolves to what a call with a callback gave. */
export function called<T = any>(call: (callback: (error?: any, value?: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => void call((error, value) => (error ? reject(error) : resolve(value as T))))
}

export function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The kinds of stores that go different ways through the middleware: ours, ours with methods replaced, others' (late, and at once). */
export function storesOf(session: any): Record<string, () => any> {
  const replaced = () => {
    const store = new session.MemoryStore()
    for (const name of ['get', 'set', 'destroy', 'touch']) {
      const own = store[name]
      store[name] = function slow(this: any, ...given: any[]) {
        setTimeout(() => own.apply(this, given), 2)
      }
    }
    return store
  }
  return {
    memory: () => new session.MemoryStore(),
    replaced,
    late: () => plainStore(session),
    'at once': () => plainStore(session, atOnce)
  }
}

/** As `both`, once for each kind of store. */
export function allStores(name: string, run: (session: any, t: TestContext, store: any) => void | Promise<void>): void {
  for (const [kind, make] of Object.entries(storesOf(ours))) test(`${name} (store: ${kind})`, (t) => run(ours, t, make()))
  for (const [kind, make] of Object.entries(storesOf(original)))
    test(`${name} (express-session itself, store: ${kind})`, (t) => run(original, t, make()))
}

/** Counts calls of a method of a store from now on. */
export function counted(store: any, name: string): { calls: any[][] } {
  const own = store[name]
  const seen = { calls: [] as any[][] }
  store[name] = function counting(this: any, ...given: any[]) {
    seen.calls.push(given)
    return own.apply(this, given)
  }
  return seen
}
