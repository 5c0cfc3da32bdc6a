/** One of those that are compared, in a process of its own: sessions in its store, requests, and what they took of this process. */
import { createRequire } from 'node:module'
import type { ServerKind } from '@sessile/test-servers'
import { exchange, type Handler } from './exchange.ts'
import { bare, filled, handlerOf, OPTIONS, WORKLOADS, type Middleware } from './workloads.ts'

const require = createRequire(import.meta.url)

export const SIDES = ['theirs', 'ours', 'throttled'] as const
export type Side = (typeof SIDES)[number]

/** What a process is asked for; it answers with numbers. */
export type Task =
  | { readonly what: 'begin'; readonly side: Side; readonly kind: ServerKind; readonly url: string }
  /** Stores sessions, and asks for each once: the first touch is never put off. */
  | { readonly what: 'fill'; readonly sessions: number; readonly payload: number }
  /** µs of CPU for a request, over the bare handler. */
  | { readonly what: 'cpu'; readonly workload: string; readonly count: number }
  /** µs that each request took, one at a time. */
  | { readonly what: 'latency'; readonly workload: string; readonly count: number }
  /** Requests one at a time, over another way to the same server; tells how long the text is that a save sends to be compared. */
  | { readonly what: 'ask'; readonly workload: string; readonly count: number; readonly url: string }

/** How many requests are under way at once where CPU is measured. */
const AT_ONCE = 8
/** Longer than all measurements of one payload, so that what may be put off is put off in all of them. */
const SLACK = '20m'

/** What people use with express-session, set up as its README says. */
const THEIRS: Partial<Record<ServerKind, (url: string) => Promise<unknown>>> = {
  async redis(url) {
    const { RedisStore } = require('connect-redis')
    const client = require('redis').createClient({ url })
    await client.connect()
    return new RedisStore({ client })
  },
  async postgres(url) {
    const Store = require('connect-pg-simple')(require('express-session'))
    const store = new Store({ conString: url, tableName: 'theirs', createTableIfMissing: true, pruneSessionInterval: false })
    // it creates its table at the first use, and two at once are in each other's way
    await new Promise((resolve) => store.get('none', resolve))
    return store
  },
  async mongo(url) {
    const { MongoStore } = require('connect-mongo')
    return MongoStore.create({ mongoUrl: url, collectionName: 'theirs' })
  }
}

let side: Side
let kind: ServerKind
let serverUrl = ''
let cookies: readonly string[] = []
let next = 0
const handlers = new Map<string, Handler>()
/** What our middleware stands on. */
let backend: { read(key: string): Promise<{ version: unknown } | undefined> } | undefined

async function middlewareOf(options: object, url: string): Promise<Middleware> {
  if (side === 'theirs') return require('express-session')({ ...OPTIONS, ...options, store: await THEIRS[kind]!(url) })
  const sessions = require('sessile')({ ...OPTIONS, ...options, store: url, ...(side === 'throttled' ? { touchSlack: SLACK } : {}) })
  await sessions.ready()
  backend = sessions.backend
  return sessions
}

async function handlerFor(workload: string, url = serverUrl): Promise<Handler> {
  const name = `${workload} ${url}`
  const { use, options } = WORKLOADS[workload]!
  const handler = handlers.get(name) ?? handlerOf(await middlewareOf(options, url), use)
  handlers.set(name, handler)
  return handler
}

/** The cookie of the next request: all of them come up. */
function cookieFor(workload: string): string | undefined {
  return WORKLOADS[workload]!.cookie ? cookies[next++ % cookies.length] : undefined
}

async function atOnce(count: number, one: () => Promise<unknown>): Promise<void> {
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

async function cpuOf(count: number, one: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await atOnce(count, one)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

async function done(task: Task): Promise<readonly number[]> {
  switch (task.what) {
    case 'begin':
      ;({ side, kind, url: serverUrl } = task)
      return []
    case 'fill': {
      const fill = filled(task.payload)
      const filling = handlerOf(await middlewareOf({}, serverUrl), (req) => Object.assign(req.session, fill, { views: 1 }))
      const made: string[] = []
      await atOnce(task.sessions, async () => void made.push((await exchange(filling, undefined))!.split(';')[0]!))
      cookies = made
      const handler = await handlerFor('W2')
      await atOnce(cookies.length, () => exchange(handler, cookieFor('W2')))
      return []
    }
    case 'cpu': {
      const handler = await handlerFor(task.workload)
      const floor = await cpuOf(task.count, () => exchange(bare, undefined))
      return [(await cpuOf(task.count, () => exchange(handler, cookieFor(task.workload)))) - floor]
    }
    case 'latency': {
      const handler = await handlerFor(task.workload)
      const took: number[] = []
      for (let at = 0; at < task.count; at++) {
        const start = performance.now()
        await exchange(handler, cookieFor(task.workload))
        took.push((performance.now() - start) * 1000)
      }
      return took
    }
    case 'ask': {
      const handler = await handlerFor(task.workload, task.url)
      for (let at = 0; at < task.count; at++) await exchange(handler, cookieFor(task.workload))
      return [task.workload === 'W3' ? await comparedText() : 0]
    }
  }
}

/** Where the text itself is the version of a session, it goes to the server with each save. */
async function comparedText(): Promise<number> {
  const [, id] = /=s(?:%3A|:)([^.]+)/.exec(cookies[0]!)!
  const version = kind === 'postgres' ? undefined : (await backend?.read(id!))?.version
  return typeof version === 'string' ? Buffer.byteLength(version) : 0
}

let turn: Promise<unknown> = Promise.resolve()
process.on('message', (task: Task) => {
  turn = turn.then(async () => process.send!(await done(task)))
})
process.on('disconnect', () => process.exit())
