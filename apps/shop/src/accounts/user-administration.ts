import type { Database } from '../database/database.ts'
import type { PasswordDue, Role } from '../database/schema.ts'
import { keyOf, type User } from './repository.ts'

/** A user as administrators see it. */
export interface UserRow extends User {
  readonly createdAt: number
  readonly disabledAt: number | null
  readonly passwordDue: PasswordDue | null
}

/** `last-admin`: somebody has to be able to administer the shop. */
export type Changed = 'changed' | 'unchanged' | 'unknown' | 'last-admin'

const SHOWN = ['id', 'username', 'email', 'role', 'createdAt', 'disabledAt', 'passwordDue'] as const

/** What may be done with everybody's accounts. Their sessions are the caller's affair. */
export class UserAdministration {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  /**
   * Users by id.
   * @param search a part of a name or email
   * @param cursor the id that the page before ended with
   */
  async page(asked: { readonly search?: string | undefined; readonly cursor?: number | undefined; readonly limit: number }): Promise<{
    readonly users: readonly UserRow[]
    readonly nextCursor: number | undefined
  }> {
    const { search, cursor, limit } = asked
    let query = this.#db
      .selectFrom('users')
      .select(SHOWN)
      .orderBy('id')
      .limit(limit + 1)
    if (cursor !== undefined) query = query.where('id', '>', cursor)
    if (search !== undefined) {
      const some = `%${keyOf(search).replace(/[%_\\]/g, '_')}%`
      query = query.where((or) => or.or([or('usernameKey', 'like', some), or('emailKey', 'like', some)]))
    }
    const rows = await query.execute()
    const users = rows.slice(0, limit)
    return { users, nextCursor: rows.length > limit ? users.at(-1)!.id : undefined }
  }

  /** Closes an account: nobody signs in to it until it is opened again. */
  async disable(id: number): Promise<Changed> {
    return this.#change(id, ({ disabledAt }) => disabledAt === null && { disabledAt: Date.now() })
  }

  /** Opens it again, to whoever has its password; one that is due may then be set from any device. */
  async enable(id: number): Promise<Changed> {
    return this.#change(
      id,
      ({ disabledAt, passwordDue }) =>
        (disabledAt !== null || passwordDue === 'known-device') && {
          disabledAt: null,
          ...(passwordDue === 'known-device' && { passwordDue: 'any-device' as const })
        }
    )
  }

  async setRole(id: number, role: Role): Promise<Changed> {
    return this.#change(id, (user) => user.role !== role && { role })
  }

  /** Deletes an account. Its orders stay, as nobody's: they are the shop's books. */
  async remove(id: number): Promise<Changed> {
    return this.#db.transaction().execute(async (tx) => {
      const user = await lockedUser(tx, id)
      if (!user) return 'unknown'
      if (await isLastAdmin(tx, user)) return 'last-admin'
      await tx.updateTable('orders').set({ userId: null }).where('userId', '=', id).execute()
      await tx.deleteFrom('users').where('id', '=', id).execute()
      return 'changed'
    })
  }

  async #change(
    id: number,
    change: (user: UserRow) => false | Partial<Pick<UserRow, 'role' | 'disabledAt' | 'passwordDue'>>
  ): Promise<Changed> {
    return this.#db.transaction().execute(async (tx) => {
      const user = await lockedUser(tx, id)
      if (!user) return 'unknown'
      const changed = change(user)
      if (changed === false) return 'unchanged'
      if (!isAdmin({ ...user, ...changed }) && (await isLastAdmin(tx, user))) return 'last-admin'
      await tx.updateTable('users').set(changed).where('id', '=', id).execute()
      return 'changed'
    })
  }
}

/** An update that changes nothing holds every administrator's row: of two who would each leave the other as the last, one waits. */
async function lockedUser(tx: Database, id: number): Promise<UserRow | undefined> {
  await tx
    .updateTable('users')
    .set((row) => ({ role: row.ref('role') }))
    .where((or) => or.or([or('role', '=', 'admin'), or('id', '=', id)]))
    .execute()
  return tx.selectFrom('users').select(SHOWN).where('id', '=', id).executeTakeFirst()
}

async function isLastAdmin(tx: Database, user: UserRow): Promise<boolean> {
  if (!isAdmin(user)) return false
  const other = await tx
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'admin')
    .where('disabledAt', 'is', null)
    .where('id', '!=', user.id)
    .executeTakeFirst()
  return other === undefined
}

function isAdmin({ role, disabledAt }: Pick<UserRow, 'role' | 'disabledAt'>): boolean {
  return role === 'admin' && disabledAt === null
}
