import type { Database } from '../database/database.ts'
import type { OrderOfSomebody } from './orders.ts'

/** Which orders: one, one user's, or a page of everybody's. */
export type Which =
  | { readonly id: number }
  | { readonly userId: number }
  | { readonly linkToken: string }
  | { readonly before: number | undefined; readonly limit: number }

/** Orders with their lines, newest first. */
export async function readOrders(db: Database, which: Which): Promise<readonly OrderOfSomebody[]> {
  const orders = await db
    .selectFrom('orders')
    .leftJoin('users', 'users.id', 'orders.userId')
    .select(['orders.id', 'orders.userId', 'users.username', 'orders.cartId', 'orders.totalCents', 'orders.currency'])
    .select(['orders.createdAt', 'orders.cancelledAt', 'orders.linkToken'])
    .$if('id' in which, (all) => all.where('orders.id', '=', (which as { id: number }).id))
    .$if('userId' in which, (all) => all.where('orders.userId', '=', (which as { userId: number }).userId))
    .$if('linkToken' in which, (all) => all.where('orders.linkToken', '=', (which as { linkToken: string }).linkToken))
    .$if('before' in which && which.before !== undefined, (all) => all.where('orders.id', '<', (which as { before: number }).before))
    .$if('limit' in which, (all) => all.limit((which as { limit: number }).limit))
    .orderBy('orders.id', 'desc')
    .execute()
  if (orders.length === 0) return []
  const lines = await db
    .selectFrom('orderLines')
    .select(['orderId', 'productId', 'name', 'priceCents', 'quantity'])
    .$if('userId' in which, (all) =>
      all.where('orderId', 'in', (own) =>
        own
          .selectFrom('orders')
          .select('id')
          .where('userId', '=', (which as { userId: number }).userId)
      )
    )
    // A page of them, or one: few enough to be named.
    .$if(!('userId' in which), (all) =>
      all.where(
        'orderId',
        'in',
        orders.map(({ id }) => id)
      )
    )
    .orderBy('orderId')
    .orderBy('position')
    .execute()
  const linesOf = Map.groupBy(lines, (line) => line.orderId)
  return orders.map((order) => ({
    ...order,
    items: (linesOf.get(order.id) ?? []).map(({ productId, name, priceCents, quantity }) => ({ productId, name, priceCents, quantity }))
  }))
}

/**
 * The order that one of the owners placed with this key, the first owner's before another's.
 * @param since older keys count as never used
 */
export async function orderByKey(
  db: Database,
  owners: readonly string[],
  key: string,
  since: number
): Promise<OrderOfSomebody | undefined> {
  if (owners.length === 0) return undefined
  const found = await db
    .selectFrom('idempotencyKeys')
    .select(['owner', 'orderId'])
    .where('owner', 'in', owners)
    .where('key', '=', key)
    .where('createdAt', '>', since)
    .execute()
  const first = found.toSorted((a, b) => owners.indexOf(a.owner) - owners.indexOf(b.owner))[0]
  if (!first) return undefined
  const [order] = await readOrders(db, { id: first.orderId })
  return order
}
