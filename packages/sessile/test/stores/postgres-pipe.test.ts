import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import pg from 'pg'
import { serverFor } from '../../../test-servers/src/index.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import { newTable } from './postgres-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const record = (data = '{"cookie":{}}') => ({ data, expiresAt: Date.now() + HOUR })

const server = isSelected('postgres') ? await serverFor('postgres, writes of one connection', 'postgres') : undefined
if (server) {
  describe('postgres, writes of one connection', () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 4 })
    pool.on('error', () => {}) // the server may be gone before its connections are
    after(() => pool.end())

    /** A store in a table of its own, with sessions, and how many connections it has. */
    async function storeWith(keys: readonly string[]) {
      const tableName = newTable()
      const url = new URL(server!.url)
      url.searchParams.set('application_name', tableName)
      const store = postgresStore({ url: url.href, tableName, maxConnections: 6 })
      const versions = new Map<string, string>()
      for (const key of keys) {
        await store.create(key, record())
        versions.set(key, (await store.read(key))!.version as string)
      }
      const connections = async (): Promise<number> => {
        const { rows } = await pool.query('SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1', [tableName])
        return (rows as [{ count: number }])[0].count
      }
      return { store, tableName, versions, connections }
    }

    it('they wait for no row that somebody else holds, and who wants that row has it afterwards', async () => {
      const keys = Array.from({ length: 8 }, (_, at) => `key-${at}`)
      const { store, tableName, versions } = await storeWith([...keys, 'touched'])
      const holder = await pool.connect()
      try {
        await holder.query(`BEGIN; SELECT FROM ${tableName} WHERE sid IN ('key-0', 'touched') FOR UPDATE`)
        const order: string[] = []
        const swaps = keys.map(async (key) => {
          const { outcome } = await store.swap(key, versions.get(key)!, record('{"cookie":{},"changed":true}'))
          order.push(key)
          return outcome
        })
        const touched = Promise.resolve(store.extend('touched', Date.now() + 2 * HOUR)).finally(() => order.push('touched'))
        await Promise.all(swaps.slice(1))
        assert.deepEqual(order.toSorted(), keys.slice(1))
        await holder.query('COMMIT')
        assert.deepEqual(await Promise.all(swaps), Array(8).fill('done'))
        assert.equal(await touched, true)
        assert.match((await store.read('key-0'))!.data, /changed/)
      } finally {
        holder.release()
        await store.close!()
      }
    })

    it('where commits take long they go over several connections', async () => {
      const keys = Array.from({ length: 12 }, (_, at) => `key-${at}`)
      const touchAll = (store: SessionBackend, times: number) =>
        Promise.all(keys.map((key) => store.extend(key, Date.now() + HOUR + times * 60_000)))
      const sharing = async (tries = 3): Promise<Awaited<ReturnType<typeof storeWith>>> => {
        const made = await storeWith(keys)
        for (let times = 1; times <= 5; times++) await touchAll(made.store, times)
        // one for whatever else, one for reads, one for writes
        if ((await made.connections()) === 3) return made
        await made.store.close!()
        // where the machine keeps this process waiting for some ms, the store takes it for the server
        assert.ok(tries > 1, 'writes do not share a connection')
        return sharing(tries - 1)
      }
      const { store, tableName, connections } = await sharing()
      await pool.query(`
        CREATE FUNCTION ${tableName}_slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON ${tableName} DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION ${tableName}_slow()`)
      for (let times = 6; times < 40 && (await connections()) < 8; times++) await touchAll(store, times)
      assert.equal(await connections(), 8)
      await store.close!()
    })
  })
}
