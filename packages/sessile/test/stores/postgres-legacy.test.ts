import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import connectPgSimple from 'connect-pg-simple'
import session from 'express-session'
import pg from 'pg'
import { serverFor } from '../../../test-servers/src/index.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import { legacyTable, newTable } from './postgres-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000

interface Data {
  cookie: object
  views?: number
  name?: string
  userId?: string
}
interface Legacy {
  set(key: string, data: Data): Promise<void>
  get(key: string): Promise<Data | undefined>
  touch(key: string, data: Data): Promise<void>
  destroy(key: string): Promise<void>
}

const server = isSelected('postgres') ? await serverFor('postgres and connect-pg-simple', 'postgres') : undefined
if (server) {
  describe('postgres and connect-pg-simple 10 on one table', () => {
    const pool = new pg.Pool({ connectionString: server.url })
    pool.on('error', () => {}) // the server may be gone before its connections are
    const legacies: { close(): void }[] = []
    const stores: SessionBackend[] = []
    after(async () => {
      legacies.forEach((store) => store.close())
      await Promise.all(stores.map((store) => store.close!()))
      await pool.end()
    })

    /** The real older store, by promises. */
    function legacyOn(tableName: string): Legacy {
      const store = new (connectPgSimple(session))({ pool, tableName, pruneSessionInterval: false })
      legacies.push(store)
      const promised = <T>(call: (done: (error?: unknown, value?: T) => void) => void): Promise<T> =>
        new Promise((resolve, reject) => call((error, value) => (error ? reject(error as Error) : resolve(value as T))))
      return {
        set: (key, data) => promised((done) => store.set(key, data, done)),
        get: (key) => promised<Data | undefined>((done) => store.get(key, done)),
        touch: (key, data) => promised((done) => store.touch(key, data, done)),
        destroy: (key) => promised((done) => store.destroy(key, done))
      }
    }
    function oursOn(tableName: string): SessionBackend {
      const store = postgresStore({ client: pool, tableName })
      stores.push(store)
      return store
    }
    const dataOf = (ms: number, more: object = {}): Data => {
      const expires = new Date(Date.now() + ms)
      return { cookie: { originalMaxAge: ms, expires, httpOnly: true, path: '/' }, ...more }
    }
    const near = (one: number, other: number): void => assert.ok(Math.abs(one - other) <= 1000, `${one} and ${other}`)
    const expireOf = async (table: string, key: string): Promise<number> => {
      const { rows } = await pool.query(`SELECT extract(epoch FROM expire::timestamptz) * 1000 AS at FROM "${table}" WHERE sid = $1`, [key])
      return Number(rows[0].at)
    }

    for (const maker of ['theirs', 'ours'] as const) {
      describe(`the table is ${maker}`, () => {
        const table = newTable()
        const legacy = legacyOn(table)
        const ours = oursOn(table)
        it('is made', async () => {
          if (maker === 'theirs') await pool.query(legacyTable(table))
          await ours.open!()
        })

        it('they write; we read, change, touch; they read', async () => {
          const key = newId()
          const data = dataOf(HOUR, { views: 1, name: 'Zoë', userId: 'ada' })
          await legacy.set(key, data)
          const record = await ours.read(key)
          assert.deepEqual(JSON.parse(record!.data), JSON.parse(JSON.stringify(data)))
          near(record!.expiresAt, Date.now() + HOUR)
          const next = JSON.stringify({ ...JSON.parse(record!.data), views: 2 })
          assert.equal(
            (await ours.swap(key, record!.version, { data: next, expiresAt: Date.now() + 2 * HOUR, userId: 'ada' })).outcome,
            'done'
          )
          assert.equal((await legacy.get(key))?.views, 2)
          near(await expireOf(table, key), Date.now() + 2 * HOUR)
          assert.equal(await ours.extend(key, Date.now() + 3 * HOUR), true)
          near(await expireOf(table, key), Date.now() + 3 * HOUR)
          assert.deepEqual(await legacy.get(key), JSON.parse(next))
          assert.deepEqual(await ours.keysOfUser!('ada'), [key])
        })

        it('we write; they read, change, touch; we read', async () => {
          const key = newId()
          const data = dataOf(HOUR, { views: 1 })
          const created = await ours.create(key, { data: JSON.stringify(data), expiresAt: Date.now() + HOUR, userId: 'bob' })
          assert.equal(created.outcome, 'done')
          assert.deepEqual(await legacy.get(key), JSON.parse(JSON.stringify(data)))
          await legacy.touch(key, dataOf(2 * HOUR))
          near((await ours.read(key))!.expiresAt, Date.now() + 2 * HOUR)
          await legacy.set(key, dataOf(3 * HOUR, { views: 5 }))
          const record = await ours.read(key)
          near(record!.expiresAt, Date.now() + 3 * HOUR)
          assert.equal((JSON.parse(record!.data) as Data).views, 5)
        })

        it('what they wrote meanwhile, no swap of ours overwrites', async () => {
          const key = newId()
          await legacy.set(key, dataOf(HOUR, { views: 1 }))
          const { version } = (await ours.read(key))!
          await legacy.set(key, dataOf(HOUR, { views: 2 }))
          const stale = { data: '{"cookie":{},"views":9}', expiresAt: Date.now() + HOUR }
          assert.equal((await ours.swap(key, version, stale)).outcome, 'changed')
          assert.equal((await legacy.get(key))?.views, 2)
          await legacy.destroy(key)
          assert.equal((await ours.swap(key, version, stale)).outcome, 'gone')
          assert.equal(await ours.extend(key, Date.now() + HOUR), false)
          assert.equal(await legacy.get(key), undefined)
        })

        it('deleted and made anew it has another version', async () => {
          const key = newId()
          await legacy.set(key, dataOf(HOUR, { views: 1 }))
          const { version } = (await ours.read(key))!
          await legacy.destroy(key)
          await legacy.set(key, dataOf(HOUR, { views: 1 }))
          assert.equal((await ours.swap(key, version, { data: '{}', expiresAt: Date.now() + HOUR })).outcome, 'changed')
        })

        it('what is over for us is over for them, and what they left expired is swept', async () => {
          const key = newId()
          await ours.create(key, { data: JSON.stringify(dataOf(-5000)), expiresAt: Date.now() - 5000 })
          assert.equal(await legacy.get(key), undefined)
          assert.equal(await ours.read(key), undefined)
          assert.deepEqual(
            (await ours.removeExpired!(10)).map((one) => one.key),
            [key]
          )
          await ours.create(key, { data: JSON.stringify(dataOf(HOUR)), expiresAt: Date.now() + HOUR })
          await ours.remove(key)
          assert.equal(await legacy.get(key), undefined)
        })
      })
    }

    it('their table keeps its columns and indexes, and gets a column for users and its index', async () => {
      const table = newTable()
      await pool.query(legacyTable(table))
      await oursOn(table).open!()
      const { rows: columns } = await pool.query(
        'SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position',
        [table]
      )
      assert.deepEqual(
        columns.map((row) => Object.values(row).join(' ')),
        ['sid character varying NO', 'sess json NO', 'expire timestamp without time zone NO', 'sessile_user text YES']
      )
      const { rows: indexes } = await pool.query('SELECT indexname FROM pg_indexes WHERE tablename = $1 ORDER BY 1', [table])
      assert.deepEqual(
        indexes.map((row) => row.indexname),
        [`IDX_${table}_expire`, `${table}_pkey`, `${table}_sessile_user`].sort()
      )
    })
  })
}
