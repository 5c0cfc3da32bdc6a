import { SessionError } from '../../core/errors.ts'
import { resolveOptions } from '../../core/options.ts'
import { isRedisClient, type RedisClient } from './client.ts'

/** What `redisStore` takes: where the server is, by `url` or by `client`, and what its keys begin with. */
export interface RedisStoreOptions {
  /**
   * `redis://user:password@host:port/database`, `rediss://` for TLS; `redis+cluster://host:port,host:port` (or `rediss+cluster:`)
   * for a cluster. The store then makes its own connection, and ends it in `close`. Needs the package `redis` or `ioredis`.
   */
  readonly url?: string
  /** Your own client, connected, which stays open: of node-redis, ioredis or iovalkey, also one of a cluster. */
  readonly client?: RedisClient
  /** What the keys of sessions begin with, as connect-redis has it. Default `sess:`. */
  readonly prefix?: string
}

/** The options as the backend uses them. */
export interface ResolvedRedisOptions {
  readonly url: string
  readonly client: RedisClient | undefined
  readonly prefix: string
}

const DEFAULTS: ResolvedRedisOptions = { url: '', client: undefined, prefix: 'sess:' }

const SCHEME = /^rediss?(\+cluster)?:\/\//

/** @throws SessionError `bad-option` */
export function resolveRedisOptions(given: RedisStoreOptions): ResolvedRedisOptions {
  const options = resolveOptions<ResolvedRedisOptions>('redisStore', DEFAULTS, given)
  const { url, client, prefix } = options
  if ((url === '') === (client === undefined)) throw bad('redisStore needs a url or a client, one of them.')
  if (url !== '' && !SCHEME.test(url)) throw bad('url must begin with redis://, rediss://, redis+cluster:// or rediss+cluster://.')
  if (client !== undefined && !isRedisClient(client)) {
    throw bad('client must be one of node-redis 4 or later, ioredis or iovalkey: it has neither sendCommand nor call.')
  }
  if (typeof prefix !== 'string') throw bad(`prefix must be text, not ${JSON.stringify(prefix)}.`)
  return options
}

function bad(detail: string): SessionError {
  return new SessionError('bad-option', detail)
}
