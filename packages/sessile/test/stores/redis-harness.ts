import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { redisStore } from '../../src/stores/redis/backend.ts'
import type { NodeRedisClient, RedisClient } from '../../src/stores/redis/client.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'
import type { TestServer } from '@sessile/test-servers'

/** A client of an app, connected, and what ends it. */
export interface AppClient {
  readonly client: RedisClient
  end(): Promise<void>
}

/** Clients whose calls fail at once while the server is away, where by default they wait for it: the suite keeps no deadlines. */
export const CLIENTS = {
  'node-redis': (url: string): Promise<AppClient> => nodeRedis(url, { disableOfflineQueue: true }),
  ioredis: (url: string): Promise<AppClient> => ioredis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
} as const

export async function nodeRedis(url: string, options: object = {}): Promise<AppClient & { client: NodeRedisClient }> {
  const client = createClient({ url, ...options })
  client.on('error', () => {})
  await client.connect()
  return { client, end: async () => client.destroy() }
}

export async function ioredis(url: string, options: object = {}): Promise<AppClient & { client: Redis }> {
  const client = new Redis(url, { lazyConnect: true, ...options })
  client.on('error', () => {})
  await client.connect()
  return { client, end: async () => client.disconnect() }
}

/** The same for clusters. */
export const CLUSTER_CLIENTS = {
  async 'node-redis'(urls: readonly string[]): Promise<AppClient> {
    const client = createCluster({ rootNodes: urls.map((url) => ({ url })) })
    client.on('error', () => {})
    await client.connect()
    return { client, end: async () => client.destroy() }
  },
  async ioredis(urls: readonly string[]): Promise<AppClient> {
    const client = new Cluster([...urls], { lazyConnect: true })
    client.on('error', () => {})
    await client.connect()
    return { client, end: async () => client.disconnect() }
  }
} as const

/** A prefix that no other test has. */
export function freshPrefix(): string {
  return `sess-${randomBytes(6).toString('hex')}:`
}

/**
 * The suite's view of a server by clients of an app, two that are there already; each store has a prefix of its own.
 * @param all every client of the server, so that none is still connecting when a test looks what is open
 */
export function redisHarness(
  name: string,
  clients: readonly [RedisClient, RedisClient],
  server: TestServer,
  all: readonly RedisClient[] = clients
): BackendHarness {
  let prefix = ''
  return {
    name,
    expiryStepMs: 1,
    make() {
      prefix = freshPrefix()
      return redisStore({ client: clients[0], prefix })
    },
    another: () => redisStore({ client: clients[1], prefix }),
    async writeLegacy(key, data, expiresAt) {
      const command = ['SET', `${prefix}${key}`, data, 'EX', String(Math.ceil((expiresAt - Date.now()) / 1000))]
      await send(clients[0], command)
    },
    ...(server.controllable ? { stop: () => server.kill(), start: () => restart(server, all) } : {})
  }
}

/** Starts a server again, and waits until the clients have noticed. */
async function restart(server: TestServer, clients: readonly RedisClient[]): Promise<void> {
  await server.restart()
  for (const client of clients) {
    for (let tries = 0; tries < 300; tries++) {
      // a cluster is asked for a key in each third of its slots
      const answers = ['a', 'b', 'c'].map((key) => send(client, ['GET', key]))
      if ((await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')) break
      await pause(20)
    }
  }
}

/** The same, connected by URL. */
export function redisUrlHarness(name: string, url: string, server: TestServer): BackendHarness {
  let prefix = ''
  return {
    name,
    make() {
      prefix = freshPrefix()
      return redisStore({ url, prefix })
    },
    another: () => redisStore({ url, prefix }),
    ...(server.controllable ? { stop: () => server.kill(), start: () => server.restart() } : {})
  }
}

/** Sends a raw command, as an older writer's client would. */
export function send(client: RedisClient, command: string[]): Promise<unknown> {
  if ('call' in client) return client.call(command[0]!, ...command.slice(1))
  if ('masters' in client) return client.sendCommand(command[1], false, command)
  return client.sendCommand(command)
}
