import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../database/database.ts'

const GOOD_FOR_MS = 24 * 60 * 60_000

/** For the policy. */
export const FIRST_ADMIN_CRYPTOGRAPHY = {
  purpose: 'Secret of the first administrator',
  algorithm: `SHA-256 of 192 random bits; once, for ${GOOD_FOR_MS / 3_600_000} hours`,
  key: 'none'
}

/** The first administrator: made by a secret that is told once, to whoever starts the shop. */
export class FirstAdmin {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /**
   * Makes the secret while there is no administrator. Only a hash of it is kept, for a day.
   * @returns the secret, for one of several processes that start at once; `undefined` where there is an administrator, or a secret that
   * was told already and is still good
   */
  async offer(): Promise<string | undefined> {
    const isNeeded = !(await hasAdmin(this.#db))
    const stale = this.#db.deleteFrom('setupSecrets')
    await (isNeeded ? stale.where('expiresAt', '<=', Date.now()) : stale).execute()
    if (!isNeeded) return undefined
    const secret = randomBytes(24).toString('base64url')
    const made = await this.#db
      .insertInto('setupSecrets')
      .values({ id: 1, secretHash: hashOf(secret), expiresAt: Date.now() + GOOD_FOR_MS })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst()
    return made && secret
  }

  /** Makes a user the first administrator. @returns whether the secret was right, still good and not used before */
  async appoint(userId: number, secret: string): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      const used = await tx
        .deleteFrom('setupSecrets')
        .where('secretHash', '=', hashOf(secret))
        .where('expiresAt', '>', Date.now())
        .returning('id')
        .executeTakeFirst()
      // Where there is an administrator by now, the secret is used up all the same.
      if (!used || (await hasAdmin(tx))) return false
      await tx.updateTable('users').set({ role: 'admin' }).where('id', '=', userId).execute()
      return true
    })
  }
}

async function hasAdmin(db: Database): Promise<boolean> {
  const row = await db.selectFrom('users').select('id').where('role', '=', 'admin').where('disabledAt', 'is', null).executeTakeFirst()
  return row !== undefined
}

/** It is 192 random bits: a hash that is made slowly would be no safer. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
