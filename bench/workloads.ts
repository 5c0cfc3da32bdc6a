/** What is measured in process, by all who measure requests: the workloads, sessions of a size, and CPU per request. */
import { exchange, type Handler } from './exchange.ts'

export type Request = { session: Record<string, unknown> }
export type Middleware = (req: unknown, res: unknown, next: (error?: unknown) => void) => void

export interface Workload {
  readonly use: (req: Request) => void
  /** Whether requests come with the cookie of a stored session. */
  readonly cookie: boolean
  /** Beside the usual options. */
  readonly options: object
}

const read = (req: Request) => void req.session['views']

/** W1: no cookie, nothing written. W2: one field is read. W3: a counter is written. W4: rolling. W5: a session nobody looks at. */
export const WORKLOADS: Readonly<Record<string, Workload>> = {
  W1: { use: () => {}, cookie: false, options: {} },
  W2: { use: read, cookie: true, options: {} },
  W3: { use: (req) => void (req.session['views'] = Number(req.session['views'] ?? 0) + 1), cookie: true, options: {} },
  W4: { use: read, cookie: true, options: { rolling: true } },
  W5: { use: () => {}, cookie: true, options: {} }
}

export const OPTIONS = {
  secret: 'a secret for benchmarks alone',
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 3_600_000 }
}

/** Attributes of about so many bytes. */
export function filled(bytes: number): Record<string, unknown> {
  const items: Record<string, unknown> = {}
  let length = 2
  for (let at = 0; length < bytes - 20; at++) {
    const item = { id: at, name: 'a thing in the session', price: at * 100 }
    items[`item${at}`] = item
    length += JSON.stringify(item).length + `"item${at}":,`.length
  }
  return items
}

export function handlerOf(middleware: Middleware, use: (req: Request) => void): Handler {
  return (req, res) => {
    middleware(req, res, (error) => {
      if (error) throw error
      use(req as unknown as Request)
      res.end('{"ok":true}')
    })
  }
}

export const bare: Handler = (_req, res) => void res.end('{"ok":true}')

/** Stores so many sessions. @returns their cookies */
export async function cookiesOf(middleware: Middleware, sessions: number, payload: number): Promise<string[]> {
  const fill = filled(payload)
  const filling = handlerOf(middleware, (req) => Object.assign(req.session, fill, { views: 1 }))
  const cookies: string[] = []
  for (let at = 0; at < sessions; at++) cookies[at] = (await exchange(filling, undefined))!.split(';')[0]!
  return cookies
}

/** µs of CPU of this process per request. Goes on through the cookies where `from` says, so that all of them come up. */
export async function cpu(handler: Handler, cookies: readonly (string | undefined)[], count: number, from = 0): Promise<number> {
  const before = process.cpuUsage()
  for (let at = from; at < from + count; at++) await exchange(handler, cookies[at % cookies.length])
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

export const median = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other)[numbers.length >> 1]!
