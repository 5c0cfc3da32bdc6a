import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { RedisStore as TheirRedisStore } from 'connect-redis'
import connectPgSimple from 'connect-pg-simple'
import { sign } from 'cookie-signature'
import session from 'express-session'
import pg from 'pg'
import { PostgresStore } from '../../src/entries/postgres.ts'
import { RedisStore } from '../../src/entries/redis.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { ours, serve } from '../express/helpers.ts'
import { newTable } from './postgres-harness.ts'
import { freshPrefix, nodeRedis } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const one = { cookie: { expires: new Date(Date.now() + 60_000).toISOString() } }
/** What a method calls back with. */
const told = (call: (callback: (...given: unknown[]) => void) => unknown): Promise<any[]> =>
  new Promise((resolve) => void call((...given) => resolve(given)))

/** Failures are the driver's own, by callback as by promise; whoever compares them sees no difference. */
const redis = isSelected('redis') ? await serverFor('redis, errors of the class', 'redis') : undefined
const postgres = isSelected('postgres') ? await serverFor('postgres, errors of the class', 'postgres') : undefined
if (redis) {
  const app = await nodeRedis(redis.url)
  after(() => app.end())
  for (const [name, Store] of Object.entries<any>({ 'connect-redis': TheirRedisStore, RedisStore })) {
    describe(`${name}: errors`, () => {
      const taken = async (): Promise<any> => {
        const store = new Store({ client: app.client, prefix: freshPrefix() })
        await app.client.sendCommand(['LPUSH', `${store.prefix}list`, 'x'])
        return store
      }

      it('a key of another type', async () => {
        const store = await taken()
        const [error, value] = await told((callback) => store.get('list', callback))
        assert.match(error.message, /^WRONGTYPE/)
        assert.equal(isSessionError(error), false)
        assert.equal(value ?? null, null)
        await assert.rejects(store.get('list'), (thrown: Error) => thrown.constructor === error.constructor)
      })
    })
  }

  it('RedisStore: ten failures in a row keep no call from being made', async () => {
    const store = new RedisStore({ client: app.client, prefix: freshPrefix() })
    await app.client.sendCommand(['LPUSH', `${store.prefix}list`, 'x'])
    for (let tries = 0; tries < 10; tries++) await assert.rejects(store.get('list'), /^\w*Error: WRONGTYPE/)
    await store.set('a', one)
    assert.deepEqual(await store.get('a'), one)
  })

  it('RedisStore under sessile: the same is a SessionError', async (t) => {
    const store = new RedisStore({ client: app.client, prefix: freshPrefix() })
    await app.client.sendCommand(['LPUSH', `${store.prefix}list`, 'x'])
    const server = await serve(t, ours({ secret: 'teal lantern', resave: false, saveUninitialized: false, store }), (req, res) =>
      res.end(String(req.session.id))
    )
    const answer = await server.get('/', { cookie: `connect.sid=${encodeURIComponent(`s:${sign('list', 'teal lantern')}`)}` })
    assert.equal(answer.status, 503)
    const [error] = server.errors as any[]
    assert.equal(error.code, 'store-failed')
    assert.match(error.cause.message, /^WRONGTYPE/)
  })
}

