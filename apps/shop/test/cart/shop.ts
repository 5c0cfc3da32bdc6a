import assert from 'node:assert/strict'
import type { Database } from '../../src/database/database.ts'
import { type Client, PASSWORD } from '../helpers.ts'
import { PRODUCTS } from './database.ts'

/** Puts prices and stock back to what the seed says. */
export async function restock(db: Database): Promise<void> {
  for (const { id, ...values } of PRODUCTS) await db.updateTable('products').set(values).where('id', '=', id).execute()
}

/** Makes a hundred products of which nothing else knows. @returns their ids */
export async function stockParts(db: Database): Promise<number[]> {
  const ids = Array.from({ length: 100 }, (_, i) => 2_000 + i)
  await db
    .insertInto('products')
    .values(ids.map((id) => ({ id, name: `Part ${id}`, priceCents: id, stock: 5 })))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  return ids
}

let registered = 0

/** Signs somebody new in with this client, whose session is a guest's until then. */
export async function register(client: Client): Promise<{ readonly username: string; readonly password: string }> {
  const username = `buyer-${process.pid}-${registered++}`
  const { status, text } = await client.post('/register', { username, email: `${username}@example.com`, password: PASSWORD })
  assert.equal(status, 201, text)
  return { username, password: PASSWORD }
}

/** Signs in somebody who registered before. */
export async function signIn(
  client: Client,
  { username, password }: { readonly username: string; readonly password: string }
): Promise<void> {
  const { status, text } = await client.post('/login', { username, password })
  assert.equal(status, 200, text)
}

/** What is in the cart, by product. */
export async function contentsOf(client: Client): Promise<Record<number, number>> {
  const { json } = await client.get('/cart')
  return Object.fromEntries(json.cart.items.map((item: { productId: number; quantity: number }) => [item.productId, item.quantity]))
}
