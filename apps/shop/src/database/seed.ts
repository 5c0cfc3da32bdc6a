import type { Database } from './database.ts'
import { PRODUCTS } from './products.ts'
import type { Role } from './schema.ts'

export { PRODUCTS } from './products.ts'

/** Who can sign in to try the shop. Their passwords are known to everybody: never in production, never within others' reach. */
export const DEMO_USERS = [
  { username: 'admin', email: 'admin@example.com', password: 'password123', role: 'admin' },
  { username: 'user', email: 'user@example.com', password: 'userpass', role: 'user' }
] as const satisfies { username: string; email: string; password: string; role: Role }[]

/**
 * Fills an empty database; what is there already is left as it is, so a sold product stays sold.
 * @param demoUsers how the demo users' passwords are hashed; `undefined` adds none
 */
export async function seed(db: Database, hashPassword: ((password: string) => Promise<string>) | undefined): Promise<void> {
  await db
    .insertInto('products')
    .values([...PRODUCTS])
    .onConflict((conflict) =>
      conflict
        .column('id')
        // A database of before there were descriptions gets them; whatever was written since stays.
        .doUpdateSet((row) => ({ description: row.ref('excluded.description'), picture: row.ref('excluded.picture') }))
        .where('products.description', '=', '')
        .where('products.picture', '=', '')
    )
    .execute()
  if (!hashPassword) return
  const { count } = await db
    .selectFrom('users')
    .select((row) => row.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  if (count > 0) return
  const users = await Promise.all(
    DEMO_USERS.map(async ({ username, email, password, role }) => ({
      username,
      usernameKey: username,
      email,
      emailKey: email,
      passwordHash: await hashPassword(password),
      role,
      createdAt: Date.now()
    }))
  )
  await db
    .insertInto('users')
    .values(users)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Which demo users there are whose password is still the one that everybody knows. */
export async function openDemoUsers(db: Database, matches: (password: string, hash: string) => Promise<boolean>): Promise<string[]> {
  const found: string[] = []
  for (const { username, password } of DEMO_USERS) {
    const row = await db.selectFrom('users').select('passwordHash').where('usernameKey', '=', username).executeTakeFirst()
    if (row && (await matches(password, row.passwordHash))) found.push(username)
  }
  return found
}
