import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { type Database, openDatabase } from '../../src/database/database.ts'

/** Some products to sell. */
export const PRODUCTS = [
  { id: 1, name: 'Laptop', priceCents: 99_999, stock: 10 },
  { id: 2, name: 'Mouse', priceCents: 2_999, stock: 50 },
  { id: 3, name: 'Keyboard', priceCents: 7_999, stock: 25 }
]

/**
 * A new database with products and two users (1 and 2), opened as often as asked: each as another process would. It is a
 * SQLite file, or with `TEST_POSTGRES_URL` a database on that server. All is gone when the test ends.
 */
export async function databases(test: TestContext, count: number): Promise<Database[]> {
  const { url, remove } = process.env['TEST_POSTGRES_URL'] ? await onPostgres(process.env['TEST_POSTGRES_URL']) : await inFile()
  const opened: Database[] = []
  test.after(async () => {
    for (const db of opened) await db.destroy()
    await remove()
  })
  for (let i = 0; i < count; i++) opened.push(await openDatabase(url))
  const db = opened[0]!
  await db.insertInto('products').values(PRODUCTS).execute()
  await db
    .insertInto('users')
    .values(
      ['ann', 'bob'].map((name) => ({
        username: name,
        usernameKey: name,
        email: `${name}@example.com`,
        emailKey: `${name}@example.com`,
        passwordHash: '',
        role: 'user' as const,
        createdAt: 0
      }))
    )
    .execute()
  return opened
}

async function inFile() {
  const folder = await mkdtemp(join(tmpdir(), 'shop-'))
  return { url: `sqlite:${join(folder, 'shop.db')}`, remove: () => rm(folder, { recursive: true }) }
}

async function onPostgres(server: string) {
  const name = `shop_${randomBytes(8).toString('hex')}`
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: server })
    await client.connect()
    await client.query(statement)
    await client.end()
  }
  await run(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, remove: () => run(`drop database ${name}`) }
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
