import { basename } from 'node:path'
import type { Found, Missing, Source, StartOptions } from './kinds.ts'
import { createMongo, findMongo, type FoundMongo } from './mongo.ts'
import { createPostgres, findPostgres, type FoundPostgres } from './postgres.ts'
import { createRedis, findRedis } from './redis.ts'
import { createRedisCluster, type RedisCluster } from './redis-cluster.ts'
import { GivenServer, type TestServer } from './server.ts'

/** The server of each kind. */
export interface Servers {
  redis: TestServer
  'redis-cluster': TestServer & Partial<Pick<RedisCluster, 'nodes' | 'settled' | 'slotOf' | 'ownerOf' | 'moveSlot' | 'errors'>>
  postgres: TestServer
  mongo: TestServer
}

export type ServerKind = keyof Servers

/** What is told about every server that was started. */
export interface ServerFacts {
  readonly kind: ServerKind
  readonly source: Source
  readonly program: string
  readonly version: string
  readonly skipped?: undefined
}

/** Why there is no server of this kind, and the command that would install one. */
export interface Skipped {
  readonly skipped: string
}

interface Kind {
  readonly env: string
  /** Debian's package. */
  readonly debian: string
  find(source: Exclude<Source, 'env'>): Found | Missing
  create(found: Found, options: StartOptions): Promise<TestServer>
}

const KINDS: Readonly<Record<ServerKind, Kind>> = {
  redis: { env: 'TEST_REDIS_URL', debian: 'redis-server', find: findRedis, create: createRedis },
  'redis-cluster': { env: 'TEST_REDIS_CLUSTER_URL', debian: 'redis-server', find: findRedis, create: createRedisCluster },
  postgres: {
    env: 'TEST_POSTGRES_URL',
    debian: 'postgresql',
    find: findPostgres,
    create: (found, options) => createPostgres(found as FoundPostgres, options)
  },
  mongo: {
    env: 'TEST_MONGODB_URL',
    debian: '',
    find: findMongo,
    create: (found, options) => createMongo(found as FoundMongo, options)
  }
}

export const SERVER_KINDS = Object.keys(KINDS) as ServerKind[]

/**
 * A private server for tests: on 127.0.0.1, on a free port, with its data in a new temporary folder.
 *
 *     const server = await startServer('redis')
 *     if (server.skipped) return t.skip(server.skipped)
 *     connect(server.url)
 *     await server.kill()        // a crash                 await server.pause()    // a hang
 *     await server.restart()     // same port, same data    await server.resume()
 *     await server.stop()        // ends it and deletes its data; `await using` does so too
 *
 * Where it comes from, in this order: the environment (TEST_REDIS_URL, TEST_REDIS_CLUSTER_URL, TEST_POSTGRES_URL,
 * TEST_MONGODB_URL: used as it is, never killed, never emptied), a program on the PATH, an npm package.
 * @throws when a server is there but does not start
 */
export async function startServer<K extends ServerKind>(
  kind: K,
  options: StartOptions = {}
): Promise<(Servers[K] & ServerFacts) | Skipped> {
  if (!Object.hasOwn(KINDS, kind)) throw new TypeError(`There is no kind of server ${String(kind)}; there are ${SERVER_KINDS.join(', ')}.`)
  const { env, find, create, debian } = KINDS[kind]
  const allowed = (source: Source): boolean => options.source === undefined || options.source === source
  const given = process.env[env]
  if (allowed('env') && given) {
    return Object.assign(new GivenServer(given), { kind, source: 'env' as const, program: 'given', version: 'unknown' })
  }
  const reasons: string[] = options.source === 'env' ? [`${env} is not set`] : []
  for (const source of ['path', 'npm'] as const) {
    if (!allowed(source)) continue
    const found = find(source)
    if ('missing' in found) {
      reasons.push(found.missing)
      continue
    }
    const server = await create(found, options)
    return Object.assign(server, { kind, source, program: found.program ?? basename(found.command), version: found.version })
  }
  const install = ['npm install --include=optional --ignore-scripts', ...(debian ? [`apt-get install ${debian}`] : [])].join(' or ')
  return { skipped: `no ${kind} server: ${reasons.join('; ')}. To have one: ${install}, or set ${env}` }
}
