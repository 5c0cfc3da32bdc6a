/**
 * What becomes of a PostgreSQL table with very many sessions, ours beside connect-pg-simple's, on one server: the share of touches that
 * are HOT (the row is replaced in its page, no index is written to), how much table and indexes grow by them, and how long the statements
 * take that remove expired sessions. For whoever has to keep such a table in shape. `--rows N` (a million), `--active N` sessions that are
 * touched once a minute for an hour, `--expired N`.
 */
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { startServer } from '@sessile/test-servers'

const require = createRequire(import.meta.url)
const pg = require('pg')
const { postgresStore } = require('sessile/stores/postgres')
const ConnectPgSimple = require('connect-pg-simple')(require('express-session'))

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    active: { type: 'string', default: '5000' },
    expired: { type: 'string', default: '100000' }
  }
})
const rows = Number(values.rows)
const active = Number(values.active)
const expired = Number(values.expired)
const HOUR = 3_600_000
const MINUTE = 60_000
const AT_ONCE = 8

await using server = await startServer('postgres').then((started) => {
  if (started.skipped !== undefined) throw new Error(`There is ${started.skipped}.`)
  return started
})
const pool = new pg.Pool({ connectionString: server.url })
pool.on('error', () => {})
const one = async (text: string, given: unknown[] = []): Promise<Record<string, string>> => (await pool.query(text, given)).rows[0]

interface Side {
  readonly table: string
  readonly touch: (key: string, expiresAt: number) => Promise<unknown>
  /** Removes what has expired. @returns how long each statement took, ms */
  readonly sweep: () => Promise<readonly number[]>
  readonly close: () => Promise<unknown>
}

async function timed<T>(took: number[], call: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const answer = await call()
  took.push(performance.now() - start)
  return answer
}

async function theirs(): Promise<Side> {
  const store = new ConnectPgSimple({ conString: server.url, tableName: 'theirs', createTableIfMissing: true, pruneSessionInterval: false })
  await new Promise((resolve) => store.get('none', resolve))
  return {
    table: 'theirs',
    touch: (key, expiresAt) => new Promise((resolve) => store.touch(key, { cookie: { expires: new Date(expiresAt) } }, resolve)),
    async sweep() {
      const took: number[] = []
      await timed(took, () => new Promise((resolve) => store.pruneSessions(resolve)))
      return took
    },
    close: () => store.close()
  }
}

async function ours(): Promise<Side> {
  const store = postgresStore({ url: server.url })
  await store.open()
  return {
    table: 'session',
    touch: (key, expiresAt) => store.extend(key, expiresAt),
    async sweep() {
      const took: number[] = []
      // as many as one statement removes: the middleware asks for more, and gets them by several
      while ((await timed<readonly unknown[]>(took, () => store.removeExpired(100))).length > 0) {}
      return took
    },
    close: () => store.close()
  }
}

const keyOf = (at: number): string => String(at).padStart(32, 'k')

/** Expiries spread over the coming hour, and an hour before for those that have expired. */
async function fill(table: string): Promise<void> {
  const data = JSON.stringify({ cookie: { originalMaxAge: HOUR, httpOnly: true, path: '/' }, views: 1, note: 'x'.repeat(120) })
  const start = Date.now()
  for (let from = 0; from < rows; from += 10_000) {
    const some = Array.from({ length: Math.min(10_000, rows - from) }, (_, n) => from + n)
    // those that expire stand all over the table
    const isExpired = (at: number): boolean => at % Math.floor(rows / expired) === 0
    const ends = some.map((at) => (start + (isExpired(at) ? -HOUR : HOUR / 2) + ((at * 7919) % (HOUR / 2))) / 1000)
    await pool.query(
      `INSERT INTO ${table} (sid, sess, expire) SELECT sid, $3, to_timestamp(seconds) FROM unnest($1::text[], $2::float8[]) AS t (sid, seconds)`,
      [some.map(keyOf), ends, data]
    )
  }
  await pool.query(`VACUUM ANALYZE ${table}`)
}

const sizesOf = async (table: string): Promise<{ heap: number; indexes: number }> => {
  const { heap, indexes } = await one(`SELECT pg_table_size($1) AS heap, pg_indexes_size($1) AS indexes`, [table])
  return { heap: Number(heap) / 2 ** 20, indexes: Number(indexes) / 2 ** 20 }
}

/** One after another in each of several lanes. */
async function inLanes(keys: readonly string[], call: (key: string) => Promise<unknown>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < keys.length) await call(keys[next++]!)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

/** The server counts a while later; a connection that ends tells at once. */
async function updatesOf(table: string): Promise<{ all: number; hot: number }> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query('SELECT n_tup_upd AS all, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = $1', [table])
  await client.end()
  return { all: Number(rows[0].all), hot: Number(rows[0].hot) }
}

async function measure(make: () => Promise<Side>, name: string): Promise<void> {
  let side = await make()
  const { table } = side
  await fill(table)
  const before = await sizesOf(table)
  const keys = Array.from({ length: active }, (_, n) => keyOf(((n * 7919) % Math.floor(rows / 2)) * 2 + 1))
  // each is touched once a minute; the clock is only in the times that are stored
  const begin = Date.now() + HOUR
  for (let minute = 0; minute < 60; minute++) await inLanes(keys, (key) => side.touch(key, begin + minute * MINUTE))
  await side.close()
  // what its connections have not told yet
  const touches = active * 60
  let updates = await updatesOf(table)
  for (let tries = 0; updates.all < touches && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    updates = await updatesOf(table)
  }
  const after = await sizesOf(table)
  side = await make()
  const took = (await side.sweep()).toSorted((a, b) => a - b)
  await side.close()
  const left = Number((await one(`SELECT count(*) AS left FROM ${table} WHERE expire < to_timestamp($1)`, [Date.now() / 1000]))['left'])
  const mb = (value: number): string => `${value.toFixed(1)} MB`
  console.log(`${name}, ${rows} rows, ${mb(before.heap)} and ${mb(before.indexes)} of indexes`)
  console.log(`  ${updates.all} touches: ${((100 * updates.hot) / updates.all).toFixed(1)} % HOT (asked 95)`)
  console.log(`  grown by them: table ${mb(after.heap - before.heap)}, indexes ${mb(after.indexes - before.indexes)}`)
  console.log(
    `  swept of ${expired} expired in ${took.length} statements: longest ${took.at(-1)!.toFixed(1)} ms (asked 50), 99 % below ${took[Math.floor(took.length * 0.99)]!.toFixed(1)} ms, ${took.reduce((sum, each) => sum + each, 0).toFixed(0)} ms in all; ${left} left`
  )
}

console.log(`Node ${process.version}, PostgreSQL ${server.version}; ${active} sessions are touched once a minute, for an hour`)
await measure(theirs, 'connect-pg-simple')
await measure(ours, 'sessile')
await pool.end()
