/**
 * CPU per request of the session middleware alone, ours beside express-session with the usual store, for people who choose
 * between them. In process, no network; figures are ratios inside one run. `--rounds N`, `--sessions N`, `--payload B`, `--store NAME`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { exchange, type Handler } from './exchange.ts'

const require = createRequire(import.meta.url)
const sessile = require('sessile')
const expressSession = require('express-session')
const betterSqlite3SessionStore = require('better-sqlite3-session-store')

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    sessions: { type: 'string', default: '20000' },
    payload: { type: 'string', multiple: true, default: ['200', '4096', '65536'] },
    store: { type: 'string', multiple: true, default: ['memory', 'sqlite'] }
  }
})

type Request = { session: Record<string, unknown> }
type Middleware = (req: unknown, res: unknown, next: (error?: unknown) => void) => void
interface Contender {
  readonly name: string
  readonly make: (more: object) => Middleware
}

const folder = mkdtempSync(join(tmpdir(), 'sessile-bench-'))
const OPTIONS = { secret: 'a secret for benchmarks alone', resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } }

/** What each store costs with its usual companion on the same engine. */
const contenders: Record<string, () => { theirs: Contender; ours: Contender[] }> = {
  memory: () => ({
    theirs: { name: 'express-session, MemoryStore', make: (more) => expressSession({ ...OPTIONS, ...more }) },
    ours: [{ name: 'sessile, memory', make: (more) => sessile({ ...OPTIONS, ...more, store: 'memory:' }) }]
  }),
  sqlite: () => {
    let files = 0
    const client = () => {
      const database = new DatabaseSync(join(folder, `theirs-${files++}.db`))
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
      return database
    }
    const Store = betterSqlite3SessionStore(expressSession)
    const store = () => `sqlite:${join(folder, `ours-${files++}.db`)}`
    return {
      theirs: {
        name: 'express-session, better-sqlite3-session-store',
        make: (more) => expressSession({ ...OPTIONS, ...more, store: new Store({ client: client() }) })
      },
      ours: [
        { name: 'sessile, SQLite', make: (more) => sessile({ ...OPTIONS, ...more, store: store() }) },
        { name: 'sessile, SQLite, throttled touch', make: (more) => sessile({ ...OPTIONS, ...more, store: store(), touchSlack: '30s' }) }
      ]
    }
  }
}

const filled = (bytes: number) => {
  const items: Record<string, unknown> = {}
  for (let at = 0; JSON.stringify(items).length < bytes - 20; at++)
    items[`item${at}`] = { id: at, name: 'a thing in the session', price: at * 100 }
  return items
}

const WORKLOADS: Record<string, { use: (req: Request) => void; cookie: boolean; options: object }> = {
  W1: { use: () => {}, cookie: false, options: {} },
  W2: { use: (req) => void req.session['views'], cookie: true, options: {} },
  W3: { use: (req) => void (req.session['views'] = Number(req.session['views'] ?? 0) + 1), cookie: true, options: {} },
  W4: { use: (req) => void req.session['views'], cookie: true, options: { rolling: true } },
  W5: { use: () => {}, cookie: true, options: {} }
}

const handlerOf =
  (middleware: Middleware, use: (req: Request) => void): Handler =>
  (req, res) => {
    middleware(req, res, (error) => {
      if (error) throw error
      use(req as unknown as Request)
      res.end('{"ok":true}')
    })
  }

/** µs of CPU of this process per request. */
async function cpu(handler: Handler, cookies: readonly (string | undefined)[], count: number): Promise<number> {
  const before = process.cpuUsage()
  for (let at = 0; at < count; at++) await exchange(handler, cookies[at % cookies.length])
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const median = (numbers: readonly number[]) => numbers.toSorted((one, other) => one - other)[numbers.length >> 1]!

const bare: Handler = (_req, res) => void res.end('{"ok":true}')
const rounds = Number(values.rounds)
console.log(`Node ${process.version}, ${rounds} rounds; µs of CPU per request over the bare handler (median), ratio to express-session`)
for (const store of values.store) {
  for (const payload of values.payload.map(Number)) {
    const sessions = Math.max(1000, Math.min(Number(values.sessions), Math.floor(2e8 / payload)))
    for (const [workload, { use, cookie, options }] of Object.entries(WORKLOADS)) {
      const { theirs, ours } = contenders[store]!()
      const all = [theirs, ...ours]
      const prepared: { name: string; handler: Handler; cookies: (string | undefined)[] }[] = []
      for (const { name, make } of all) {
        const middleware = make(options)
        const fill = filled(payload)
        const filling = handlerOf(middleware, (req) => Object.assign(req.session, fill, { views: 1 }))
        const cookies: (string | undefined)[] = [undefined]
        if (cookie) for (let at = 0; at < sessions; at++) cookies[at] = (await exchange(filling, undefined))!.split(';')[0]
        prepared.push({ name, handler: handlerOf(middleware, use), cookies })
      }
      const count = payload > 10_000 ? 1000 : 6000
      const seen = prepared.map(() => [] as number[])
      for (let round = -1; round < rounds; round++) {
        const floor = await cpu(bare, [undefined], count)
        for (const [at, { handler, cookies }] of prepared.entries()) {
          const one = (await cpu(handler, cookies, count)) - floor
          if (round >= 0) seen[at]!.push(one)
        }
      }
      const base = median(seen[0]!)
      for (const [at, { name }] of prepared.entries()) {
        console.log(
          `${store.padEnd(7)} ${workload} ${String(payload).padStart(6)} B  ${median(seen[at]!).toFixed(1).padStart(8)} µs  ${(median(seen[at]!) / base).toFixed(3)}  ${name}`
        )
      }
    }
  }
}
rmSync(folder, { recursive: true })

// better-sqlite3-session-store keeps a timer that would keep the process
process.exit()
