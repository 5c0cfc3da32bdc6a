/**
 * What watching costs a request: an Express app with sessions, without and with `activity()`, and with a middleware that does nothing,
 * since Express asks its price for any; in turn, in one process that does nothing else; its CPU per request, flushes included, and the
 * store calls that a request makes. For whoever wonders whether to watch.
 * `--rounds N`, `--requests N`, `--sessions N`.
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

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    requests: { type: 'string', default: '6000' },
    sessions: { type: 'string', default: '500' }
  }
})
const OPTIONS = { secret: 'a secret for benchmarks alone', resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } }
const KINDS = ['off', 'empty', 'on'] as const
type Kind = (typeof KINDS)[number]
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

/** The process that is measured: two apps, alike but for the watching. */
async function serve(): Promise<void> {
  const apps = KINDS.map((kind) => {
    const app = express().disable('x-powered-by').disable('etag')
    const sessions = session({ ...OPTIONS, store: 'memory:' })
    app.use(sessions)
    const seen = kind === 'on' ? activity({ sessions, flushEvery: '1h' }) : undefined
    if (seen) app.use(seen)
    if (kind === 'empty') app.use((_req, _res, next) => next())
    app.post('/', (req, res) => {
      Object.assign(req.session, { userId: Number(req.get('x-user')), theme: 'dark', cart: { p1: 2, p7: 1 }, name: 'somebody' })
      res.json({})
    })
    app.get('/', (_req, res) => {
      res.json({ ok: true })
    })
    const server = createServer(app).listen(0, '127.0.0.1')
    return { server, seen }
  })
  await Promise.all(apps.map(({ server }) => once(server, 'listening')))
  let calls = 0
  let cpu = process.cpuUsage()
  process.on('message', async (asked: { kind?: Kind; what: 'begin' | 'end' | 'count' }) => {
    const seen = apps[KINDS.indexOf(asked.kind ?? 'off')]!.seen
    if (asked.what === 'count') {
      for (const operation of ['read', 'create', 'swap', 'extend', 'remove'])
        subscribe(`tracing:sessile:store:${operation}:start`, () => void (calls += 1))
    }
    // what was gathered is written within what is measured
    if (asked.what === 'end' && calls === 0) await seen?.flush()
    const { user, system } = process.cpuUsage(cpu)
    process.send!({ cpu: user + system, calls })
    cpu = process.cpuUsage()
    calls = 0
  })
  process.send!({ ports: apps.map(({ server }) => (server.address() as AddressInfo).port) })
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, ['--sessions', values.sessions], { env: { ...process.env, WATCHING_CHILD: '1' } })
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
  const told = async (what: string, kind: Kind): Promise<{ cpu: number; calls: number }> => {
    child.send({ what, kind })
    return ((await once(child, 'message')) as [{ cpu: number; calls: number }])[0]
  }
  const number = Number(values.requests)
  const cookies = await Promise.all(
    ports.map((port) =>
      Promise.all(Array.from({ length: Number(values.sessions) }, (_, n) => ask(port, 'POST', { 'x-user': String(n + 1) })))
    )
  )
  const run = async (which: number): Promise<void> => {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < number) {
        const cookie = cookies[which]![next++ % cookies[which]!.length]!
        await ask(ports[which]!, 'GET', { cookie })
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
  }
  const costs: Record<Kind, number[]> = { off: [], empty: [], on: [] }
  for (let round = -2; round < Number(values.rounds); round += 1) {
    for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
      await told('begin', kind)
      await run(KINDS.indexOf(kind))
      const { cpu } = await told('end', kind)
      if (round >= 0) costs[kind].push(cpu / number)
    }
  }
  const sorted = (all: readonly number[]): number[] => all.toSorted((one, other) => one - other)
  const median = (all: readonly number[]): number => sorted(all)[all.length >> 1]!
  const ratiosOf = (kind: Kind): number[] => sorted(costs[kind].map((cost, round) => cost / costs.off[round]!))
  await told('count', 'off')
  const calls = {} as Record<Kind, number>
  for (const kind of KINDS) {
    await told('begin', kind)
    await run(KINDS.indexOf(kind))
    calls[kind] = (await told('end', kind)).calls / number
  }
  console.log(`Node ${process.version}, ${values.rounds} rounds of ${number} requests of ${values.sessions} sessions`)
  console.log(`CPU a request, median: ${KINDS.map((kind) => `${kind} ${median(costs[kind]).toFixed(1)} µs`).join(', ')}`)
  for (const kind of ['empty', 'on'] as const) {
    const ratios = ratiosOf(kind)
    const [low, high] = [ratios[ratios.length >> 2]!, ratios[(ratios.length * 3) >> 2]!]
    console.log(
      `Ratio to off, of each round: ${kind} ${median(ratios).toFixed(3)} (the middle half ${low.toFixed(3)} to ${high.toFixed(3)})`
    )
  }
  console.log(`Store calls a request: ${calls.off.toFixed(3)} without, ${calls.on.toFixed(3)} with`)
  child.disconnect()
  child.kill()
  agent.destroy()
}

await (process.env['WATCHING_CHILD'] ? serve() : measure())
