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
import type { Handler } from './exchange.ts'
import { bare, cookiesOf, cpu, handlerOf, median, OPTIONS, WORKLOADS, type Middleware } from './workloads.ts'

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

interface Contender {
  readonly name: string
  readonly make: (more: object) => Middleware
}

const folder = mkdtempSync(join(tmpdir(), 'sessile-bench-'))

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

/** What is to be reached, by workload and payload. */
const ASKED: Record<string, Record<string, readonly number[]>> = {
  memory: { W1: [0.08, 0.08, 0.08], W2: [0.2, 0.2, 0.18], W3: [0.22, 0.2, 0.18], W4: [0.2, 0.2, 0.18], W5: [0.1, 0.05, 0.005] },
  sqlite: { W1: [0.08, 0.08, 0.08], W2: [0.2, 0.3, 0.25], W3: [0.4, 0.3, 0.25], W4: [0.22, 0.3, 0.25], W5: [0.12, 0.06, 0.04] }
}
const PAYLOADS = ['200', '4096', '65536']

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
        const cookies = cookie ? await cookiesOf(middleware, sessions, payload) : [undefined]
        const handler = handlerOf(middleware, use)
        // the first touch of each session is never put off
        await cpu(handler, cookies, cookies.length)
        prepared.push({ name, handler, cookies })
      }
      const count = payload > 10_000 ? 1000 : 6000
      const seen = prepared.map(() => [] as number[])
      for (let round = -1; round < rounds; round++) {
        const floor = await cpu(bare, [undefined], count)
        for (const [at, { handler, cookies }] of prepared.entries()) {
          const one = (await cpu(handler, cookies, count, (round + 1) * count)) - floor
          if (round >= 0) seen[at]!.push(one)
        }
      }
      const base = median(seen[0]!)
      const asked = ASKED[store]?.[workload]?.[PAYLOADS.indexOf(String(payload))]
      for (const [at, { name }] of prepared.entries()) {
        const µs = median(seen[at]!).toFixed(1).padStart(8)
        const ratio = (median(seen[at]!) / base).toFixed(3)
        const beside = at === 0 || asked === undefined ? '' : `(asked ${asked})`
        console.log(`${store.padEnd(7)} ${workload} ${String(payload).padStart(6)} B  ${µs} µs  ${ratio} ${beside.padEnd(13)} ${name}`)
      }
    }
  }
}
rmSync(folder, { recursive: true })

// better-sqlite3-session-store keeps a timer that would keep the process
process.exit()
