import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import connectPgSimple from 'connect-pg-simple'
import session from 'express-session'
import pg from 'pg'
import { PostgresStore } from '../../src/entries/postgres.ts'
import { isSelected } from './selected.ts'

const at = (ms: number): string => new Date(Date.now() + ms).toISOString()
/** What a method calls back with. */
const told = (call: (callback: (...given: unknown[]) => void) => unknown): Promise<unknown[]> =>
  new Promise((resolve) => void call((...given) => resolve(given)))

/** What users of connect-pg-simple lean on. It holds for theirs and for ours. */
function contract(name: string, factory: (session: any) => any, pool: pg.Pool): void {
  describe(name, () => {
    let tables = 0
    const stores: any[] = []
    after(() => Promise.all(stores.map((store) => store.close())))
    const make = (options: object = {}): any => {
      const tableName = `${name.replace(/\W/g, '')}_${tables++}`
      const store = new (factory(session))({ pool, tableName, pruneSessionInterval: false, ...options })
      stores.push(store)
      return store
    }
    const fresh = async (options: object = {}): Promise<any> => {
      const store = make(options)
      await pool.query(`CREATE TABLE ${store.quotedTable()} (sid varchar PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL)`)
      return store
    }

    it('extends the Store of the session it is given, and quotes names', () => {
      const store = make({ tableName: 'a"b', schemaName: 'c"d' })
      assert.equal(store instanceof session.Store, true)
      assert.equal(store.quotedTable(), '"c""d"."a""b"')
      assert.throws(() => make({ pool: undefined, pgPromise: {} }), TypeError)
    })

    it('set, get, touch, destroy', async () => {
      const store = await fresh()
      const one = { cookie: { originalMaxAge: null, expires: at(60_000) }, foo: 'bar' }
      assert.equal((await told((callback) => store.get('a', callback)))[1], undefined)
      assert.equal((await told((callback) => store.set('a', one, callback)))[0] ?? null, null)
      assert.deepEqual((await told((callback) => store.get('a', callback)))[1], one)
      const end = async (): Promise<number> =>
        Number(
          (await pool.query(`SELECT extract(epoch FROM expire::timestamptz) AS at FROM ${store.quotedTable()} WHERE sid = 'a'`)).rows[0].at
        )
      const before = await end()
      assert.equal(before, Math.ceil(Date.parse(one.cookie.expires) / 1000))
      await told((callback) => store.touch('a', { cookie: { expires: at(90_000) } }, callback))
      assert.ok((await end()) > before)
      assert.deepEqual((await told((callback) => store.get('a', callback)))[1], one)
      await told((callback) => store.destroy('a', callback))
      assert.equal((await told((callback) => store.get('a', callback)))[1], undefined)
      await told((callback) => store.set('a', one, callback))
      assert.deepEqual((await told((callback) => store.get('a', callback)))[1], one)
    })

    it('removes what has expired', async () => {
      const store = await fresh()
      const rows = async (): Promise<number> => (await pool.query(`SELECT FROM ${store.quotedTable()}`)).rowCount!
      await told((callback) => store.set('a', { cookie: { expires: at(-5000) } }, callback))
      assert.equal((await told((callback) => store.get('a', callback)))[1], undefined)
      assert.equal(await rows(), 1)
      assert.deepEqual(await told((callback) => store.pruneSessions(callback)), [null, undefined].slice(0, 1))
      assert.equal(await rows(), 0)
    })

    it('prunes on a timer that close calls off', async () => {
      const store = await fresh({ pruneSessionInterval: 60 })
      assert.equal(store.pruneTimer, undefined)
      await told((callback) => store.get('a', callback))
      assert.ok(store.pruneTimer)
      await store.close()
      assert.equal(store.pruneTimer, undefined)
    })
  })
}

const server = isSelected('postgres') ? await serverFor('postgres, connect-pg-simple', 'postgres') : undefined
if (server) {
  const pool = new pg.Pool({ connectionString: server.url })
  pool.on('error', () => {})
  after(() => pool.end())
  contract('theirs', connectPgSimple, pool)
  contract('ours', PostgresStore as never, pool)
}
