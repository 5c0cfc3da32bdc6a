/**
 * How long the dashboard's questions take while a store holds very many sessions, all of them watched, for whoever wonders whether it may
 * be opened there.
 * `--count N` (a million), `--store URL` (SQLite in a folder of its own; a store that is given should be empty), `--rounds N`.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import express from 'express'
import session from 'sessile'
import { activity, dashboard } from 'sessile/monitor'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, store: { type: 'string' }, rounds: { type: 'string', default: '15' } }
})
const folder = mkdtempSync(join(tmpdir(), 'sessile-dashboard-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const store = values.store ?? `sqlite:${join(folder, 'sessions.db')}`
const sessions = session({
  secret: 'a secret for benchmarks alone',
  store,
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 3_600_000 },
  storeTimeout: '30s'
})
const seen = activity({ sessions })
const app = express().use(sessions, seen)
app.get('/:user', async (req, res) => {
  await (req.session as unknown as { signIn(user: string): Promise<void> }).signIn(String(req.params.user))
  res.json(sessions.describe(req)!.handle)
})
const board = dashboard(sessions, { activity: seen, authorize: () => true })
app.use('/admin/dashboard', board)
const server = createServer(app).listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const count = Number(values.count)
const expiresAt = Date.now() + 3_600_000
await sessions.ready()
const started = performance.now()
for (let start = 0; start < count; start += 500) {
  await Promise.all(
    Array.from({ length: Math.min(500, count - start) }, (_, n) => {
      const userId = String((start + n) % Math.ceil(count / 20))
      const data = `{"cookie":{"originalMaxAge":3600000},"userId":"${userId}","cart":{"p1":${n}},"theme":"dark"}`
      return sessions.backend.create(`stored-${start + n}`, { data, expiresAt, userId })
    })
  )
}
console.log(`${count} sessions stored in ${((performance.now() - started) / 1000).toFixed(0)} s: ${store.split(':')[0]}`)

// each was seen, as `activity` would have written it
const watched = sessions.backend.space!('activity')
const { newest, lastSeen } = seen.history
let noted = 0
for (let cursor: string | undefined; ;) {
  const page = await sessions.scan({ limit: 500, ...(cursor === undefined ? {} : { cursor }) })
  await Promise.all(
    page.sessions.map(({ handle, userId }) => {
      const at = Date.now()
      const data = JSON.stringify({
        n: 3,
        f: at,
        l: at,
        a: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
        i: '127.0.0.1',
        u: userId,
        t: ['bench']
      })
      newest.append([handle, at])
      lastSeen.append([handle, at])
      return watched.create(handle, { data, expiresAt })
    })
  )
  noted += page.sessions.length
  if (noted % 10_000 < 500 || page.cursor === undefined) await Promise.all([newest.flush(), lastSeen.flush()])
  cursor = page.cursor
  if (cursor === undefined) break
}
console.log(`${noted} of them watched, in ${((performance.now() - started) / 1000).toFixed(0)} s all in all`)
let handle = ''
for (let n = 0; n < 300; n += 1) handle = (await (await fetch(`${url}/${n}`)).json()) as string
await seen.flush()

async function ask(path: string): Promise<{ next?: string | number }> {
  const answer = await fetch(`${url}/admin/dashboard/api/${path}`)
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as { next?: string | number }
}
const questions = [
  'overview',
  'sessions?order=seen',
  'sessions?order=new',
  'sessions?order=stored',
  'sessions?q=42',
  `sessions?q=${handle}`
]
questions.push(`session?handle=${handle}`, 'users', 'user?user=42', 'events', 'health')
for (const order of ['seen', 'new', 'stored']) {
  const { next } = await ask(`sessions?order=${order}`)
  if (next === undefined) continue
  questions.push(`sessions?order=${order}&cursor=${encodeURIComponent(next)}`)
  // and far into the list
  if (order !== 'stored') questions.push(`sessions?order=${order}&cursor=${Math.floor(Number(next) / 2)}`)
}
let worst = 0
for (const question of questions) {
  const times: number[] = []
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const start = performance.now()
    await ask(question)
    times.push(performance.now() - start)
  }
  const sorted = times.toSorted((one, other) => one - other)
  const [first, median, most] = [times[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!]
  worst = Math.max(worst, most)
  console.log(
    `${question.slice(0, 40).padEnd(40)} first ${first.toFixed(1).padStart(7)} ms, median ${median.toFixed(1).padStart(7)} ms, most ${most.toFixed(1).padStart(7)} ms`
  )
}
console.log(`The slowest answer of all: ${worst.toFixed(0)} ms`)
process.exit()
