/**
 * How the cost of a request grows: over the size of a session, where it may grow with it, and over the number of sessions, where
 * it may not. For whoever wonders what comes after the first thousand users. `--store memory|sqlite`, `--most N` sessions, `--rounds N`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bare, cookiesOf, cpu, handlerOf, median, OPTIONS, WORKLOADS } from './workloads.ts'

const require = createRequire(import.meta.url)
const sessile = require('sessile')

const { values } = parseArgs({
  options: {
    store: { type: 'string', multiple: true, default: ['memory', 'sqlite'] },
    most: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '7' }
  }
})
const most = Number(values.most)
const rounds = Number(values.rounds)
const folder = mkdtempSync(join(tmpdir(), 'sessile-bench-'))
let files = 0

/** µs per request over the bare handler. */
async function costOf(store: string, workload: string, sessions: number, payload: number): Promise<number> {
  const url = store === 'memory' ? 'memory:' : `sqlite:${join(folder, `${files++}.db`)}`
  const middleware = sessile({ ...OPTIONS, ...WORKLOADS[workload]!.options, store: url })
  const cookies = await cookiesOf(middleware, sessions, payload)
  // the cookies by chance: one after the other they would lie side by side in memory
  cookies.sort(() => Math.random() - 0.5)
  const handler = handlerOf(middleware, WORKLOADS[workload]!.use)
  const count = payload > 50_000 ? 500 : 5000
  const seen: number[] = []
  for (let round = -1; round < rounds; round++) {
    const floor = await cpu(bare, [undefined], count)
    const one = (await cpu(handler, cookies, count, (round + 1) * count)) - floor
    if (round >= 0) seen.push(one)
  }
  await middleware.close()
  return median(seen)
}

console.log(`Node ${process.version}; µs of CPU per request over the bare handler, median of ${rounds} rounds`)
for (const store of values.store) {
  for (const workload of ['W2', 'W3', 'W5']) {
    for (const payload of [1024, 4096, 16_384, 65_536, 262_144]) {
      const cost = await costOf(store, workload, Math.min(1000, Math.floor(1e8 / payload)), payload)
      console.log(
        `${store.padEnd(7)} ${workload}  ${String(payload).padStart(7)} B  ${cost.toFixed(1).padStart(7)} µs  ${((cost / payload) * 1024).toFixed(2).padStart(6)} µs per kB`
      )
    }
    for (let sessions = 1000; sessions <= most; sessions *= 10) {
      const cost = await costOf(store, workload, sessions, 200)
      console.log(`${store.padEnd(7)} ${workload}  ${String(sessions).padStart(7)} sessions of 200 B  ${cost.toFixed(1).padStart(5)} µs`)
    }
  }
}
rmSync(folder, { recursive: true })
