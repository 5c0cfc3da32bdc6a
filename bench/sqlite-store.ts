/**
 * What the SQLite store's file does: its size after many sessions have come and gone, twice, and how it stands up to a mixed load
 * that goes on while others expire. For whoever has a small disk. `--sessions N` (a million takes some minutes), `--seconds N`.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exchange } from './exchange.ts'
import { filled, handlerOf, OPTIONS } from './workloads.ts'

const require = createRequire(import.meta.url)
const sessile = require('sessile')
const { sqliteStore } = require('sessile/stores/sqlite')

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '100000' }, seconds: { type: 'string', default: '10' } } })
const count = Number(values.sessions)
const folder = mkdtempSync(join(tmpdir(), 'sessile-bench-'))
const turn = () => new Promise((resolve) => setImmediate(resolve))
const sizeOf = (file: string) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) / 2 ** 20
const sizes = (file: string) => `${sizeOf(file).toFixed(1)} MB, its log ${sizeOf(`${file}-wal`).toFixed(1)} MB`
const MINUTE = 60_000
const realNow = Date.now

async function comeAndGo(): Promise<void> {
  const file = join(folder, 'come-and-go.db')
  const store = sqliteStore({ file })
  const data = JSON.stringify({
    cookie: { originalMaxAge: MINUTE, expires: new Date().toISOString(), httpOnly: true, path: '/' },
    ...filled(200)
  })
  let offset = 0
  Date.now = () => realNow() + offset
  for (const generation of [1, 2]) {
    const started = performance.now()
    for (let at = 0; at < count; at++) {
      await store.create(`${generation}${String(at).padStart(31, '0')}`, { data, expiresAt: Date.now() + MINUTE })
      if (at % 1000 === 0) await turn()
    }
    const made = performance.now() - started
    console.log(
      `generation ${generation}: ${count} sessions of ${data.length} B, ${((made * 1000) / count).toFixed(1)} µs each; file ${sizes(file)}`
    )
    offset += 2 * MINUTE
    let longest = 0
    let removed = 0
    const begun = performance.now()
    for (;;) {
      const before = performance.now()
      const some = (await store.removeExpired(500)).length
      longest = Math.max(longest, performance.now() - before)
      removed += some
      if (some === 0) break
      await turn()
    }
    const took = performance.now() - begun
    console.log(
      `  ${removed} expired, ${((took * 1000) / removed).toFixed(1)} µs each, longest batch of 500 ${longest.toFixed(1)} ms; file ${sizes(file)}`
    )
  }
  // goes on giving pages back as long as there is something to sweep; here nothing more comes
  await store.close()
  console.log(`  closed; file ${sizes(file)}`)
  Date.now = realNow
}

async function mixed(seconds: number): Promise<void> {
  const file = join(folder, 'mixed.db')
  const sessions = sessile({ ...OPTIONS, cookie: { maxAge: 3000 }, store: `sqlite:${file}` })
  const fill = filled(200)
  const begin = handlerOf(sessions, (req) => Object.assign(req.session, fill, { views: 1 }))
  const look = handlerOf(sessions, (req) => void req.session['views'])
  const write = handlerOf(sessions, (req) => void (req.session['views'] = Number(req.session['views'] ?? 0) + 1))
  const pass = handlerOf(sessions, () => {})
  const cookies: string[] = []
  const took: number[] = []
  let swept = 0
  const until = performance.now() + seconds * 1000
  for (let at = 0; performance.now() < until; at++) {
    const kind = cookies.length < 100 ? 0 : at % 20
    // those before the last two thousand are abandoned, and expire
    const cookie = cookies[cookies.length - 1 - Math.floor(Math.random() * Math.min(2000, cookies.length))]
    const before = performance.now()
    // of twenty requests one begins a session, one has none, four write, ten read, and four do not look
    if (kind === 0) cookies.push((await exchange(begin, undefined))!.split(';')[0]!)
    else if (kind === 1) await exchange(pass, undefined)
    else await exchange(kind < 6 ? write : kind < 16 ? look : pass, cookie)
    took.push(performance.now() - before)
    if (at % 2000 === 0) {
      swept += await sessions.sweep(500)
      await turn()
    }
  }
  took.sort((one, other) => one - other)
  const at = (share: number) => (took[Math.floor(took.length * share)]! * 1000).toFixed(0)
  const rate = (took.length / seconds).toFixed(0)
  console.log(
    `mixed load for ${seconds} s: ${rate} requests a second, p50 ${at(0.5)} µs, p99 ${at(0.99)} µs, longest ${took.at(-1)!.toFixed(1)} ms; ` +
      `${cookies.length} sessions begun, ${swept} expired; file ${sizes(file)}`
  )
  await sessions.close()
}

console.log(`Node ${process.version}`)
await comeAndGo()
await mixed(Number(values.seconds))
rmSync(folder, { recursive: true })
process.exit()
