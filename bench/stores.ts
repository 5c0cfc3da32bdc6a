/**
 * Our stores beside those that people use with express-session, on the same real server, in turn: CPU of the process for each
 * request over the bare handler, round trips and bytes as they arrive at the server, and latency; with what is asked beside what was
 * seen. For people who choose between them. `--help` tells the options.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startServer, type ServerKind } from '@sessile/test-servers'
import type { Side, Task } from './stores-side.ts'
import { wireTo, type Wire } from './stores-wire.ts'
import { WORKLOADS } from './workloads.ts'

const HELP = `npm run bench stores [-- OPTIONS]

  --store NAME      redis, postgres or mongo; may be given several times (all of them)
  --workload NAME   W1 no cookie, W2 one field is read, W3 a counter is written, W4 rolling, W5 nobody looks (all of them)
  --payload BYTES   size of a session; may be given several times (200, 4096 and 65536)
  --rounds N        rounds, in which everyone has a turn (15)
  --requests N      requests of each in a round (600; of large sessions fewer)
  --sessions N      sessions that requests come from in turn (6000; of large sessions fewer)
  --help

"Throttled" is ours with a touch that waits while the stored expiry still covers the idle time (touchSlack): a change of policy,
so there are figures without it too. µs are CPU of the process that answers; 8 requests are under way at once. Round trips, bytes
and latency are of one request at a time; the ratio of bytes is without the text that a save has Redis or MongoDB compare. What
others do on the machine meanwhile moves single figures, ratios less.
`

const { values } = parseArgs({
  options: {
    store: { type: 'string', multiple: true, default: ['redis', 'postgres', 'mongo'] },
    workload: { type: 'string', multiple: true, default: Object.keys(WORKLOADS) },
    payload: { type: 'string', multiple: true, default: ['200', '4096', '65536'] },
    rounds: { type: 'string', default: '15' },
    requests: { type: 'string', default: '600' },
    sessions: { type: 'string', default: '6000' },
    help: { type: 'boolean', default: false }
  }
})

/** What is to be reached: the ratio to the CPU of theirs, for 200 B, 4 kB, 64 kB. */
const ASKED: Partial<Record<ServerKind, Record<string, readonly number[]>>> = {
  redis: { W1: [0.08, 0.08, 0.08], W2: [0.22, 0.28, 0.27], W3: [0.26, 0.28, 0.27], W4: [0.22, 0.28, 0.27], W5: [0.2, 0.2, 0.2] },
  postgres: { W1: [0.08, 0.08, 0.08], W2: [0.25, 0.35, 0.35], W3: [0.45, 0.35, 0.35], W4: [0.25, 0.35, 0.35], W5: [0.25, 0.25, 0.25] },
  mongo: { W1: [0.08, 0.08, 0.08], W2: [0.3, 0.35, 0.35], W3: [0.45, 0.35, 0.35], W4: [0.3, 0.35, 0.35], W5: [0.25, 0.25, 0.25] }
}
/** The same where every request touches. */
const ASKED_UNTHROTTLED: Partial<Record<ServerKind, number>> = { redis: 0.26, postgres: 0.55 }
const PAYLOADS = [200, 4096, 65_536]
const ROUND_TRIPS: Record<string, readonly [unthrottled: number, throttled: number]> = {
  W1: [0, 0],
  W2: [2, 1],
  W3: [2, 2],
  W4: [2, 1],
  W5: [2, 1]
}
const NAMES: Record<Side, string> = { theirs: 'express-session', ours: 'sessile', throttled: 'sessile, throttled' }
const THEIR_STORES: Partial<Record<ServerKind, string>> = { redis: 'connect-redis', postgres: 'connect-pg-simple', mongo: 'connect-mongo' }

const running = new Set<ChildProcess>()

/** A process that is measured. */
class Contender {
  readonly side: Side
  readonly #child: ChildProcess

  constructor(side: Side) {
    this.side = side
    this.#child = fork(join(import.meta.dirname, 'stores-side.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] })
    running.add(this.#child)
    this.#child.once('exit', (code) => {
      if (!code) return
      // before the server goes, of which each of them would tell at length
      for (const child of running) child.kill('SIGKILL')
      process.exit(code)
    })
  }

  async do(task: Task): Promise<readonly number[]> {
    this.#child.send(task)
    return ((await once(this.#child, 'message')) as [readonly number[]])[0]
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
    running.delete(this.#child)
  }
}

interface Seen {
  readonly cpu: number[]
  readonly latency: number[]
  roundTrips: number
  bytes: number
  /** How many of them are the text that a save has the server compare. */
  compared: number
}

/** Rounds before those that count. */
const WARM_UP = 3

const percentile = (numbers: readonly number[], share: number): number =>
  numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length * share)]!

/** The lower quartile: what else the machine does can only add to a round. */
const quiet = (rounds: readonly number[]): number => percentile(rounds, 0.25)

/** Where touches play no part, the throttled one is ours. */
function plays({ side }: Contender, workload: string): boolean {
  return side !== 'throttled' || (workload !== 'W1' && workload !== 'W3')
}

async function measured(workload: string, contenders: readonly Contender[], wire: Wire, count: number): Promise<Map<Side, Seen>> {
  const seen = new Map<Side, Seen>(contenders.map(({ side }) => [side, { cpu: [], latency: [], roundTrips: 0, bytes: 0, compared: 0 }]))
  for (let round = -WARM_UP; round < Number(values.rounds); round++) {
    // nobody is always the one after another
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const [cpu] = await contender.do({ what: 'cpu', workload, count })
      const latency = await contender.do({ what: 'latency', workload, count: 100 })
      if (round < 0) continue
      seen.get(contender.side)!.cpu.push(cpu!)
      seen.get(contender.side)!.latency.push(...latency)
    }
  }
  for (const contender of contenders) {
    // connections are made, and statements prepared
    const [compared = 0] = await contender.do({ what: 'ask', workload, count: 50, url: wire.url })
    const before = wire.traffic()
    await contender.do({ what: 'ask', workload, count: 100, url: wire.url })
    const { roundTrips, bytes } = wire.traffic()
    Object.assign(seen.get(contender.side)!, {
      roundTrips: (roundTrips - before.roundTrips) / 100,
      bytes: (bytes - before.bytes) / 100,
      compared
    })
  }
  return seen
}

