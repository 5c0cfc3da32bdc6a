import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import connectPgSimple from 'connect-pg-simple'
import session from 'express-session'
import pg from 'pg'
import { serverFor } from '../../../test-servers/src/index.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { EventHub } from '../../src/core/events.ts'
import { SessionRecords } from '../../src/core/records.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres/options.ts'
import { legacyTable, newTable } from './postgres-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const record = (userId?: string) => ({ data: '{"cookie":{}}', expiresAt: Date.now() + HOUR, userId })

const server = isSelected('postgres') ? await serverFor('postgres, its tables', 'postgres') : undefined
if (server) {
  describe('postgres, its tables', () => {
    const pool = new pg.Pool({ connectionString: server.url })
    pool.on('error', () => {}) // the server may be gone before its connections are
    const opened: { close?(): unknown }[] = []
    const store = (more: PostgresStoreOptions = {}): SessionBackend => {
      const made = postgresStore(more.url ? more : { client: pool, ...more })
      opened.push(made)
      return made
    }
    after(async () => {
      await Promise.all(opened.map((one) => one.close?.()))
      await pool.end()
    })

    /** What is warned of while something runs. */
    async function warnings(run: () => Promise<void>): Promise<string[]> {
      const heard: string[] = []
      const listener = (warning: Error): void => void heard.push(warning.message)
      process.on('warning', listener)
      await run()
      await new Promise((resolve) => setImmediate(resolve))
      process.off('warning', listener)
      return heard
    }

    it('are made once, by however many begin at the same moment, connect-pg-simple among them', async () => {
      for (let round = 0; round < 4; round++) {
        const tableName = newTable()
        const stores: SessionBackend[] = Array.from({ length: 8 }, () => store({ url: server.url, tableName, maxConnections: 2 }))
        const legacy = new (connectPgSimple(session))({ pool, tableName, pruneSessionInterval: false, createTableIfMissing: true })
        opened.push(legacy)
        const asked = new Promise((resolve) => legacy.get('nobody', (error) => resolve(error)))
        await Promise.all(
          stores.flatMap((one) => [
            one.open!(),
            one.create(`key-${Math.random()}`, record('ada')),
            one.space!('marks').create('mark', record())
          ])
        )
        // its "if not exists" may lose against ours; ours must not against its
        await asked
        assert.equal((await stores[0]!.keysOfUser!('ada')).length, 8)
        await Promise.all(stores.map((one) => one.close!()))
      }
    })

    it("of any name stand beside connect-pg-simple's of any name, whichever came first", async () => {
      const schemaName = newTable()
      await pool.query(`CREATE SCHEMA "${schemaName}"`)
      const legacy = async (tableName: string): Promise<unknown> => {
        const made = new (connectPgSimple(session))({
          pool,
          schemaName,
          tableName,
          pruneSessionInterval: false,
          createTableIfMissing: true
        })
        opened.push(made)
        return new Promise((resolve) => made.get('nobody', resolve))
      }
      await store({ schemaName, tableName: 'session' }).open!()
      assert.equal((await legacy('theirs')) ?? null, null)
      await pool.query(`DROP TABLE "${schemaName}"."session"`)
      await store({ schemaName, tableName: 'session' }).open!()
    })

    it('CVE-2019-15658: a name is a name, whatever is in it', async () => {
      await pool.query('CREATE SCHEMA IF NOT EXISTS "my ""schema"; CREATE TABLE IF NOT EXISTS precious (id int)')
      const tableName = `it's "; DROP TABLE precious; --`
      for (const schemaName of ['', 'my "schema']) {
        const odd = store({ tableName, ...(schemaName === '' ? {} : { schemaName }) })
        assert.equal((await odd.create('key', record('ada'))).outcome, 'done')
        assert.deepEqual(await odd.keysOfUser!('ada'), ['key'])
        assert.equal((await odd.space!('marks').create('key', record())).outcome, 'done')
        assert.ok(await odd.remove('key'))
      }
      assert.equal((await pool.query('SELECT FROM precious')).rowCount, 0)
      const { rows } = await pool.query('SELECT schemaname FROM pg_tables WHERE tablename = $1 ORDER BY 1', [tableName])
      assert.deepEqual(
        rows.map((row) => row.schemaname),
        ['my "schema', 'public']
      )
    })

    it('names that would be cut off or cannot be are refused', () => {
      for (const tableName of ['', 'x'.repeat(64), 'a\0b', 7 as never]) {
        assert.throws(
          () => store({ tableName }),
          (error) => isSessionError(error) && error.code === 'bad-option'
        )
      }
      assert.throws(() => store({ tableName: 'x'.repeat(60) }).space!('marks'), /bad-option|cannot be used/)
      assert.throws(() => postgresStore({}), /url or a client/)
      assert.throws(() => postgresStore({ url: server.url, client: pool }), /one of them/)
      assert.throws(() => postgresStore({ client: {} as never }), /no method query/)
      assert.throws(() => store({ table: 'x' } as never), /no option "table"/)
    })

    it('long names have indexes of their own', async () => {
      const [one, other] = ['a', 'b'].map((end) => store({ tableName: `${'x'.repeat(62)}${end}` }))
      assert.equal((await one!.create('key', record('ada'))).outcome, 'done')
      assert.equal((await other!.create('key', record('bob'))).outcome, 'done')
      assert.deepEqual([await one!.keysOfUser!('ada'), await other!.keysOfUser!('ada')], [['key'], []])
    })

    it('a URL may name table and schema, and goes on to pg without them', async () => {
      await pool.query('CREATE SCHEMA IF NOT EXISTS app')
      const byUrl = backendByUrl(`${server.url}?application_name=a%20b&tableName=web%20sessions&schemaName=app`)
      opened.push(byUrl)
      assert.equal((await byUrl.create('key', record())).outcome, 'done')
      assert.equal((await pool.query('SELECT FROM app."web sessions"')).rowCount, 1)
      const { rows } = await pool.query('SELECT DISTINCT application_name FROM pg_stat_activity')
      assert.ok(rows.some((row) => row.application_name === 'a b'))
    })

    it('a table of something else is not used', async () => {
      const tableName = newTable()
      await pool.query(`CREATE TABLE "${tableName}" (id int, sess json)`)
      await assert.rejects(store({ tableName }).open!() as Promise<void>, /no column sid, expire/)
    })

    it('createTableIfMissing: false makes none, and finds it when it is there', async () => {
      const tableName = newTable()
      const careful = store({ tableName, createTableIfMissing: false })
      await assert.rejects(careful.open!() as Promise<void>, /is missing/)
      await pool.query(legacyTable(tableName))
      await careful.open!()
      assert.equal((await careful.create('key', record('ada'))).outcome, 'done')
    })

    it('userIndex: false leaves the table alone and promises no list', async () => {
      const tableName = newTable()
      await pool.query(legacyTable(tableName))
      const plain = store({ tableName, userIndex: false })
      assert.equal((await plain.create('key', record('ada'))).outcome, 'done')
      assert.equal(plain.keysOfUser, undefined)
      assert.equal((await plain.read('key'))!.userId, undefined)
      const { rowCount } = await pool.query(
        "SELECT FROM information_schema.columns WHERE table_name = $1 AND column_name = 'sessile_user'",
        [tableName]
      )
      assert.equal(rowCount, 0)
    })

    it('a role that may create nothing serves sessions, is warned once, and told by what it cannot do', async () => {
      const tableName = newTable()
      await pool.query(`
        DO $$ BEGIN CREATE ROLE humble LOGIN PASSWORD 'humble'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        ${legacyTable(tableName)};
        GRANT SELECT, INSERT, UPDATE, DELETE ON "${tableName}" TO humble`)
      const url = new URL(server.url)
      url.username = url.password = 'humble'
      const humble = postgresStore({ url: url.href, tableName })
      opened.push(humble)
      const records = new SessionRecords(humble, { events: new EventHub(), handleOf: () => 'handle' })
      const heard = await warnings(async () => {
        const change = { text: '{"cookie":{}}', expiresAt: Date.now() + HOUR, userId: 'ada' }
        const loaded = await records.create('key', change)
        assert.equal(await records.commit(loaded, { ...change, text: '{"cookie":{},"n":1}' }), 'saved')
        assert.equal((await records.load('key'))?.text, '{"cookie":{},"n":1}')
      })
      assert.equal(heard.length, 1)
      assert.match(heard[0]!, /not permitted.*ALTER TABLE/)
      await assert.rejects(
        async () => await humble.keysOfUser!('ada'),
        (error) => isSessionError(error) && error.code === 'not-supported'
      )
      await assert.rejects(async () => await records.users.revokeAll('ada'), /CREATE TABLE/)
      await assert.rejects(
        async () => await humble.space!('marks').create('ada', record()),
        (error) => isSessionError(error) && error.code === 'not-supported'
      )
      assert.equal(await humble.space!('marks').read('ada'), undefined)
      assert.deepEqual(await humble.removeExpired!(10), [])
      const homeless = postgresStore({ url: url.href, tableName: newTable() })
      opened.push(homeless)
      await assert.rejects(async () => await homeless.read('key'), /may not be created.*CREATE TABLE/)
    })

    it('a table that a backup holds is used without the index, within seconds', async () => {
      const tableName = newTable()
      await pool.query(legacyTable(tableName))
      const backup = await pool.connect()
      await backup.query(`BEGIN; SELECT FROM "${tableName}"`)
      try {
        const heard = await warnings(async () => {
          assert.equal((await store({ tableName }).create('key', record('ada'))).outcome, 'done')
        })
        assert.match(heard[0] ?? '', /long transaction/)
      } finally {
        await backup.query('ROLLBACK')
        backup.release()
      }
    })

    it('connections of another time zone agree', async () => {
      const tableName = newTable()
      const zone = 'Asia/Kolkata'
      const options = `${server.url}?options=${encodeURIComponent(`-c TimeZone=${zone}`)}`
      const [one, other] = [postgresStore({ url: options, tableName }), postgresStore({ url: options, tableName })]
      opened.push(one, other)
      const expiresAt = Date.now() + HOUR + 123
      await one.create('key', { data: '{}', expiresAt })
      assert.equal((await other.read('key'))!.expiresAt, expiresAt)
    })

    it('under another isolation a swap that meets others has its outcome all the same', async () => {
      const tableName = newTable()
      const options = `${server.url}?options=${encodeURIComponent('-c default_transaction_isolation=serializable')}`
      const strict = postgresStore({ url: options, tableName })
      opened.push(strict)
      for (let round = 0; round < 5; round++) {
        const key = `key-${round}`
        await strict.create(key, record())
        const { version } = (await strict.read(key))!
        const results = await Promise.all(Array.from({ length: 8 }, () => strict.swap(key, version, record())))
        assert.equal(results.filter(({ outcome }) => outcome === 'done').length, 1)
        assert.equal(results.filter(({ outcome }) => outcome === 'changed').length, 7)
      }
    })

    it('a single client is used one statement at a time', async () => {
      const client = new pg.Client({ connectionString: server.url })
      await client.connect()
      const single = postgresStore({ client, tableName: newTable() })
      const heard = await warnings(async () => {
        const keys = Array.from({ length: 10 }, (_, index) => `key-${index}`)
        await Promise.all(keys.map((key) => single.create(key, record())))
        assert.equal((await single.scan!(undefined, 20)).records.length, 10)
        await assert.rejects(async () => await single.create('broken', { ...record(), data: '{' }))
        assert.ok(await single.read('key-3'))
      })
      await single.close!()
      assert.deepEqual(heard, [])
      assert.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1)
      await client.end()
    })
  })
}
