/**
 * The shop while many sign in at once, for whoever asks whether hashing passwords holds anything up: `/healthz` beside N sign-ins of N
 * users, the memory meanwhile, and the time of an unknown name against that of a wrong password. `--sign-ins N`, `--tries N`.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { 'sign-ins': { type: 'string', default: '200' }, tries: { type: 'string', default: '200' } } })
const SIGN_INS = Number(values['sign-ins'])
const TRIES = Number(values.tries)
const PASSWORD = 'correct horse battery staple'

/** Which part of the values, sorted, lies below. */
function quantile(times: readonly number[], part: number): number {
  return times.toSorted((one, other) => one - other)[Math.min(times.length - 1, Math.floor(times.length * part))]!
}

const folder = mkdtempSync(join(tmpdir(), 'sessile-sign-ins-'))
const env = { ...process.env, DATA_DIR: folder, PORT: '0', HOST: '127.0.0.1', TRUST_PROXY: 'loopback', NODE_ENV: '', SESSION_SECRET: '' }
const shop = spawn(process.execPath, [join(import.meta.dirname, '../apps/shop/src/main.ts')], { env, stdio: ['ignore', 'pipe', 'inherit'] })
process.on('exit', () => shop.kill())
const url = await new Promise<string>((resolve, reject) => {
  createInterface({ input: shop.stdout }).on('line', (line) => /^Shop ready at (\S+)/.test(line) && resolve(line.split(' ').at(-1)!))
  shop.on('exit', () => reject(new Error('The shop did not start.')))
})

const agent = new Agent({ keepAlive: true })
let visitors = 0
interface Timed {
  readonly status: number
  readonly ms: number
  readonly text: string
}

/** One request, from an address of its own unless it is told which, so that no limit is met. */
function ask(
  method: string,
  path: string,
  body?: object,
  from = `10.${(++visitors >> 16) & 255}.${(visitors >> 8) & 255}.${visitors & 255}`
) {
  return new Promise<Timed>((resolve, reject) => {
    const started = performance.now()
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': from }
    const sent = request(url + path, { method, agent, headers }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => (text += String(chunk)))
      answer.on('end', () => resolve({ status: answer.statusCode!, ms: performance.now() - started, text }))
    })
    sent.on('error', reject)
    sent.end(body && JSON.stringify(body))
  })
}

/** Bytes that the shop holds now, and the most that it held. */
function memory(): { readonly now: number; readonly most: number } | undefined {
  try {
    const text = readFileSync(`/proc/${shop.pid}/status`, 'utf8')
    const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(text)![1]) / 1024
    return { now: of('VmRSS'), most: of('VmHWM') }
  } catch {
    return undefined
  }
}

/** Many users with the hash of one password: made by one registration, and copied. */
async function users(count: number): Promise<string[]> {
  const { status, text } = await ask('POST', '/register', { username: 'original', email: 'original@example.com', password: PASSWORD })
  if (status !== 201) throw new Error(text)
  const db = new DatabaseSync(join(folder, 'shop.db'), { timeout: 5_000 })
  const names = Array.from({ length: count }, (_, i) => `user-${i}`)
  const insert = db.prepare(
    `insert into users (username, username_key, email, email_key, password_hash, role, created_at)
     select ?1, ?1, ?1 || '@example.com', ?1 || '@example.com', password_hash, 'user', created_at from users where username_key = 'original'`
  )
  db.exec('begin immediate')
  for (const name of names) insert.run(name)
  db.exec('commit')
  db.close()
  return names
}

const line = (name: string, text: string) => console.log(`  ${name.padEnd(46)} ${text}`)

const names = await users(SIGN_INS)
for (let i = 0; i < 50; i++) await ask('GET', '/healthz')

const quiet: number[] = []
for (let i = 0; i < 200; i++) quiet.push((await ask('GET', '/healthz')).ms)
const before = memory()
const healthz: number[] = []
const allIn = new AbortController()
const watching = (async () => {
  while (!allIn.signal.aborted) {
    healthz.push((await ask('GET', '/healthz')).ms)
    await wait(5)
  }
})()
const started = performance.now()
const answers = await Promise.all(names.map((username) => ask('POST', '/login', { username, password: PASSWORD })))
const tookMs = performance.now() - started
allIn.abort()
await watching
const after = memory()
const failed = answers.filter(({ status }) => status !== 200)
if (failed.length > 0) throw new Error(`${failed.length} sign-ins failed: ${failed[0]!.status} ${failed[0]!.text}`)

console.log(`${SIGN_INS} sign-ins at once, each of another user, from another address:`)
line('all done after', `${(tookMs / 1000).toFixed(2)} s, ${(SIGN_INS / (tookMs / 1000)).toFixed(0)} a second`)
line(
  '/healthz beside them, p50, p99, most',
  [0.5, 0.99, 1].map((part) => `${quantile(healthz, part).toFixed(1)} ms`).join(', ') + ` (${healthz.length} requests)`
)
line('/healthz before, p50, p99', [0.5, 0.99].map((part) => `${quantile(quiet, part).toFixed(1)} ms`).join(', '))
if (before && after) line('memory before, after, most', `${before.now.toFixed(0)}, ${after.now.toFixed(0)}, ${after.most.toFixed(0)} MiB`)

const unknown: number[] = []
const wrong: number[] = []
for (let i = 0; i < TRIES; i++) {
  // In turns, whichever first: what the machine does besides meets both alike.
  const pair = [
    () => ask('POST', '/login', { username: `nobody-${i}`, password: 'not the password at all' }).then(({ ms }) => unknown.push(ms))
  ]
  pair.push(() =>
    ask('POST', '/login', { username: names[i % names.length], password: 'not the password at all' }).then(({ ms }) => wrong.push(ms))
  )
  for (const one of i % 2 ? pair : pair.reverse()) await one()
}
const [unknownMs, wrongMs] = [quantile(unknown, 0.5), quantile(wrong, 0.5)]
console.log(`${TRIES} tries each, medians:`)
line('a name that nobody has', `${unknownMs.toFixed(2)} ms`)
line('a wrong password', `${wrongMs.toFixed(2)} ms`)
line('difference', `${(((unknownMs - wrongMs) / wrongMs) * 100).toFixed(1)} %`)

agent.destroy()
shop.kill('SIGTERM')
await new Promise((resolve) => shop.on('exit', resolve))
rmSync(folder, { recursive: true })