if (postgres) {
  // no timers of its own: one that was set by a real clock is not called off by a faked one
  const pool = new pg.Pool({ connectionString: postgres.url, idleTimeoutMillis: 0 })
  pool.on('error', () => {})
  after(() => pool.end())
  for (const [name, factory] of Object.entries<any>({ 'connect-pg-simple': connectPgSimple, PostgresStore })) {
    describe(`${name}: errors`, () => {
      const stores: any[] = []
      after(() => Promise.all(stores.map((store) => store.close())))
      const make = (options: object = {}): any => {
        const store = new (factory(session))({ pool, tableName: newTable(), pruneSessionInterval: false, ...options })
        stores.push(store)
        return store
      }
      const create = (store: any, dataType = 'json'): Promise<unknown> =>
        pool.query(`CREATE TABLE ${store.quotedTable()} (sid varchar PRIMARY KEY, sess ${dataType} NOT NULL, expire timestamp(6) NOT NULL)`)

      it('a table that is missing', async () => {
        const store = make()
        const message = `relation ${store.quotedTable()} does not exist`
        const methods: ((callback: any) => unknown)[] = [
          (callback) => store.get('a', callback),
          (callback) => store.set('a', one, callback),
          (callback) => store.touch('a', one, callback),
          (callback) => store.destroy('a', callback),
          (callback) => store.pruneSessions(callback),
          (callback) => store.query(`SELECT FROM ${store.quotedTable()}`, callback)
        ]
        for (const method of methods) {
          const [error] = await told(method)
          assert.deepEqual([error.code, error.message], ['42P01', message], String(method))
          assert.equal(error instanceof pg.DatabaseError, true)
        }
      })

      it('a table of something else', async () => {
        const store = make()
        await pool.query(`CREATE TABLE ${store.quotedTable()} (sid varchar)`)
        assert.equal((await told((callback) => store.get('a', callback)))[0].code, '42703')
      })

      it('is used again once the table is there', async () => {
        const store = make()
        for (let tries = 0; tries < 10; tries++) assert.equal((await told((callback) => store.get('a', callback)))[0].code, '42P01')
        await create(store)
        await told((callback) => store.set('a', one, callback))
        assert.deepEqual((await told((callback) => store.get('a', callback)))[1], one)
      })

      it('a pool that has ended, one that is not there, two callbacks', async () => {
        const ended = new pg.Pool({ connectionString: postgres.url })
        await ended.end()
        const [error] = await told((callback) => make({ pool: ended }).get('a', callback))
        assert.equal(error.message, 'Cannot use a pool after calling end on the pool')
        const nowhere = make({ pool: undefined, conObject: { host: '127.0.0.1', port: 1 } })
        assert.equal((await told((callback) => nowhere.get('a', callback)))[0].code, 'ECONNREFUSED')
        assert.throws(
          () =>
            make().query(
              'SELECT 1',
              () => {},
              () => {}
            ),
          new Error('Two callback functions set at once')
        )
        assert.throws(() => make({ pool: undefined, pgPromise: {} }), /^TypeError: `pgPromise` config must point to/)
      })

      it('a row that cannot be read is deleted, one that can is not', async () => {
        const store = make()
        const table = store.quotedTable()
        await create(store, 'text')
        const end = `now() + interval '1h'`
        await pool.query(`INSERT INTO ${table} VALUES ('bad', 'no json', ${end}), ('good', '{"a":1}', ${end}), ('five', '5', ${end})`)
        assert.deepEqual(await told((callback) => store.get('bad', callback)), [null])
        assert.deepEqual(await told((callback) => store.get('good', callback)), [null, { a: 1 }])
        assert.deepEqual(await told((callback) => store.get('five', callback)), [null, 5])
        const { rows } = await pool.query(`SELECT sid FROM ${table} ORDER BY sid`)
        assert.deepEqual(rows, [{ sid: 'five' }, { sid: 'good' }])
      })

      it('conString, conObject; a pool of its own that was closed', async () => {
        const tableName = newTable()
        for (const options of [{ conString: postgres.url }, { conObject: { connectionString: postgres.url } }]) {
          const store = make({ pool: undefined, tableName, ...options })
          if (options.conString) await create(store)
          await told((callback) => store.set('a', one, callback))
          assert.deepEqual(await told((callback) => store.get('a', callback)), [null, one])
          await store.close()
          store.close = () => {}
          assert.match((await told((callback) => store.get('a', callback)))[0].message, /^Cannot use a pool/)
          assert.match((await told((callback) => store.pruneSessions(callback)))[0].message, /^Cannot use a pool/)
        }
      })

      // theirs may fail: two find no table, and the second is told that there is one
      if (factory !== connectPgSimple)
        it('three at once create one table, in a schema with another name', async () => {
          const schemaName = `${newTable()}"s`
          await pool.query(`CREATE SCHEMA "${schemaName.replaceAll('"', '""')}"`)
          const racing = [1, 2, 3].map(() => make({ schemaName, tableName: 'My"T', createTableIfMissing: true }))
          for (const answer of await Promise.all(racing.map((store) => told((callback) => store.set('a', one, callback)))))
            assert.deepEqual(answer, [null])
        })

      it("an end that is no time is the server's error; a touch of nothing is none", async () => {
        const store = make()
        await create(store)
        assert.deepEqual(await told((callback) => store.touch('none', one, callback)), [null])
        assert.equal((await told((callback) => store.set('a', { cookie: { expires: 'garbage' } }, callback)))[0].code, '22008')
      })

      it('a removal of expired sessions tells errorLog what failed', async () => {
        const logged: any[] = []
        const store = make({ errorLog: (...what: unknown[]) => logged.push(what), pruneSessionInterval: 60 })
        store.pruneSessions()
        while (logged.length === 0) await new Promise(setImmediate)
        assert.equal(logged[0][0], 'Failed to prune sessions:')
        assert.equal(logged[0][1].code, '42P01')
        assert.ok(store.pruneTimer, 'and is tried again')
      })

      it('delays: what the function says of the interval', async () => {
        const asked: number[] = []
        const randomized = (delay: number): number => (asked.push(delay), delay * 2)
        const store = make({ pruneSessionInterval: 10, pruneSessionRandomizedInterval: randomized })
        await told((callback) => store.get('a', callback))
        assert.deepEqual(asked, [10_000])
      })

      it('a clock that jumps far while a query is under way', async (t) => {
        const client = await pool.connect()
        const store = make({ pruneSessionInterval: 60 })
        await create(store)
        await told((callback) => store.set('a', one, callback))
        t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: Date.now() })
        try {
          await client.query('BEGIN')
          await client.query(`LOCK TABLE ${store.quotedTable()}`)
          const asked = told((callback) => store.get('a', callback))
          t.mock.timers.tick(3_000)
          t.mock.timers.tick(20_000)
          await client.query('COMMIT')
          assert.deepEqual((await asked)[1], one)
        } finally {
          client.release(true)
        }
      })
    })
  }

  it('PostgresStore: 20,000 expired sessions go in many small statements', async () => {
    let statements = 0
    const timed = {
      query: async (...given: [string, unknown[]?]) => {
        if (/DELETE/.test(given[0])) statements++
        return pool.query(...given)
      }
    }
    const store = new PostgresStore({ pool: timed, tableName: newTable(), createTableIfMissing: true, pruneSessionInterval: false })
    await store.get('none')
    const rows = `SELECT md5(n::text), '{"cookie":{}}', now() - n * interval '1 s' FROM generate_series(1, 20000) AS n`
    await pool.query(`INSERT INTO ${store.quotedTable()} (sid, sess, expire) ${rows}`)
    await store.set('alive', one)
    assert.deepEqual(await told((callback) => store.pruneSessions(callback)), [null])
    assert.equal((await pool.query(`SELECT FROM ${store.quotedTable()}`)).rowCount, 1)
    // a hundred each, and one that finds nothing more
    assert.equal(statements, 201)
  })
}
