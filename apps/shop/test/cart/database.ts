import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Database, openDatabase } from '../../src/database/database.ts'

/** Some products to sell. */
export const PRODUCTS = [
  { id: 1, name: 'Laptop', priceCents: 99_999, stock: 10 },
  { id: 2, name: 'Mouse', priceCents: 2_999, stock: 50 },
  { id: 3, name: 'Keyboard', priceCents: 7_999, stock: 25 }
]

/**
 * A new SQLite file with products and two users (1 and 2), opened as often as asked: each as another process would.
 * All is gone when the test ends.
 */
export async function databases(test: TestContext, count: number): Promise<Database[]> {
  const folder = await mkdtemp(join(tmpdir(), 'shop-'))
  const opened: Database[] = []
  test.after(async () => {
    for (const db of opened) await db.destroy()
    await rm(folder, { recursive: true })
  })
  for (let i = 0; i < count; i++) opened.push(await openDatabase(`sqlite:${join(folder, 'shop.db')}`))
  const db = opened[0]!
  if (!await db.selectFrom('products').select('id').executeTakeFirst()) await db.insertInto('products').values(PRODUCTS).execute()
  await db.insertInto('users').values(['ann', 'bob'].map(name => ({
    username: name, usernameKey: name, email: `${name}@example.com`, emailKey: `${name}@example.com`, passwordHash: '', role: 'user' as const, createdAt: 0
  }))).execute()
  return opened
}

/** As `databases`, opened once. */
export async function database(test: TestContext): Promise<Database> {
  const [db] = await databases(test, 1)
  return db!
}

/** How many pieces of a product are left. */
export async function stockOf(db: Database, productId: number): Promise<number> {
  const { stock } = await db.selectFrom('products').select('stock').where('id', '=', productId).executeTakeFirstOrThrow()
  return stock
}
