import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serverFor } from '@sessile/test-servers'
import { Cluster as Ioredis5Cluster, Redis as Ioredis5 } from 'ioredis5'
import { Cluster as IovalkeyCluster, Redis as Iovalkey } from 'iovalkey'
import { createClientPool } from 'redis'
import { createClient as createClient4, createCluster as createCluster4 } from 'redis4'
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5'
import { newId } from '../../src/core/ids.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import type { NodeRedisClient, NodeRedisCluster, RedisClient } from '../../src/stores/redis/client.ts'
import { freshPrefix } from './redis-harness.ts'
import { isSelected } from './selected.ts'

interface Connected {
  readonly client: RedisClient
  end(): unknown
}

type NodeRedis = (NodeRedisClient | NodeRedisCluster) & {
  on(event: 'error', listener: () => void): unknown
  connect(): Promise<unknown>
  destroy?(): void
  disconnect?(): Promise<void>
}

async function nodeRedis(client: NodeRedis): Promise<Connected> {
  client.on('error', () => {})
  await client.connect()
  return { client, end: () => (client.destroy ? client.destroy() : client.disconnect?.()) }
}

function ioredis(client: RedisClient & { on(event: 'error', listener: () => void): unknown; disconnect(): void }): Connected {
  client.on('error', () => {})
  return { client, end: () => client.disconnect() }
}

/** The clients in use besides those that all the suites run with. */
const SINGLE: Record<string, (url: string) => Promise<Connected> | Connected> = {
  'node-redis 4': (url) => nodeRedis(createClient4({ url })),
  'node-redis 5': (url) => nodeRedis(createClient5({ url })),
  'a pool of node-redis 6': (url) => nodeRedis(createClientPool({ url })),
  'ioredis 5': (url) => ioredis(new Ioredis5(url)),
  iovalkey: (url) => ioredis(new Iovalkey(url))
}

const CLUSTER: Record<string, (urls: readonly string[]) => Promise<Connected> | Connected> = {
  'node-redis 4': (urls) => nodeRedis(createCluster4({ rootNodes: urls.map((url) => ({ url })) })),
  'node-redis 5': (urls) => nodeRedis(createCluster5({ rootNodes: urls.map((url) => ({ url })) })),
  'ioredis 5': (urls) => ioredis(new Ioredis5Cluster([...urls])),
  iovalkey: (urls) => ioredis(new IovalkeyCluster([...urls]))
}

/** Each operation and ability once. */
async function everything({ client }: Connected): Promise<void> {
  const prefix = freshPrefix()
  const [store, other] = [redisStore({ client, prefix }), redisStore({ client, prefix })]
  const next = (userId?: string) => ({ data: `{"cookie":{},"~":{"t":"${newId()}"}}`, expiresAt: Date.now() + 60_000, userId })
  const keys = Array.from({ length: 12 }, () => newId())
  for (const key of keys) assert.equal((await store.create(key, next('ada'))).outcome, 'done')
  assert.equal((await store.create(keys[0]!, next())).outcome, 'taken')
  const record = (await store.read(keys[0]!))!
  const results = await Promise.all([store, other, store].map((one) => one.swap(keys[0]!, record.version, next('ada'))))
  assert.deepEqual(results.map(({ outcome }) => outcome).sort(), ['changed', 'changed', 'done'])
  const longer = Date.now() + 120_000
  assert.equal(await store.extend(keys[0]!, longer, 'ada'), true)
  assert.equal((await store.read(keys[0]!))!.expiresAt, longer)
  assert.deepEqual([...(await store.keysOfUser!('ada'))].sort(), [...keys].sort())
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await store.scan!(cursor, 5)
    for (const { key } of page.records) seen.add(key)
    cursor = page.cursor
  } while (cursor !== undefined)
  assert.deepEqual([...seen].sort(), [...keys].sort())
  await store.space!('marks').create('ada', next())
  assert.ok(await other.space!('marks').read('ada'))
  const heard: string[] = []
  const stop = other.watchRemoved!((key) => heard.push(key))
  for (let tries = 0; tries < 100 && !heard.includes(keys[1]!); tries++) {
    await store.remove(keys[1]!)
    await pause(20)
    if (!heard.includes(keys[1]!)) await store.create(keys[1]!, next())
  }
  assert.ok(heard.includes(keys[1]!))
  stop()
  assert.ok(await store.remove(keys[2]!))
  assert.equal(await store.read(keys[2]!), undefined)
  await store.ping!()
  await Promise.all([store.close!(), other.close!()])
}

const server = isSelected('redis') ? await serverFor('redis clients', 'redis') : undefined
const cluster = isSelected('redis') ? await serverFor('redis cluster clients', 'redis-cluster') : undefined
if (server) {
  describe('redis clients', () => {
    for (const [name, connect] of Object.entries(SINGLE)) {
      it(name, async (t) => {
        const made = await connect(server.url)
        t.after(made.end)
        await everything(made)
      })
    }
  })
}

if (cluster) {
  describe('redis cluster clients', () => {
    for (const [name, connect] of Object.entries(CLUSTER)) {
      it(name, async (t) => {
        const made = await connect(cluster.urls)
        t.after(made.end)
        await everything(made)
      })
    }
  })
}
