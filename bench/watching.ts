/**
 * What watching costs a request, for whoever wonders whether to: an Express app with sessions, without and with `activity()`, and with a
 * middleware that does nothing, since Express asks its price for any. CPU of the process that serves, over HTTP, in process (no network),
 * and of the bare middleware (no Express either), in turns of a few hundred requests, so that what else the machine does falls on all alike;
 * what was gathered is written every twelve turns, and that is added. And the store calls that a request makes.
 * `--rounds N`, `--sessions N`.
 */
import { fork } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import express from 'express'
import session from 'sessile'
import { activity } from 'sessile/monitor'
import { exchange, type Handler } from './exchange.ts'
import { median } from './workloads.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '240' }, sessions: { type: 'string', default: '500' } } })
const OPTIONS = { secret: 'a secret for benchmarks alone', resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } }
const KINDS = ['off', 'empty', 'on'] as const
type Kind = (typeof KINDS)[number]
const WAYS = ['http', 'express', 'bare'] as const
type Way = (typeof WAYS)[number]
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
/** Turns between two writes of what was gathered: 12 requests of each session, as of a busy site in the 5 s that are the default. */
const FLUSH_EVERY = 12
const WARM_UP = 4 * FLUSH_EVERY

/** What the process that is measured is asked, and what it answers. */
interface Asked {
  readonly what: 'begin' | 'end' | 'flush' | 'count' | 'run'
  readonly kind: Kind
  readonly way?: Way
  readonly cookies?: readonly string[]
}
interface Answered {
  readonly cpu: number
  readonly calls: number
}

const pass = (_req: unknown, _res: unknown, next: () => void): void => next()

/** The process that is measured: three apps, alike but for the watching. */
async function serve(): Promise<void> {
  const apps = KINDS.map((kind) => {
    const app = express().disable('x-powered-by').disable('etag')
    const sessions = session({ ...OPTIONS, store: 'memory:' })
    const seen = kind === 'on' ? activity({ sessions, flushEvery: '1h' }) : undefined
    const watch = seen ?? (kind === 'empty' ? pass : undefined)
    app.use(sessions)
    if (watch) app.use(watch)
    app.post('/', (req, res) => {
      Object.assign(req.session, { userId: Number(req.get('x-user')), theme: 'dark', cart: { p1: 2, p7: 1 }, name: 'somebody' })
      res.json({})
    })
    app.get('/', (_req, res) => {
      res.json({ ok: true })
    })
    const answer: Handler = (_req, res) => void res.end('{"ok":true}')
    const bare: Handler = (req, res) => sessions(req, res, () => (watch ? watch(req, res, () => answer(req, res)) : answer(req, res)))
    const server = createServer(app).listen(0, '127.0.0.1')
    return { kind, server, seen, handlers: { express: app as unknown as Handler, bare } }
  })
  await Promise.all(apps.map(({ server }) => once(server, 'listening')))
  let calls = 0
  let cpu = process.cpuUsage()
  process.on('message', async ({ what, kind, way, cookies }: Asked) => {
    const { seen, handlers } = apps[KINDS.indexOf(kind)]!
    if (what === 'count') {
      for (const operation of ['read', 'create', 'swap', 'extend', 'remove'])
        subscribe(`tracing:sessile:store:${operation}:start`, () => void (calls += 1))
    }
    if (what !== 'end') cpu = process.cpuUsage()
    if (what === 'begin') calls = 0
    if (what === 'flush') await seen?.flush()
    if (what === 'run') {
      const handler = handlers[way as 'express' | 'bare']
      const asAsked: Handler = (req, res) => {
        req.headers['user-agent'] = AGENT
        handler(req, res)
      }
      for (const cookie of cookies!) await exchange(asAsked, cookie)
    }
    const { user, system } = process.cpuUsage(cpu)
    process.send!({ cpu: user + system, calls } satisfies Answered)
  })
  process.send!({ ports: apps.map(({ server }) => (server.address() as AddressInfo).port) })
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, { env: { ...process.env, WATCHING_CHILD: '1' } })
  process.on('exit', () => child.kill())
  const [{ ports }] = (await once(child, 'message')) as [{ ports: number[] }]
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const ask = (port: number, method: string, headers: Record<string, string>): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', method, path: '/', agent, headers: { 'user-agent': AGENT, ...headers } }, (answer) => {
        answer.resume().on('end', () => resolve(answer.headers['set-cookie']?.[0]?.split(';')[0]))
      })
        .on('error', reject)
        .end()
    })
  const told = async (asked: Asked): Promise<Answered> => {
    child.send(asked)
    return ((await once(child, 'message')) as [Answered])[0]
  }
  const cookies = {} as Record<Kind, string[]>
  for (const [at, kind] of KINDS.entries()) {
    cookies[kind] = []
    for (let n = 0; n < Number(values.sessions); n += 1) cookies[kind].push((await ask(ports[at]!, 'POST', { 'x-user': String(n + 1) }))!)
  }
  /** One request of each session. @returns µs of CPU per request */
  const turn = async (way: Way, kind: Kind): Promise<Answered> => {
    const all = cookies[kind]
    if (way !== 'http') return told({ what: 'run', kind, way, cookies: all })
    const port = ports[KINDS.indexOf(kind)]!
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < all.length) await ask(port, 'GET', { cookie: all[next++]! })
    }
    await told({ what: 'begin', kind })
    await Promise.all(Array.from({ length: 8 }, worker))
    return told({ what: 'end', kind })
  }
  console.log(`Node ${process.version}, ${values.rounds} turns of ${values.sessions} requests, one of each session; µs of CPU a request`)
  for (const way of WAYS) {
    const costs: Record<Kind, number[]> = { off: [], empty: [], on: [] }
    const flushes: number[] = []
    for (let round = -WARM_UP; round < Number(values.rounds); round += 1) {
      for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
        const { cpu } = await turn(way, kind)
        if (round >= 0) costs[kind].push(cpu / cookies[kind].length)
      }
      if (round % FLUSH_EVERY !== 0) continue
      const { cpu } = await told({ what: 'flush', kind: 'on' })
      if (round >= 0) flushes.push(cpu / cookies.on.length / FLUSH_EVERY)
    }
    const off = median(costs.off)
    const more = (kind: Kind): number => median(costs[kind].map((cost, round) => cost - costs.off[round]!))
    const [flush, seen] = [median(flushes), more('on')]
    const share = (((seen + flush) / off) * 100).toFixed(1)
    console.log(
      `${way.padEnd(8)} off ${off.toFixed(2)}, an empty middleware +${more('empty').toFixed(2)}, ` +
        `watched +${seen.toFixed(2)}, written +${flush.toFixed(2)}: +${share} %`
    )
  }
  await told({ what: 'count', kind: 'off' })
  const calls = async (kind: Kind): Promise<string> => ((await turn('http', kind)).calls / cookies[kind].length).toFixed(3)
  console.log(`Store calls a request: ${await calls('off')} without, ${await calls('on')} with`)
  child.disconnect()
  child.kill()
  agent.destroy()
}

await (process.env['WATCHING_CHILD'] ? serve() : measure())
