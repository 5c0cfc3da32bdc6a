import type { Database } from '../database/database.ts'
import type { PasswordDue, Role } from '../database/schema.ts'

/** A user as others may see it. */
export interface User {
  readonly id: number
  readonly username: string
  readonly email: string
  readonly role: Role
}

/** A user, and what decides whether it may sign in. */
export interface Account extends User {
  readonly passwordHash: string
  readonly disabledAt: number | null
  readonly passwordDue: PasswordDue | null
}

export interface NewUser {
  readonly username: string
  readonly email: string
  readonly passwordHash: string
  readonly role: Role
}

const SHOWN = ['id', 'username', 'email', 'role'] as const
const ALL = [...SHOWN, 'passwordHash', 'disabledAt', 'passwordDue'] as const

/** The form by which a username or an email is found: letter case tells no two apart. */
export function keyOf(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

/** Who there is. */
export class UserRepository {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /** @returns `undefined` when the name or the email is another's, also when both came at the same moment */
  async add(user: NewUser): Promise<User | undefined> {
    return this.#db
      .insertInto('users')
      .values({ ...user, usernameKey: keyOf(user.username), emailKey: keyOf(user.email), createdAt: Date.now() })
      .onConflict((conflict) => conflict.doNothing())
      .returning(SHOWN)
      .executeTakeFirst()
  }

  /** @returns `undefined` also for one that is closed: to the rest of the shop it is nobody */
  async byId(id: number): Promise<User | undefined> {
    return this.#db.selectFrom('users').select(SHOWN).where('id', '=', id).where('disabledAt', 'is', null).executeTakeFirst()
  }

  async account(id: number): Promise<Account | undefined> {
    return this.#db.selectFrom('users').select(ALL).where('id', '=', id).executeTakeFirst()
  }

  /** @param name username or email; no username is an email, so it is one user's at most */
  async byName(name: string): Promise<Account | undefined> {
    const key = keyOf(name)
    return this.#db
      .selectFrom('users')
      .select(ALL)
      .where((or) => or.or([or('usernameKey', '=', key), or('emailKey', '=', key)]))
      .executeTakeFirst()
  }

  async isTaken(username: string, email: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('users')
      .select('id')
      .where((or) => or.or([or('usernameKey', '=', keyOf(username)), or('emailKey', '=', keyOf(email))]))
      .executeTakeFirst()
    return row !== undefined
  }

  /**
   * @param isNew whether it is another password, so that none is due any more, and not the same one hashed anew
   * @returns whether it was still `old`: of two changes at once one wins
   */
  async replacePasswordHash(id: number, old: string, next: string, isNew: boolean): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('users')
      .set({ passwordHash: next, ...(isNew && { passwordDue: null }) })
      .where('id', '=', id)
      .where('passwordHash', '=', old)
      .executeTakeFirstOrThrow()
    return numUpdatedRows > 0n
  }

  /** @returns whether nobody else has it */
  async changeEmail(id: number, email: string): Promise<boolean> {
    const emailKey = keyOf(email)
    try {
      const { numUpdatedRows } = await this.#db
        .updateTable('users')
        .set({ email, emailKey })
        .where('id', '=', id)
        .where((user) => {
          const others = user
            .selectFrom('users as other')
            .select('other.id')
            .where('other.emailKey', '=', emailKey)
            .where('other.id', '!=', id)
          return user.not(user.exists(others))
        })
        .executeTakeFirstOrThrow()
      return numUpdatedRows > 0n
    } catch (error) {
      // Two who take it at the same moment: the unique index lets one.
      if (isUniqueViolation(error)) return false
      throw error
    }
  }

  async setPasswordDue(id: number, due: PasswordDue): Promise<void> {
    await this.#db.updateTable('users').set({ passwordDue: due }).where('id', '=', id).execute()
  }

  async count(): Promise<number> {
    const { count } = await this.#db
      .selectFrom('users')
      .select((db) => db.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    return count
  }
}

function isUniqueViolation(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown }
  return code === '23505' || errcode === 2067
}
