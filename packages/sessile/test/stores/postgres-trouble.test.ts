import { strict as assert } from 'node:assert'
import { chownSync, statSync } from 'node:fs'
import { after, test, type TestContext } from 'node:test'
import { startServer } from '@sessile/test-servers'
import pg from 'pg'
import { newId } from '../../src/core/ids.ts'
import { postgresStore } from '../../src/entries/postgres.ts'
import { idOf } from '../express/helpers.ts'
import { newTable } from './postgres-harness.ts'
import { isSelected } from './selected.ts'
import { appOn, cannotWrite, cookieOf, last, refuses, refusesOtherPorts, tellsNothing, tinyDisk, type App } from './trouble.ts'

const app = (t: TestContext, url: string, options: object = {}): Promise<App> =>
  appOn(t, postgresStore({ url, tableName: newTable(), ...options }))

const server = isSelected('postgres') ? await startServer('postgres') : undefined
if (server && server.skipped === undefined && server.controllable) {
  const admin = new pg.Pool({ connectionString: server.url })
  admin.on('error', () => {})
  after(async () => {
    await admin.end()
    await server.stop()
  })
  /** The server's address for another account and database. */
  const as = (account?: string, database?: string): string => {
    const url = new URL(server.url)
    if (account) [url.username, url.password] = account.split(':') as [string, string]
    if (database) url.pathname = `/${database}`
    return url.href
  }
  const table = async (): Promise<string> => {
    const tableName = newTable()
    await admin.query(`CREATE TABLE "${tableName}" (sid varchar PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL)`)
    return tableName
  }

  test('postgres: an account that is not there, and a wrong password', async (t) => {
    await admin.query(`CREATE ROLE asked LOGIN PASSWORD 'right'`)
    const tableName = await table()
    await admin.query(`GRANT ALL ON "${tableName}" TO asked`)
    await refuses(await app(t, as('stranger:hunter2')), /password authentication failed|does not exist/)
    await refuses(await app(t, as('asked:hunter2'), { tableName }), /password authentication failed/)
    const right = await app(t, as('asked:right'), { tableName, userIndex: false })
    assert.equal((await right.get('/write')).body, '1')
  })

  test('postgres: a database that is not there', async (t) => {
    await refuses(await app(t, as(undefined, 'nowhere')), /database "nowhere" does not exist/)
  })

  test('postgres: rights that are missing, one after the other', async (t) => {
    await admin.query("CREATE ROLE reader LOGIN PASSWORD 'right'")
    const tableName = await table()
    const blind = await app(t, as('reader:right'), { tableName, userIndex: false })
    await refuses(blind, new RegExp(`permission denied for table ${tableName}`))
    await admin.query(`GRANT SELECT ON "${tableName}" TO reader`)
    assert.equal((await blind.get('/', { cookie: cookieOf(newId()) })).status, 200)
    await cannotWrite(blind, /permission denied for table/)
    await refuses(await app(t, as('reader:right'), { tableName: newTable() }), /is missing, and may not be created.*CREATE TABLE/s)
  })

  test('postgres: a table of something else, and one that is missing', async (t) => {
    const tableName = newTable()
    await refuses(await app(t, server.url, { tableName, createTableIfMissing: false }), /is missing, and createTableIfMissing is off/)
    await admin.query(`CREATE TABLE "${tableName}" (sid varchar)`)
    const running = await app(t, server.url, { tableName })
    assert.equal((await running.get('/', { cookie: cookieOf(newId()) })).status, 500)
    assert.equal(running.handled(), 0)
    assert.equal((running.errors[0] as { code: string }).code, 'bad-option')
  })

  test('postgres: a server that only reads, until it writes again', async (t) => {
    const tableName = await table()
    const name = `shop${newTable().replace(/\W/g, '')}`.toLowerCase()
    await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'right'`)
    await admin.query(`GRANT ALL ON "${tableName}" TO ${name}`)
    const made = await app(t, as(`${name}:right`), { tableName, userIndex: false })
    const { cookie } = await made.get('/write')
    await admin.query(`ALTER ROLE ${name} SET default_transaction_read_only = on`)
    const reading = await app(t, as(`${name}:right`), { tableName, userIndex: false })
    await cannotWrite(reading, /read-only transaction/, cookie)
    await cannotWrite(reading, /read-only transaction/)
    await admin.query(`ALTER ROLE ${name} RESET default_transaction_read_only`)
    const writing = await app(t, as(`${name}:right`), { tableName, userIndex: false })
    assert.equal((await writing.get('/write', { cookie })).body, '2')
  })

  test('postgres: no room on the disk, until there is', async (t) => {
    const disk = tinyDisk(t, '1m')
    if (!disk) return
    const { rows } = await admin.query<{ data_directory: string }>('SHOW data_directory')
    const { uid, gid } = statSync(rows[0]!.data_directory)
    chownSync(disk.folder, uid, gid)
    await admin.query(`CREATE TABLESPACE tiny LOCATION '${disk.folder}'`)
    const tableName = newTable()
    await admin.query(
      `CREATE TABLE "${tableName}" (sid varchar, sess json NOT NULL, expire timestamp(6) NOT NULL, sessile_user text,
        PRIMARY KEY (sid) USING INDEX TABLESPACE tiny) TABLESPACE tiny`
    )
    const store = postgresStore({ url: server.url, tableName })
    const running = await appOn(t, store)
    try {
      const { cookie } = await running.get('/write')
      disk.fill()
      await running.get('/fill?200000', { cookie }).catch(() => {})
      assert.equal(last(running).code, 'store-failed')
      assert.match(last(running).message, /postgres: swap failed: could not extend file .*No space left on device/)
      assert.equal(last(running).cause?.code, '53100')
      const { status } = await running.get('/fill?200000').catch(() => ({ status: 503 }))
      assert.notEqual(status, 200)
      assert.match(last(running).message, /postgres: create failed: could not extend file/)
      assert.equal((await running.get('/', { cookie })).body, '1', 'what is there can be read, and lives on')
      disk.empty()
      assert.equal((await running.get('/fill?200000', { cookie })).status, 200)
      assert.equal((await running.get('/write', { cookie })).body, '2')
      tellsNothing(running, idOf(cookie))
    } finally {
      await store.close!()
      await admin.query(`DROP TABLE "${tableName}"`)
      await admin.query('DROP TABLESPACE tiny')
    }
  })

  test('postgres: no connection left for us', async (t) => {
    await admin.query(`CREATE ROLE late LOGIN PASSWORD 'right' CONNECTION LIMIT 0`)
    await refuses(await app(t, as('late:right')), /too many connections for role "late"/)
  })
}

test('postgres: a port where something else answers, and one where nothing does', { skip: !isSelected('postgres') }, (t) =>
  refusesOtherPorts((port) => app(t, `postgres://127.0.0.1:${port}/shop`))
)
