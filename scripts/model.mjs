// Holds a store against the model of what sessions are promised, for as long as one likes, in several processes at once.
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findNode24 } from './lib/node24.mjs'
import { ROOT } from './lib/run.mjs'
import { say, script, since, Trouble } from './lib/say.mjs'

const HELP = `npm run model -- [--store URL] [--steps N] [--processes P] [--seed S]

Steps that load, write, renew, end and list sessions, with calls and answers that get lost, come late or twice, each held against
what is promised. Every process has sessions of its own, and all of them count in common ones, which must not lose a count.

--store      what the store is: sqlite:PATH, redis://HOST/0?prefix=p:, postgres://..., mongodb://...; default: a SQLite file that is removed
--steps      how many in all; default: 100000
--processes  default: 2
--seed       makes a run that failed happen again, as far as processes allow
`

await script(HELP, async () => {
  const { values } = parseArgs({
    options: { store: { type: 'string' }, steps: { type: 'string' }, processes: { type: 'string' }, seed: { type: 'string' } }
  })
  const steps = number(values.steps ?? '100000', 'steps')
  const processes = number(values.processes ?? '2', 'processes')
  const seed = number(values.seed ?? String(Date.now() % 1e9), 'seed')
  const file = join(tmpdir(), `sessile-model-${process.pid}.db`)
  const store = values.store ?? `sqlite:${file}`
  const node = await findNode24()
  const start = process.hrtime.bigint()
  say(`${steps} steps in ${processes} processes, seed ${seed}`)
  try {
    await worker(node, store, 0, 'make', 0)
    const each = Math.ceil(steps / processes)
    const told = await Promise.all(Array.from({ length: processes }, (_, at) => worker(node, store, each, 'work', seed + at * 1e9)))
    const { total } = await worker(node, store, 0, 'tell', 0)
    const counted = told.reduce((sum, one) => sum + one.counted, 0)
    const done = {}
    for (const one of told) for (const [kind, count] of Object.entries(one.done)) done[kind] = (done[kind] ?? 0) + count
    console.log(
      `${Object.entries(done)
        .map(([kind, count]) => `${count} ${kind}`)
        .join(', ')}; ${since(start)}`
    )
    console.log(`${counted} counts in common sessions, ${total} stored`)
    if (total !== counted) throw new Trouble(`${counted} counts were acknowledged, and ${total} are stored.`)
  } finally {
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
  }
})

function number(text, name) {
  if (!/^\d+$/.test(text)) throw new Trouble(`--${name} is a number; given was ${JSON.stringify(text)}.`, 2)
  return Number(text)
}

/** @returns what the process told in its last line */
function worker(node, store, steps, role, seed) {
  const args = [
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'packages/sessile/test/core/model-process.ts'),
    store,
    steps,
    role,
    seed
  ]
  const child = spawn(node, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(output === '' ? undefined : JSON.parse(output))
      else reject(new Trouble('A process found a promise broken, or failed: see above.'))
    })
  })
}
