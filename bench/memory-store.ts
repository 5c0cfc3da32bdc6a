/**
 * What the memory store costs: bytes for each of a million sessions of 200 B, and the longest pause of the event loop while half
 * a million of them expire; ours beside express-session's MemoryStore. `--sessions N`.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '1000000' }, only: { type: 'string' } } })
const count = Number(values.sessions)
const require = createRequire(import.meta.url)

function textOf(at: number, expires: number): string {
  const cookie = { originalMaxAge: 3_600_000, expires: new Date(expires).toISOString(), httpOnly: true, path: '/' }
  return JSON.stringify({ cookie, views: at, note: 'x'.repeat(60) })
}

function memory(): number {
  globalThis.gc!()
  globalThis.gc!()
  // array buffers are a part of what is external
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The longest time, in ms, for which nothing else would have had its turn. */
async function pauses(work: () => Promise<void>): Promise<number> {
  let longest = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  let isDone = false
  const tick = () => {
    look()
    if (!isDone) setImmediate(tick)
  }
  setImmediate(tick)
  await work()
  look()
  isDone = true
  return longest
}

/** As long as real ids, and in one piece as those are. */
const idOf = (at: number) => Buffer.from(`${at.toString(36).padStart(8, '0')}${'abcdefgh'.repeat(3)}`).toString('latin1')
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Removes all that have expired, as the middleware's sweeper does. */
async function swept(store: { removeExpired(limit: number): readonly unknown[] }): Promise<number> {
  let removed = 0
  for (;;) {
    const some = store.removeExpired(500).length
    removed += some
    if (some === 0) return removed
    await turn()
  }
}

async function ours(): Promise<void> {
  const { memoryStore } = require('sessile/stores/memory')
  const real = Date.now
  // a process that has swept before, as any that has run for a minute
  const other = memoryStore()
  for (let at = 0; at < 20_000; at++) other.create(idOf(at), { data: textOf(at, 1), expiresAt: real() + 1000 })
  Date.now = () => real() + 62_000
  await swept(other)
  Date.now = real

  const store = memoryStore()
  const before = memory()
  const soon = Date.now() + 60_000
  for (let at = 0; at < count; at++) store.create(idOf(at), { data: textOf(at, soon), expiresAt: at % 2 ? soon : soon + 3_600_000 })
  const bytes = (memory() - before) / count
  Date.now = () => real() + 62_000
  let removed = 0
  const started = performance.now()
  const longest = await pauses(async () => {
    removed = await swept(store)
  })
  Date.now = real
  report('sessile', bytes, longest, removed, performance.now() - started)
}

async function theirs(): Promise<void> {
  const { MemoryStore } = require('express-session')
  const store = new MemoryStore()
  const before = memory()
  const soon = Date.now() + 60_000
  for (let at = 0; at < count; at++) store.sessions[idOf(at)] = textOf(at, at % 2 ? soon : soon + 3_600_000)
  const bytes = (memory() - before) / count
  const real = Date.now
  Date.now = () => real() + 62_000
  const started = performance.now()
  // it expires what it looks at: its own way to be rid of them all is `all()`
  const longest = await pauses(async () => {
    await turn()
    await new Promise((resolve) => store.all(resolve))
    await turn()
  })
  Date.now = real
  report('express-session', bytes, longest, count / 2, performance.now() - started)
}

function report(name: string, bytes: number, longest: number, removed: number, ms: number): void {
  console.log(
    `${name.padEnd(16)} ${bytes.toFixed(0).padStart(5)} B per session   ${removed} expired in ${ms.toFixed(0)} ms, longest pause ${longest.toFixed(1)} ms`
  )
}

if (values.only) await (values.only === 'ours' ? ours() : theirs())
else {
  console.log(`Node ${process.version}, ${count} sessions of ${textOf(1, Date.now()).length} B`)
  for (const one of ['theirs', 'ours']) {
    spawnSync(
      process.execPath,
      ['--expose-gc', '--max-old-space-size=8000', fileURLToPath(import.meta.url), '--only', one, '--sessions', String(count)],
      { stdio: 'inherit' }
    )
  }
}
