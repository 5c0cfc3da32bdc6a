import assert from 'node:assert/strict'
import { Carts } from '../../src/cart/carts.ts'
import { cartRepository } from '../../src/cart/repository.ts'
import { catalogueRepository } from '../../src/catalogue/repository.ts'
import type { Database } from '../../src/database/database.ts'
import { Orders } from '../../src/orders/checkout.ts'
import type { Checkout } from '../../src/orders/orders.ts'
import { orderRepository } from '../../src/orders/repository.ts'
import { SessionStandIn, type StoredSession } from '../cart/session-stand-in.ts'

/** The shop's carts and orders as one process has them. */
export function shopOn(db: Database) {
  const carts = new Carts({ repository: cartRepository(db), catalogue: catalogueRepository(db) })
  const orders = new Orders({ repository: orderRepository(db), carts })
  return { db, carts, orders }
}

/** A process's carts and orders, and its database. */
export type Shop = ReturnType<typeof shopOn>

/** Puts pieces into the cart, by product. */
export async function fill({ carts }: Shop, stored: StoredSession, contents: Record<number, number>): Promise<void> {
  for (const [productId, quantity] of Object.entries(contents)) {
    const { outcome } = await carts.add(new SessionStandIn(stored), Number(productId), quantity)
    assert.equal(outcome, 'added')
  }
}

/** What is in the cart, by product. */
export async function held({ carts }: Shop, stored: StoredSession): Promise<Record<number, number>> {
  const { items } = await carts.view(new SessionStandIn(stored))
  return Object.fromEntries(items.map((item) => [item.productId, item.quantity]))
}

/** How many orders anybody placed. */
export async function countOrders(db: Database): Promise<number> {
  const { count } = await db.selectFrom('orders').select(db.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()
  return count
}

/** Checks out in a request of its own. */
export const checkout = ({ orders }: Shop, stored: StoredSession, key?: string): Promise<Checkout> =>
  orders.checkout(new SessionStandIn(stored), key)

/** The order of a checkout, if it has one. */
export const orderId = (checkout: Checkout): number | undefined => ('order' in checkout ? checkout.order.id : undefined)
