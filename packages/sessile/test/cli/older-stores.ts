import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import tls from 'node:tls'
import { serverFor } from '@sessile/test-servers'
import { MongoStore } from 'connect-mongo'
import connectPgSimple from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import pg from 'pg'
import { createClient, createCluster } from 'redis'
import { legacyTable, newTable } from '../stores/postgres-harness.ts'
import { withTls } from '../stores/redis-tls.ts'
import { OLDER_PACKAGES } from '../stores/sqlite-older-harness.ts'
import { folder, HOUR } from './running.ts'

/** A store that plain express-session fills, and what names it on the command line. */
export interface OlderStore {
  readonly url: string
  /** What a process of the command needs in its environment to reach it; of most nothing. */
  readonly env: Readonly<Record<string, string>>
  set(sid: string, data: object): Promise<void>
  get(sid: string): Promise<object | null | undefined>
}

type Open = (t: TestContext) => Promise<OlderStore | undefined>

/** The stores that apps have beside express-session, by their names; each ends with its test. */
export const OLDER_STORES: Readonly<Record<string, Open>> = {
  async 'connect-redis'(t) {
    const server = await serverFor(t, 'redis')
    return server && onRedis(t, server.url, createClient({ url: server.url }))
  },

  async 'connect-redis on a cluster'(t) {
    const server = await serverFor(t, 'redis-cluster')
    if (!server) return undefined
    const url = `redis+cluster://${server.urls.map((one) => new URL(one).host).join(',')}`
    return onRedis(t, url, createCluster({ rootNodes: server.urls.map((one) => ({ url: one })) }))
  },

  async 'connect-redis over TLS'(t) {
    if (!('setDefaultCACertificates' in tls)) return void t.skip('Node before 24.5')
    const server = await withTls()
    if (!server) return void t.skip('redis-server without TLS')
    // other processes are told by their environment
    tls.setDefaultCACertificates([...tls.getCACertificates(), readFileSync(server.ca, 'utf8')])
    const client = createClient({ url: server.url })
    return onRedis(t, server.url, client, { NODE_EXTRA_CA_CERTS: server.ca })
  },

  async 'connect-pg-simple'(t) {
    const server = await serverFor(t, 'postgres')
    if (!server) return undefined
    const pool = new pg.Pool({ connectionString: server.url })
    pool.on('error', () => {}) // the server is gone before it is
    t.after(() => pool.end())
    const tableName = newTable()
    await pool.query(legacyTable(tableName))
    const store = new (connectPgSimple(session))({ pool, tableName, pruneSessionInterval: false })
    return used(store as unknown as session.Store, `${server.url}?tableName=${tableName}`)
  },

  async 'connect-mongo'(t) {
    const server = await serverFor(t, 'mongo')
    if (!server) return undefined
    const store = MongoStore.create({ mongoUrl: server.url, collectionName: 'older' })
    t.after(() => store.close())
    const url = new URL(server.url)
    url.searchParams.set('collectionName', 'older')
    return used(store, url.href)
  },

  async 'connect-sqlite3'(t) {
    const file = folder.path(`${newTable()}.db`)
    const database = new DatabaseSync(file)
    t.after(() => database.close())
    const store = OLDER_PACKAGES.find(({ name }) => name === 'connect-sqlite3')!.open(database)
    return used(store as unknown as session.Store, `sqlite:${file}`)
  }
}

async function onRedis(
  t: TestContext,
  url: string,
  client: Pick<ReturnType<typeof createClient>, 'destroy'> & {
    on(event: 'error', listener: () => void): unknown
    connect(): Promise<unknown>
  },
  env: Readonly<Record<string, string>> = {}
): Promise<OlderStore> {
  client.on('error', () => {}) // the server may be gone before it is
  await client.connect()
  t.after(() => client.destroy())
  return used(new RedisStore({ client: client as never }), url, env)
}

function used(store: session.Store, url: string, env: Readonly<Record<string, string>> = {}): OlderStore {
  const cookie = { originalMaxAge: HOUR, path: '/', expires: new Date(Date.now() + HOUR) }
  return {
    url,
    env,
    set: (sid, data) => answered((done) => store.set(sid, { cookie, ...data } as never, done)),
    get: (sid) => answered((done) => store.get(sid, done))
  }
}

function answered<T = void>(ask: (done: (error?: unknown, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => ask((error, value) => (error ? reject(error as Error) : resolve(value as T))))
}
