import { after, describe } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { serverFor } from '@sessile/test-servers'
import type { SessionBackend } from '../../src/core/backend.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { mongodbStore } from '../../src/stores/mongodb/backend.ts'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { temporaryFolder } from './harnesses.ts'
import { newCollection } from './mongodb-harness.ts'
import { newTable } from './postgres-harness.ts'
import { freshPrefix, nodeRedis } from './redis-harness.ts'
import { isSelected } from './selected.ts'
import { soak, type Remains } from './soak.ts'

// before any test begins, since tests move the clock that starting a server goes by
const redis = isSelected('redis') ? await serverFor('redis, a day', 'redis') : undefined
const cluster = isSelected('redis') ? await serverFor('redis cluster, a day', 'redis-cluster') : undefined
const mongo = isSelected('mongodb') ? await serverFor('mongodb, a day', 'mongo', { ttlMs: 100 }) : undefined
const postgres = isSelected('postgres') ? await serverFor('postgres, a day', 'postgres') : undefined

describe('a day by a clock that is moved', () => {
  if (isSelected('memory')) {
    const store = memoryStore()
    const remains = async (): Promise<Remains> => {
      const keys: string[] = []
      let cursor: string | undefined
      do {
        const page = await store.scan!(cursor, 100)
        keys.push(...page.records.map(({ key }) => key))
        cursor = page.cursor
      } while (cursor !== undefined)
      return { keys, beside: {} }
    }
    soak({ name: 'memory', store, remains })
  }

  if (isSelected('sqlite')) {
    const folder = temporaryFolder()
    after(folder.clean)
    const file = folder.path('day.db')
    const remains = async (): Promise<Remains> => {
      const database = new DatabaseSync(file, { readOnly: true })
      const tables = database.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).all()
      const counts = tables.map(({ name }) => [String(name), database.prepare(`SELECT * FROM "${String(name)}"`).all()] as const)
      database.close()
      const [, sessions] = counts.find(([name]) => name === 'sessile_sessions')!
      const beside = counts.filter(([name]) => name !== 'sessile_sessions').map(([name, rows]) => [name, rows.length] as const)
      return { keys: sessions.map(({ key }) => String(key)), beside: Object.fromEntries(beside) }
    }
    soak({ name: 'sqlite', store: sqliteStore({ file }), remains })
  }

  if (postgres) {
    const tableName = newTable()
    const pool = new pg.Pool({ connectionString: postgres.url, max: 1, allowExitOnIdle: true })
    pool.on('error', () => {})
    const remains = async (): Promise<Remains> => {
      const { rows } = await pool.query<{ sid: string }>(`SELECT sid FROM ${tableName}`)
      const marks = await pool.query(`SELECT sid FROM ${tableName}_marks`)
      return { keys: rows.map(({ sid }) => sid), beside: { marks: marks.rows.length } }
    }
    soak({ name: 'postgres', store: postgresStore({ url: postgres.url, tableName }), remains })
  }
})

// the servers remove what has expired, by their own clock
describe('a day in seconds', { concurrency: true }, () => {
  const hourMs = 500

  if (redis) soakRedis('redis', [redis.url], (prefix) => redisStore({ url: redis.url, prefix }))
  if (cluster) {
    const url = `redis+cluster://${cluster.urls.map((one) => new URL(one).host).join(',')}`
    soakRedis('redis cluster', cluster.urls, (prefix) => redisStore({ url, prefix }))
  }

  function soakRedis(name: string, urls: readonly string[], make: (prefix: string) => SessionBackend): void {
    const prefix = freshPrefix()
    const store = make(prefix)
    const admins = Promise.all(urls.map((url) => nodeRedis(url)))
    after(async () => Promise.all((await admins).map(({ end }) => end())))
    /** What a command answers on the nodes that have something to say to it. */
    const ask = async (...command: string[]): Promise<unknown[]> => {
      const answers = (await admins).map(({ client }) =>
        client.sendCommand(command).catch((error: Error) => {
          if (!error.message.startsWith('MOVED')) throw error
          return []
        })
      )
      return (await Promise.all(answers)).flat()
    }
    const indexOf = (user: string): string => `sessile:users:${prefix}${user}`
    const remains = async (users: readonly string[]): Promise<Remains> => {
      const threeMinutesAgo = (Math.floor(Date.now() / 60_000) - 3) % 100_000
      for (const user of users) {
        // as if every entry had been written some minutes ago: younger ones may be of a record that is about to be written
        const entries = (await ask('ZRANGE', indexOf(user), '0', '-1', 'WITHSCORES')).flat() as string[]
        const scored = entries.flatMap((key, at) => {
          if (at % 2 === 1) return []
          return [String(Math.floor(Number(entries[at + 1]) / 100_000) * 100_000 + threeMinutesAgo), key]
        })
        if (scored.length > 0) await ask('ZADD', indexOf(user), 'XX', ...scored)
        await store.keysOfUser!(user)
      }
      const names = (await ask('KEYS', `*${prefix}*`)) as string[]
      const withPrefix = (start: string): string[] =>
        names.filter((one) => one.startsWith(start + prefix)).map((one) => one.slice((start + prefix).length))
      const indexed = await Promise.all(withPrefix('sessile:users:').map((user) => ask('ZRANGE', indexOf(user), '0', '-1')))
      const keys = withPrefix('')
      const marks = withPrefix('sessile:marks:').length
      const others = names.length - keys.length - marks - indexed.length
      return { keys, beside: { marks, others }, indexed: indexed.flat() as string[] }
    }
    soak({ name, store, hourMs, remains })
  }

  if (mongo) {
    const collectionName = newCollection()
    const client = new MongoClient(mongo.url)
    after(() => client.close())
    const keysOf = async (collection: string): Promise<string[]> =>
      (await client.db().collection<{ _id: string }>(collection).find().toArray()).map(({ _id }) => _id)
    const remains = async (): Promise<Remains> => ({
      keys: await keysOf(collectionName),
      beside: { marks: (await keysOf(`${collectionName}_marks`)).length }
    })
    soak({ name: 'mongodb', store: mongodbStore({ url: mongo.url, collectionName }), hourMs, remains })
  }
})
