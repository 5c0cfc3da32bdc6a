import { now } from '../../core/clock.ts'
import type { RedisConnection } from './client.ts'
import type { Owner } from './format.ts'
import type { Keys } from './keys.ts'
import type { RedisLink } from './link.ts'
import { EXISTS, INDEX, INDEXED, run, UNINDEX } from './statements.ts'

const MINUTE = 60_000
const WEEK = 7 * 24 * 60 * MINUTE
/** In seconds; further than any session lives, and small enough for a score (see `INDEX`). */
const FOREVER = 9_000_000_000

/** Whose sessions are under which keys. A record says until when its entry is good, so most writes leave the index alone. */
export class UserIndex {
  readonly #link: RedisLink
  readonly #keys: Keys

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link
    this.#keys = keys
  }

  /** What a record that is written now has to say of its owner. @param before what it said until now */
  ownerOf(userId: string | undefined, expiresAt: number, before?: Owner): Owner | undefined {
    if (userId === undefined) return undefined
    if (before?.userId === userId && expiresAt <= before.indexedUntil * 1000) return before
    // half a life more than is needed: a life that moves on with every request would write the index each time
    const spare = Math.min(Math.max((expiresAt - now()) / 2, MINUTE), WEEK)
    return { userId, indexedUntil: Math.min(Math.ceil((expiresAt + spare) / 1000), FOREVER) }
  }

  /**
   * Writes an entry, or lengthens it. To be done before the record is written.
   * @param enoughAt an entry that lasts until then will do; only for a record that is the user's already and says nothing new of it
   */
  write(connection: RedisConnection, key: string, { userId, indexedUntil }: Owner, enoughAt?: number): Promise<unknown> {
    const enough = enoughAt === undefined ? '' : String(Math.min(Math.ceil(enoughAt / 1000), FOREVER))
    return run(connection, INDEX, this.#keys.user(userId), key, String(indexedUntil), enough)
  }

  /** Takes out entries whose records are gone or another's. Nobody waits for it: what stays is found out by whoever reads. */
  clean(userId: string, keys: readonly string[]): void {
    const latest = String(Math.ceil((now() + MINUTE) / 1000))
    this.#link.use((connection) => run(connection, UNINDEX, this.#keys.user(userId), latest, ...keys)).catch(() => {})
  }

  /** The keys of a user's records that are there. */
  keysOf(userId: string): Promise<readonly string[]> {
    return this.#link.use(async (connection) => {
      const keys = (await run(connection, INDEXED, this.#keys.user(userId))) as string[]
      const found = await Promise.all(keys.map((key) => run(connection, EXISTS, this.#keys.records + key)))
      const gone = keys.filter((_, at) => found[at] !== 1)
      if (gone.length > 0) this.clean(userId, gone)
      return keys.filter((_, at) => found[at] === 1)
    })
  }
}
