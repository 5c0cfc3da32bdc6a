import type { CreateResult, NewRecord, ScanPage, SessionBackend, StoredRecord, SwapResult, Version } from '../../core/backend.ts'
import { newTag } from '../../core/ids.ts'
import type { RedisConnection } from './client.ts'
import { splitOwner, withOwner, type Owner } from './format.ts'
import { Keys } from './keys.ts'
import { RedisLink } from './link.ts'
import { resolveRedisOptions, type ResolvedRedisOptions, type RedisStoreOptions } from './options.ts'
import { recordOf, RedisRecords } from './records.ts'
import { RemovalWatch } from './removal-watch.ts'
import { scan } from './scan.ts'
import { Serializing, type SessionSerializer } from './serializing.ts'
import { REMOVE } from './statements.ts'
import { UserIndex } from './user-index.ts'

/** Sessions in Redis or Valkey, as connect-redis stores them, with an index of users beside them. */
class RedisBackend extends RedisRecords {
  readonly #keys: Keys
  readonly #index: UserIndex
  readonly #watch: RemovalWatch
  readonly #spaces = new Map<string, RedisRecords>()

  constructor(options: ResolvedRedisOptions, serializer: SessionSerializer | undefined) {
    const link = new RedisLink(options)
    const keys = new Keys(options.prefix, link.prefixes)
    super(link, keys.records, serializer && new Serializing(serializer))
    this.#keys = keys
    this.#index = new UserIndex(link, keys)
    this.#watch = new RemovalWatch(link, keys.channel, newTag())
  }

  open(): Promise<void> {
    return this.link.use(async () => {})
  }

  override create(key: string, { data, expiresAt, userId, object }: NewRecord): Promise<CreateResult> {
    const owner = this.#index.ownerOf(userId, expiresAt)
    const text = this.#stored(data, owner, object)
    return this.link.use((connection) =>
      this.#afterIndex(connection, owner && (() => this.#index.write(connection, key, owner)), () =>
        this.createOver(connection, key, text, expiresAt)
      )
    )
  }

  override async swap(key: string, expected: Version, { data, expiresAt, userId, object }: NewRecord): Promise<SwapResult> {
    const known = this.serializing ? (await this.serializing.parse(String(expected))).text : String(expected)
    const before = splitOwner(known).owner
    const owner = this.#index.ownerOf(userId, expiresAt, before)
    const text = this.#stored(data, owner, object)
    const result = await this.link.use((connection) =>
      this.#afterIndex(connection, owner && owner !== before ? () => this.#index.write(connection, key, owner) : undefined, () =>
        this.swapOver(connection, key, expected, text, expiresAt)
      )
    )
    if (result.outcome === 'done' && before && before.userId !== userId) this.#index.clean(before.userId, [key])
    return result
  }

  #stored(data: string, owner: Owner | undefined, object: object | undefined): string {
    const text = withOwner(data, owner)
    return this.serializing ? this.serializing.stringify(text, object) : text
  }

  override extend(key: string, expiresAt: number, userId?: string): Promise<boolean> {
    const owner = this.#index.ownerOf(userId, expiresAt)
    return this.link.use((connection) =>
      this.#afterIndex(connection, owner && (() => this.#index.write(connection, key, owner, expiresAt)), () =>
        this.extendOver(connection, key, expiresAt)
      )
    )
  }

  /** Index before record: sent together where the order is kept, so that it costs no second round trip. */
  #afterIndex<T>(connection: RedisConnection, index: (() => Promise<unknown>) | undefined, write: () => Promise<T>): Promise<T> {
    if (!index) return write()
    const indexing = index()
    if (!connection.ordered) return indexing.then(write)
    return Promise.all([write(), indexing]).then(([result]) => result)
  }

  override async remove(key: string): Promise<StoredRecord | undefined> {
    const removed = await recordOf(await this.script(REMOVE, key, this.#keys.channel, this.#watch.message(key)), this.serializing)
    if (removed?.userId !== undefined) this.#index.clean(removed.userId, [key])
    return removed
  }

  keysOfUser(userId: string): Promise<readonly string[]> {
    return this.#index.keysOf(userId)
  }

  scan(cursor: string | undefined, limit: number): Promise<ScanPage> {
    return this.link.use((connection) => scan(connection, this.#keys, cursor, limit, this.serializing))
  }

  /** The same operations under another prefix, over the same connection. */
  space(name: string): SessionBackend {
    let space = this.#spaces.get(name)
    if (!space) {
      space = new RedisRecords(this.link, this.#keys.space(name))
      this.#spaces.set(name, space)
    }
    return space
  }

  watchRemoved(listener: (key: string) => void): () => void {
    return this.#watch.add(listener)
  }

  async ping(): Promise<void> {
    await this.link.use((connection) => connection.command(undefined, ['PING']))
  }

  async close(): Promise<void> {
    this.#watch.stop()
    await this.link.close()
  }
}

/**
 * A store in Redis 6.2 or later, or Valkey, on connect-redis's keys: its sessions are found, and it finds these. Records expire by
 * the server's own clock. Nothing is connected before the first use.
 * @throws SessionError `bad-option`
 */
export function redisStore(options: RedisStoreOptions): SessionBackend {
  return new RedisBackend(resolveRedisOptions(options), undefined)
}

/** As `redisStore`, with records in a form of the app's own. @throws SessionError `bad-option` */
export function serializedRedisStore(options: RedisStoreOptions, serializer: SessionSerializer): SessionBackend {
  return new RedisBackend(resolveRedisOptions(options), serializer)
}
