import {
  CHANGED,
  GONE,
  supports,
  TAKEN,
  type CreateResult,
  type ExpiredRecord,
  type NewRecord,
  type ScanPage,
  type SessionBackend,
  type StoredRecord,
  type SwapResult,
  type Version
} from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import type { UserIdOf } from '../../core/user-of.ts'
import { bothStores, copyOf, type StoreOrUrl } from './copies.ts'
import { grave, isGrave } from './grave.ts'

/** What `movingFrom` takes beside the two stores. */
export interface MovingOptions {
  /** As the option of `session()`, for records that the old store keeps without an index of users. */
  readonly userIdOf?: UserIdOf
}

/**
 * A store that moves: `session({ store: movingFrom('sqlite:./sessions.db', 'redis://localhost') })`. The new store is asked first;
 * what is only in the old one is moved when it is met, and the app keeps every promise meanwhile. `migrateSessions` moves the rest
 * beside it; after that the new store is used alone. All processes of the app have to use it: one that still writes to the old store
 * alone neither sees what was moved nor is seen.
 *
 * How nothing is lost, and nothing comes back, wherever a process dies:
 * - what the new store has counts, whatever the old one says. A copy is made by `create`, so of two one lands, and never over a record;
 * - nothing is written over a copy before the old record is gone, so an old record that is still there is never the older truth;
 * - an ended session leaves a grave in the new store (`grave.ts`), so that a copy that was under way does not land.
 *
 * Marks, leases and counters begin anew in the new store. @throws SessionError `unknown-store`, `bad-argument`
 */
export function movingFrom(from: StoreOrUrl, to: StoreOrUrl, { userIdOf }: MovingOptions = {}): SessionBackend {
  const [old, next] = bothStores(from, to)
  const moving = new Moving(old, next, userIdOf)
  const both = (ability: 'open' | 'ping' | 'close') => async () => {
    // the new one first; whether it fails or not, the old one has its turn
    const answers = await Promise.allSettled([next, old].map(async (one) => one[ability]?.()))
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }
  return {
    name: next.name,
    traits: next.traits,
    open: both('open'),
    ping: both('ping'),
    close: both('close'),
    read: (key) => moving.read(key),
    create: (key, record) => moving.create(key, record),
    swap: (key, expected, record) => moving.swap(key, expected, record),
    extend: (key, expiresAt, userId) => moving.extend(key, expiresAt, userId),
    remove: (key) => moving.remove(key),
    ...(supports(next, 'space') ? { space: (name: string) => next.space(name) } : {}),
    ...(supports(old, 'keysOfUser') && supports(next, 'keysOfUser')
      ? {
          async keysOfUser(userId: string) {
            // the old one first: what leaves it meanwhile is in the new one by then
            const before = await old.keysOfUser(userId)
            return [...new Set([...before, ...(await next.keysOfUser(userId))])]
          }
        }
      : {}),
    ...(supports(old, 'scan') && supports(next, 'scan')
      ? { scan: (cursor: string | undefined, limit: number) => moving.scan(cursor, limit) }
      : {}),
    ...(supports(old, 'removeExpired') || supports(next, 'removeExpired')
      ? { removeExpired: (limit: number) => moving.removeExpired(limit) }
      : {}),
    ...(supports(next, 'watchRemoved') ? { watchRemoved: (listener: (key: string) => void) => next.watchRemoved(listener) } : {})
  }
}

/** The version of a record that was shown while it is in the old store. */
class OldVersion {
  readonly data: string
  constructor(data: string) {
    this.data = data
  }
}

const MAX_TRIES = 16
/** Pages without a session that are passed over for one that has some. */
const MAX_PAGES = 20
const OLD = 'old:'
const NEW = 'new:'

class Moving {
  readonly #old: SessionBackend
  readonly #new: SessionBackend
  readonly #userIdOf: UserIdOf | undefined

  constructor(old: SessionBackend, next: SessionBackend, userIdOf: UserIdOf | undefined) {
    this.#old = old
    this.#new = next
    this.#userIdOf = userIdOf
  }

  async read(key: string): Promise<StoredRecord | undefined> {
    const present = await this.#new.read(key)
    return present ? living(present) : this.#move(key)
  }

