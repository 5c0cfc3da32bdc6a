import { createHash } from 'node:crypto'
import type { Database } from '../database/database.ts'

/** A device that signed in to an account. */
export interface KnownDevice {
  readonly id: number
  /** In words: `Chrome on Linux`. */
  readonly name: string
  readonly address: string | null
  /** Epoch ms. */
  readonly firstSeenAt: number
}

const DAY_MS = 86_400_000
/** As long as the cookie by which a device is known again. */
const REMEMBERED_DAYS = 180
/** Nobody answers for what he did longer ago. */
const NOTICE_DAYS = 30

/**
 * The devices that accounts signed in from, known again by the number in a long-lived cookie. The first sign-in of one that an account
 * did not know is open until its owner says that it was him: he is told of it on his other devices.
 */
export class KnownDevices {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async isKnown(userId: number, device: string | undefined): Promise<boolean> {
    if (device === undefined) return false
    const row = await this.#db
      .selectFrom('devices')
      .select('id')
      .where('userId', '=', userId)
      .where('deviceKey', '=', keyOf(device))
      .executeTakeFirst()
    return row !== undefined
  }

  /**
   * Notes a sign-in.
   * @param device the number in its cookie
   * @returns whether the account knows others, but not this one: its very first device is new to nobody
   */
  async signedIn(userId: number, device: string, seen: Pick<KnownDevice, 'name' | 'address'>): Promise<{ id: number; isNew: boolean }> {
    const at = Date.now()
    const other = await this.#db.selectFrom('devices').select('id').where('userId', '=', userId).limit(1).executeTakeFirst()
    const row = await this.#db
      .insertInto('devices')
      .values({ userId, deviceKey: keyOf(device), ...seen, firstSeenAt: at, lastSeenAt: at, noticedAt: other ? null : at })
      .onConflict((conflict) => conflict.columns(['userId', 'deviceKey']).doUpdateSet({ ...seen, lastSeenAt: at }))
      .returning(['id', 'firstSeenAt', 'noticedAt'])
      .executeTakeFirstOrThrow()
    return { id: row.id, isNew: row.firstSeenAt === at && row.noticedAt === null }
  }

  /** Whose first sign-in nobody has answered for yet, the latest first. */
  async open(userId: number): Promise<KnownDevice[]> {
    return this.#open(userId).select(['id', 'name', 'address', 'firstSeenAt']).orderBy('id', 'desc').limit(20).execute()
  }

  /**
   * Whether a device may answer for others: not while it waits for an answer itself, or two that came by a password would vouch
   * for each other, and put the owner out.
   * @param id absent of a session that began before devices were noted
   */
  async mayAnswer(userId: number, id: number | undefined): Promise<boolean> {
    return id === undefined || (await this.#open(userId).select('id').where('id', '=', id).executeTakeFirst()) === undefined
  }

  async find(userId: number, id: number): Promise<KnownDevice | undefined> {
    return this.#db
      .selectFrom('devices')
      .select(['id', 'name', 'address', 'firstSeenAt'])
      .where('userId', '=', userId)
      .where('id', '=', id)
      .executeTakeFirst()
  }

  /** The owner says that it was him, on this device and on those before it. */
  async confirm(userId: number, id: number): Promise<void> {
    await this.#answered(userId).where('id', '<=', id).execute()
  }

  /**
   * The owner says that it was not: that device is forgotten, and those that came after it.
   * @param ownId the one that he says it on
   */
  async disown(userId: number, id: number, ownId: number | undefined): Promise<void> {
    await this.#db
      .deleteFrom('devices')
      .where('userId', '=', userId)
      .where('id', '>=', id)
      .where('id', '!=', ownId ?? 0)
      .execute()
    await this.#answered(userId).execute()
  }

  /** Forgets those that were not used for longer than their cookie lives. */
  async forget(): Promise<void> {
    await this.#db
      .deleteFrom('devices')
      .where('lastSeenAt', '<', Date.now() - REMEMBERED_DAYS * DAY_MS)
      .execute()
  }

  #open(userId: number) {
    return this.#db
      .selectFrom('devices')
      .where('userId', '=', userId)
      .where('noticedAt', 'is', null)
      .where('firstSeenAt', '>', Date.now() - NOTICE_DAYS * DAY_MS)
  }

  #answered(userId: number) {
    return this.#db.updateTable('devices').set({ noticedAt: Date.now() }).where('userId', '=', userId).where('noticedAt', 'is', null)
  }
}

/** It cannot be guessed, so a hash without a secret hides it. */
function keyOf(device: string): string {
  return createHash('sha256').update(device).digest('base64url')
}
