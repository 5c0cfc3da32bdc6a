import type { Database } from '../database/database.ts'
import type { Role } from '../database/schema.ts'

/** A user as others may see it. */
export interface User {
  readonly id: number
  readonly username: string
  readonly email: string
  readonly role: Role
}

export interface UserWithPassword extends User {
  readonly passwordHash: string
}

export interface NewUser {
  readonly username: string
  readonly email: string
  readonly passwordHash: string
  readonly role: Role
}

const SHOWN = ['id', 'username', 'email', 'role'] as const

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

  async byId(id: number): Promise<User | undefined> {
    return this.#db.selectFrom('users').select(SHOWN).where('id', '=', id).executeTakeFirst()
  }

  /** @param name username or email; no username is an email, so it is one user's at most */
  async byName(name: string): Promise<UserWithPassword | undefined> {
    const key = keyOf(name)
    return this.#db
      .selectFrom('users')
      .select([...SHOWN, 'passwordHash'])
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

  async passwordHashOf(id: number): Promise<string | undefined> {
    const row = await this.#db.selectFrom('users').select('passwordHash').where('id', '=', id).executeTakeFirst()
    return row?.passwordHash
  }

  /** @returns whether it was still `old`: of two changes at once one wins */
  async replacePasswordHash(id: number, old: string, next: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('users')
      .set({ passwordHash: next })
      .where('id', '=', id)
      .where('passwordHash', '=', old)
      .executeTakeFirstOrThrow()
    return numUpdatedRows > 0n
  }

  async count(): Promise<number> {
    const { count } = await this.#db
      .selectFrom('users')
      .select((db) => db.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    return count
  }
}