  async #move(key: string): Promise<StoredRecord | undefined> {
    const found = await this.#old.read(key)
    // another process may have moved it between the two looks
    if (!found) return living(await this.#new.read(key))
    if (found.unreadable !== undefined) return { ...found, version: new OldVersion(found.data) }
    const copy = copyOf(found, this.#userIdOf)
    const created = await this.#new.create(key, copy)
    if (created.outcome === 'taken') return living(await this.#new.read(key))
    // if that fails, it is asked for again before the first write
    await attempted(() => this.#old.remove(key))
    return { ...found, ...(copy.userId === undefined ? {} : { userId: copy.userId }), version: created.version }
  }

  async create(key: string, record: NewRecord): Promise<CreateResult> {
    if (await this.#old.read(key)) {
      if (await this.read(key)) return TAKEN
      // an old copy of what has ended
      await this.#old.remove(key)
    }
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const created = await this.#new.create(key, record)
      if (created.outcome === 'done') return created
      const present = await this.#new.read(key)
      if (!present) continue
      if (!isGrave(present)) return TAKEN
      const swapped = await this.#new.swap(key, present.version, record)
      if (swapped.outcome === 'done') return swapped
    }
    return TAKEN
  }

  async swap(key: string, expected: Version, record: NewRecord): Promise<SwapResult> {
    let version = expected
    if (expected instanceof OldVersion) {
      const moved = await this.read(key)
      if (!moved) return GONE
      if (moved.version instanceof OldVersion || moved.data !== expected.data) return CHANGED
      version = moved.version
    }
    // first, for a life that this write makes shorter must not end with the old record coming up again
    await this.#old.remove(key)
    const swapped = await this.#new.swap(key, version, record)
    if (swapped.outcome !== 'changed') return swapped
    return living(await this.#new.read(key)) ? CHANGED : GONE
  }

  async extend(key: string, expiresAt: number, userId: string | undefined): Promise<boolean> {
    const present = await this.read(key)
    if (!present) return false
    if (present.version instanceof OldVersion) return this.#old.extend(key, expiresAt, userId)
    return this.#new.extend(key, expiresAt, userId)
  }

  async remove(key: string): Promise<StoredRecord | undefined> {
    const before = await this.#old.remove(key)
    let removed: StoredRecord | undefined
    let end = before?.expiresAt
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const taken = await this.#new.remove(key)
      if (taken) {
        removed = living(taken) ?? removed
        end = Math.max(end ?? 0, taken.expiresAt)
      }
      const buried = await this.#new.create(key, grave(end))
      if (buried.outcome === 'done') return removed ?? before
      // a copy landed in between, or another one has buried it
      const present = await this.#new.read(key)
      if (present && isGrave(present)) return removed ?? before
    }
    throw new SessionError('conflict', `${this.#new.name}: a session that ended was stored again and again.`)
  }

  /** Old ones first, those that are in the new store left out; what is moved meanwhile is met there, after all old ones. */
  async scan(cursor: string | undefined, limit: number): Promise<ScanPage> {
    let page = await this.#page(cursor, limit)
    for (let pages = 1; page.records.length === 0 && page.cursor !== undefined && pages < MAX_PAGES; pages += 1) {
      page = await this.#page(page.cursor, limit)
    }
    return page
  }

  async #page(cursor: string | undefined, limit: number): Promise<ScanPage> {
    if (cursor !== undefined && !cursor.startsWith(OLD)) {
      const page = await this.#new.scan!(cursor.slice(NEW.length) || undefined, limit)
      return { records: page.records.filter(({ record }) => !isGrave(record)), cursor: page.cursor && NEW + page.cursor }
    }
    const page = await this.#old.scan!(cursor?.slice(OLD.length), limit)
    const present = await Promise.all(page.records.map(async ({ key }) => this.#new.read(key)))
    return {
      records: page.records
        .filter((_, place) => present[place] === undefined)
        .map(({ key, record }) => ({ key, record: { ...record, version: new OldVersion(record.data) } })),
      cursor: page.cursor === undefined ? NEW : OLD + page.cursor
    }
  }

  async removeExpired(limit: number): Promise<ExpiredRecord[]> {
    const expired = [...((await this.#new.removeExpired?.(limit)) ?? [])].filter(
      (record) => !isGrave({ ...record, version: 0, expiresAt: 0 })
    )
    if (expired.length >= limit || !supports(this.#old, 'removeExpired')) return expired
    const before = await this.#old.removeExpired(limit - expired.length)
    // one that was moved lives longer there, or has been told
    const present = await Promise.all(before.map(async ({ key }) => this.#new.read(key)))
    return [...expired, ...before.filter((_, place) => present[place] === undefined)]
  }
}

function living(record: StoredRecord | undefined): StoredRecord | undefined {
  return record === undefined || isGrave(record) ? undefined : record
}

async function attempted(call: () => unknown): Promise<void> {
  try {
    await call()
  } catch {
    // told by the next call that needs it
  }
}
