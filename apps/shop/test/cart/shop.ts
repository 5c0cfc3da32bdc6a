import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { Client } from '../concurrency/client.ts'
import type { Ending } from '../concurrency/processes.ts'
import { PRODUCTS } from './database.ts'

/** The database of a running shop, as its owner sees it. */
export async function databaseOf(test: Ending, folder: string): Promise<Database> {
  const db = await openDatabase(`sqlite:${join(folder, 'shop.db')}`)
  test.after(() => db.destroy())
  return db
}

/** Puts prices and stock back to what the seed says. */
export async function restock(db: Database): Promise<void> {
  for (const { id, ...values } of PRODUCTS) await db.updateTable('products').set(values).where('id', '=', id).execute()
}

let registered = 0

/** Signs a new user in with this client, whose session is a guest's until then. */
export async function register(client: Client): Promise<{ readonly username: string, readonly password: string }> {
  const username = `buyer${process.pid}x${registered++}`
  const password = 'sixteen letters of it'
  const { status, body } = await client.post('/register', { username, email: `${username}@example.com`, password })
  assert.equal(status, 201, JSON.stringify(body))
  return { username, password }
}

/** Signs a user in who is there already. */
export async function signIn(client: Client, { username, password }: { readonly username: string, readonly password: string }): Promise<void> {
  const { status, body } = await client.post('/login', { username, password })
  assert.equal(status, 200, JSON.stringify(body))
}

/** What is in the cart, by product. */
export async function contentsOf(client: Client): Promise<Record<number, number>> {
  const { body } = await client.get('/cart')
  return Object.fromEntries(body.cart.items.map((item: { productId: number, quantity: number }) => [item.productId, item.quantity]))
}