function report(kind: ServerKind, workload: string, payload: number, seen: ReadonlyMap<Side, Seen>): void {
  const theirs = seen.get('theirs')!
  for (const [side, { cpu, latency, roundTrips, bytes, compared }] of seen) {
    const number = (value: number, width: number, digits = 0): string => value.toFixed(digits).padStart(width)
    const asked = (value: number | string | undefined): string => (value === undefined ? '' : ` (${value})`).padEnd(7)
    const isOurs = side !== 'theirs'
    const isTouching = side === 'ours' && /W[245]/.test(workload)
    const at = PAYLOADS.indexOf(payload)
    const ratio = quiet(cpu) / quiet(theirs.cpu)
    const ratioAsked = isTouching ? (at === 0 ? ASKED_UNTHROTTLED[kind] : undefined) : ASKED[kind]![workload]![at]
    const ratioOf = (share: number): number => percentile(latency, share) / percentile(theirs.latency, share)
    const latencyAsked = workload === 'W2' && !isTouching ? 0.5 : workload === 'W3' ? '<1' : undefined
    console.log(
      [
        workload,
        NAMES[side].padEnd(18),
        `${number(quiet(cpu), 7, 1)} µs`,
        isOurs ? number(ratio, 5, 3) + asked(ratioAsked) : ' '.repeat(12),
        number(roundTrips, 5, 2) + asked(isOurs ? ROUND_TRIPS[workload]![isTouching ? 0 : 1] : undefined),
        number(bytes, 7),
        isOurs && workload !== 'W1' ? number((bytes - compared) / theirs.bytes, 5, 2) : ' '.repeat(5),
        `${number(percentile(latency, 0.5), 5)} /${number(percentile(latency, 0.99), 6)} µs`,
        isOurs ? `${number(ratioOf(0.5), 5, 2)} /${number(ratioOf(0.99), 5, 2)}${asked(latencyAsked)}` : ''
      ].join('  ')
    )
  }
}

const HEAD = [
  '  ',
  ''.padEnd(18),
  'CPU'.padEnd(10),
  'ratio (asked)',
  'trips (asked)'.padEnd(12),
  'bytes'.padStart(6),
  'ratio',
  'latency p50, p99',
  'ratio (asked)'
]

async function compare(kind: ServerKind, payload: number): Promise<void> {
  // no disk in between: the server's part of the work is not what is compared
  await using server = await startServer(kind, { args: kind === 'redis' ? ['--appendonly', 'no'] : [] }).then((started) => {
    if (started.skipped !== undefined) throw new Error(`There is ${started.skipped}.`)
    return started
  })
  const wire = await wireTo(server.url)
  const contenders = (['theirs', 'ours', 'throttled'] as const).map((side) => new Contender(side))
  const isLarge = payload > 10_000
  const sessions = Math.min(Number(values.sessions), Math.floor(1e8 / payload))
  const count = Math.ceil(Number(values.requests) / (isLarge ? 5 : 1))
  for (const contender of contenders) {
    await contender.do({ what: 'begin', side: contender.side, kind, url: server.url })
    await contender.do({ what: 'fill', sessions, payload })
  }
  console.log(`\n${kind} (${server.program} ${server.version}), ${THEIR_STORES[kind]}; ${sessions} sessions of ${payload} B`)
  console.log(HEAD.join('  '))
  for (const workload of values.workload) {
    const players = contenders.filter((contender) => plays(contender, workload))
    report(kind, workload, payload, await measured(workload, players, wire, count))
  }
  for (const contender of contenders) await contender.end()
  wire.close()
  if (kind === 'redis') console.log(`SCAN was called ${await scansOf(server.url)} times (0)`)
}

async function scansOf(url: string): Promise<string> {
  const client = createRequire(import.meta.url)('redis').createClient({ url })
  await client.connect()
  const told = String(await client.sendCommand(['INFO', 'commandstats']))
  await client.close()
  return /cmdstat_scan:calls=(\d+)/.exec(told)?.[1] ?? '0'
}

if (values.help) console.log(HELP)
else {
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, ${values.rounds} rounds, their lower quartile`
  )
  for (const store of values.store) {
    if (!Object.hasOwn(ASKED, store)) throw new Error(`There is no store ${store}; there are ${Object.keys(ASKED).join(', ')}.`)
    for (const payload of values.payload) await compare(store as ServerKind, Number(payload))
  }
  process.exit()
}
