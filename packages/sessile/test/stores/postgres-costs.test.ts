import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { serverFor } from '../../../test-servers/src/index.ts'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import { lineTo } from './line.ts'
import { legacyTable, newTable } from './postgres-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const data = JSON.stringify({ cookie: { originalMaxAge: HOUR, path: '/' }, name: 'x'.repeat(100) })
const record = (expiresAt = Date.now() + HOUR, userId?: string) => ({ data, expiresAt, userId })

/** How often a client sent what the server has to answer before it goes on: a query, or the end of a prepared one. */
function roundTrips(sent: readonly Buffer[][]): number {
  let count = 0
  for (const chunks of sent) {
    const bytes = Buffer.concat(chunks)
    // the first message has no type
    for (let at = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
      const type = String.fromCharCode(bytes[at]!)
      if (type === 'S' || type === 'Q') count++
    }
  }
  return count
}

const server = isSelected('postgres') ? await serverFor('postgres, what it costs', 'postgres') : undefined
if (server) {
  describe('postgres, what it costs', () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 4 })
    pool.on('error', () => {}) // the server may be gone before its connections are
    after(() => pool.end())

    it('one round trip for each operation, whatever its outcome', async () => {
      await using line = await lineTo(server.url, true)
      const store = postgresStore({ url: line.url, tableName: newTable(), maxConnections: 1 })
      await store.open!()
      let version: unknown = ''
      let stale: unknown = ''
      const operations: [string, () => unknown][] = [
        ['create', async () => (version = stale = ((await store.create('key', record(undefined, 'ada'))) as { version: string }).version)],
        ['create, taken', () => store.create('key', record())],
        ['read', () => store.read('key')],
        ['read, nothing there', () => store.read('other')],
        [
          'swap',
          async () => (version = ((await store.swap('key', version as string, record(undefined, 'ada'))) as { version: string }).version)
        ],
        ['swap, changed', () => store.swap('key', stale as string, record())],
        ['swap, gone', () => store.swap('other', stale as string, record())],
        ['extend', () => store.extend('key', Date.now() + 2 * HOUR)],
        ['extend, shorter', () => store.extend('key', Date.now() + HOUR)],
        ['extend, nothing there', () => store.extend('other', Date.now() + HOUR)],
        ['keysOfUser', () => store.keysOfUser!('ada')],
        ['scan', () => store.scan!(undefined, 10)],
        ['ping', () => store.ping!()],
        ['removeExpired', () => store.removeExpired!(10)],
        ['remove', () => store.remove('key')],
        ['remove, nothing there', () => store.remove('key')]
      ]
      for (const [name, call] of operations) {
        const before = roundTrips(line.sent)
        await call()
        assert.equal(roundTrips(line.sent) - before, 1, name)
      }
      await store.close!()
    })

    /** Touches sessions like 30 minutes of life with a touch a minute, and counts the rows that were replaced in place. */
    async function hotShare(table: string): Promise<number> {
      const store = postgresStore({ url: server!.url, tableName: table })
      const [sessions, touches] = [400, 30]
      const start = Date.now()
      const times = Array.from({ length: sessions }, (_, index) => start + HOUR / 2 + index * 9000)
      await Promise.all(times.map((expiresAt, index) => store.create(`key-${index}`, record(expiresAt, `user-${index}`))))
      for (let minute = 1; minute <= touches; minute++) {
        await Promise.all(times.map((expiresAt, index) => store.extend(`key-${index}`, expiresAt + minute * 60_000, `user-${index}`)))
      }
      // what a connection has counted is known at its end at the latest
      await store.close!()
      for (let tries = 0; tries < 200; tries++) {
        const { rows } = await pool.query(
          'SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = $1',
          [table]
        )
        const [{ all, hot }] = rows as [{ all: number; hot: number }]
        if (all >= sessions * touches) return hot / all
        await pause(100)
      }
      return assert.fail('the server did not count the touches')
    }

    it('touches replace the row in place in tables of ours, but for one in an hour', async (t) => {
      const tableName = newTable()
      const share = await hotShare(tableName)
      t.diagnostic(`${(share * 100).toFixed(1)} % HOT`)
      assert.ok(share >= 0.95, `${share}`)
    })

    it('in tables of connect-pg-simple they cannot, and nothing else is different', async (t) => {
      const tableName = newTable()
      await pool.query(legacyTable(tableName))
      const share = await hotShare(tableName)
      t.diagnostic(`${(share * 100).toFixed(1)} % HOT`)
      assert.ok(share < 0.05, `${share}: if PostgreSQL can by now, the doc comments should say so`)
    })

    it('a million bytes come and go', async () => {
      const store = postgresStore({ url: server.url, tableName: newTable() })
      const large = { data: JSON.stringify({ cookie: {}, text: 'é'.repeat(500_000) }), expiresAt: Infinity }
      await store.create('key', large)
      assert.equal((await store.read('key'))?.data, large.data)
      assert.equal((await store.read('key'))?.expiresAt, Infinity)
      await store.close!()
    })

    it('a finished process ends though its store is open', async () => {
      const { execFile } = await import('node:child_process')
      const { promisify } = await import('node:util')
      const entry = new URL('../../src/entries/postgres.ts', import.meta.url).href
      const code = `const { postgresStore } = await import(${JSON.stringify(entry)})
        const store = postgresStore({ url: ${JSON.stringify(server.url)}, tableName: ${JSON.stringify(newTable())} })
        store.watchRemoved(() => {})
        await store.create('key', { data: '{}', expiresAt: Infinity })
        console.log((await store.read('key')).data)`
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
      assert.equal(stdout, '{}\n')
    })
  })
}
