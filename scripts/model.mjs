// Holds a store against the model of what sessions are promised, for as long as one likes, in several processes at once.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { findNode24 } from './lib/node24.mjs'
import { ROOT } from './lib/run.mjs'
import { say, script, since, Trouble } from './lib/say.mjs'

const HELP = `npm run model -- [STORE] [--steps N] [--processes P] [--seed S]

Steps that load, write, renew, end and list sessions, with calls and answers that get lost, come late or twice, each held against
what is promised. Every process has sessions of its own, and all of them count in common ones, which must not lose a count.

STORE        sqlite (the default: a file that is removed), redis, redis-cluster, postgres or mongodb, for each of which a private server
             is started; or the URL of a store: redis://HOST/0?prefix=p:, postgres://..., mongodb://..., sqlite:PATH
--steps      how many in all; default: 100000
--processes  default: 2
--seed       makes a run that failed happen again, as far as processes allow
`

/** What starts each store: its URL, and what ends it. */
const KINDS = {
  sqlite,
  redis: server('redis', (url, name) => withQuery(url, 'prefix', `${name}:`)),
  'redis-cluster': server('redis-cluster', (urls, name) => `redis+cluster://${urls.replaceAll('redis://', '')}?prefix=${name}:`),
  postgres: server('postgres', (url, name) => withQuery(url, 'tableName', name)),
  mongodb: server('mongo', (url, name) => withQuery(url, 'collectionName', name))
}

await script(HELP, async () => {
  const { values, positionals } = parseArgs({
    options: { steps: { type: 'string' }, processes: { type: 'string' }, seed: { type: 'string' } },
    allowPositionals: true
  })
  const name = positionals[0] ?? 'sqlite'
  if (positionals.length > 1 || !(Object.hasOwn(KINDS, name) || name.includes(':'))) {
    throw new Trouble(`A store is ${Object.keys(KINDS).join(', ')} or a URL; given was ${JSON.stringify(positionals.join(' '))}.`, 2)
  }
  const steps = number(values.steps ?? '100000', 'steps')
  const processes = number(values.processes ?? '2', 'processes')
  const seed = number(values.seed ?? String(Date.now() % 1e9), 'seed')
  const node = await findNode24()
  const { store, end } = name.includes(':') ? { store: name, end() {} } : await KINDS[name](node)
  const start = process.hrtime.bigint()
  try {
    say(`${steps} steps in ${processes} processes, seed ${seed}`)
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
    await end()
  }
})

function sqlite() {
  const folder = mkdtempSync(join(tmpdir(), 'sessile-model-'))
  return { store: `sqlite:${join(folder, 'sessions.db')}`, end: () => rmSync(folder, { recursive: true, force: true }) }
}

function withQuery(url, name, value) {
  const parsed = new URL(url)
  parsed.pathname ||= '/'
  parsed.searchParams.set(name, value)
  return parsed.href
}

/** What starts a private server of a kind. @param storeOf makes the URL of a store of its URLs, with a name of its own there */
function server(kind, storeOf) {
  return async (node) => {
    const program = join(ROOT, 'scripts', 'lib', 'run-servers.mjs')
    const child = spawn(node, ['--disable-warning=ExperimentalWarning', program, kind], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    for await (const line of createInterface(child.stdout)) {
      const [, urls] = /^\w+='(.+)'$/.exec(line) ?? []
      if (!urls) continue
      const end = () => {
        child.kill()
        return ended
      }
      return { store: storeOf(urls, `model${process.pid}`), end }
    }
    throw new Trouble(`There is no server: ${kind}.`)
  }
}

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
