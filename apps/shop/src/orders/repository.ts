import { randomBytes } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { amountCents, CURRENCY } from '../money.ts'
import {
  type Checkout,
  fingerprintOf,
  KEY_LIVES_MS,
  objectionTo,
  type Order,
  type OrderLine,
  type OrderOfSomebody,
  type Refusal,
  SETTLED_LIVES_MS
} from './orders.ts'
import { orderByKey, readOrders } from './reading.ts'

/** Whose an order is to be. */
interface Placing {
  /** Whose keys count; a new key is written under the first. */
  readonly owners: readonly string[]
  readonly key?: string | undefined
}

export type GuestCheckout =
  | { readonly outcome: 'placed'; readonly order: Order }
  /** The cart was ordered, or added to a user's, already: that much of it. */
  | { readonly outcome: 'settled'; readonly taken: readonly { readonly productId: number; readonly quantity: number }[] }
  /** Another checkout has just used the key. */
  | { readonly outcome: 'key-taken' }
  | Refusal

/** The orders, and everything that has to happen together with one. */
export interface OrderRepository {
  /** Newest first. */
  listOf(userId: number): Promise<readonly Order[]>
  /** A page of everybody's, newest first: those with smaller numbers than `before`. */
  listAll(page: { readonly before: number | undefined; readonly limit: number }): Promise<readonly OrderOfSomebody[]>
  find(id: number): Promise<OrderOfSomebody | undefined>
  findByLink(token: string): Promise<Order | undefined>
  /** Marks an order as cancelled and puts its pieces back. @returns false when it was cancelled before */
  cancel(id: number): Promise<boolean>
  /** Forgets idempotency keys, and guests' carts that were used up, once they are old enough. @returns how many of both */
  clean(): Promise<number>
  /** @returns the order that one of the owners placed with this key, the first owner's before another's */
  findByKey(owners: readonly string[], key: string): Promise<Order | undefined>
  /** Takes the stock, writes the order and settles the guest's cart; or does nothing. */
  placeForGuest(placing: Placing & { readonly cart: { readonly id: string; readonly lines: readonly OrderLine[] } }): Promise<GuestCheckout>
  /** Takes the stock, writes the order and empties the user's cart; or does nothing. */
  placeForUser(placing: Placing & { readonly userId: number }): Promise<Checkout>
}

/** PostgreSQL refuses to compare an integer column with more. */
const MAX_ID = 2 ** 31 - 1

/** 192 random bits: nobody guesses one, however many there are. */
const newToken = () => randomBytes(24).toString('base64url')

/** The orders in the shop's database. */
export function orderRepository(db: Database, now: () => number = () => Date.now()): OrderRepository {
  return {
    listOf: (userId) => readOrders(db, { userId }),
    listAll: (page) => readOrders(db, page),
    find: async (id) => (id <= MAX_ID ? (await readOrders(db, { id }))[0] : undefined),
    findByLink: async (linkToken) => (await readOrders(db, { linkToken }))[0],
    findByKey: (owners, key) => orderByKey(db, owners, key, now() - KEY_LIVES_MS),

    cancel: (id) =>
      db.transaction().execute(async (trx) => {
        // Whoever cancels the same order at the same time waits here, and then finds it cancelled.
        const { numUpdatedRows } = await trx
          .updateTable('orders')
          .set({ cancelledAt: now() })
          .where('id', '=', id)
          .where('cancelledAt', 'is', null)
          .executeTakeFirst()
        if (numUpdatedRows !== 1n) return false
        const lines = await trx.selectFrom('orderLines').select(['productId', 'quantity']).where('orderId', '=', id).execute()
        // In the order in which checking out takes them, so that the two never wait for each other.
        for (const { productId, quantity } of lines.toSorted((a, b) => a.productId - b.productId)) {
          await trx
            .updateTable('products')
            .set((product) => ({ stock: product('stock', '+', quantity) }))
            .where('id', '=', productId)
            .execute()
        }
        return true
      }),

    async clean() {
      const keys = await db
        .deleteFrom('idempotencyKeys')
        .where('createdAt', '<=', now() - KEY_LIVES_MS)
        .executeTakeFirst()
      const carts = await db
        .deleteFrom('settledCarts')
        .where('settledAt', '<=', now() - SETTLED_LIVES_MS)
        .executeTakeFirst()
      return Number(keys.numDeletedRows) + Number(carts.numDeletedRows)
    },

    placeForGuest: ({ cart, owners, key }) =>
      allOrNothing(db, async (trx): Promise<GuestCheckout> => {
        // The first write: whoever comes with the same cart at the same time waits here, and then finds it settled.
        const first = await trx
          .insertInto('settledCarts')
          .values({
            cartId: cart.id,
            lines: JSON.stringify(cart.lines.map(({ productId, quantity }) => ({ productId, quantity }))),
            settledAt: now()
          })
          .onConflict((conflict) => conflict.column('cartId').doNothing())
          .returning('cartId')
          .executeTakeFirst()
        if (!first) {
          const { lines } = await trx.selectFrom('settledCarts').select('lines').where('cartId', '=', cart.id).executeTakeFirstOrThrow()
          return { outcome: 'settled', taken: JSON.parse(lines) }
        }
        // Nobody remembers a cart for ever, but an order does: whoever comes with it after all that time ordered it already.
        const earlier = await trx.selectFrom('orders').select('id').where('cartId', '=', cart.id).executeTakeFirst()
        if (earlier) {
          const taken = await trx.selectFrom('orderLines').select(['productId', 'quantity']).where('orderId', '=', earlier.id).execute()
          return { outcome: 'settled', taken }
        }
        const items = await takeStock(trx, cart.lines)
        const order = await writeOrder(trx, { userId: null, cartId: cart.id, items, createdAt: now(), linkToken: newToken() })
        if (!(await writeKey(trx, order, owners, key))) throw new Undo({ outcome: 'key-taken' })
        return { outcome: 'placed', order }
      }),

    placeForUser: ({ userId, owners, key }) =>
      allOrNothing(db, async (trx): Promise<Checkout> => {
        // The row that every change of this cart locks first, in the cart as here.
        await trx
          .insertInto('carts')
          .values({ userId, updatedAt: now() })
          .onConflict((conflict) => conflict.column('userId').doUpdateSet({ updatedAt: now() }))
          .execute()
        const items = await trx
          .selectFrom('cartLines')
          .innerJoin('products', 'products.id', 'cartLines.productId')
          .select(['cartLines.productId', 'products.name', 'cartLines.priceCents', 'cartLines.quantity'])
          .where('cartLines.userId', '=', userId)
          .orderBy('cartLines.id')
          .execute()
        const known = key === undefined ? undefined : await orderByKey(trx, owners, key, now() - KEY_LIVES_MS)
        if (known) {
          const same = items.length === 0 || fingerprintOf(items) === fingerprintOf(known.items)
          return same ? { outcome: 'known', order: known } : { outcome: 'key-used' }
        }
        if (items.length === 0) return { outcome: 'empty' }
        await takeStock(trx, items)
        const order = await writeOrder(trx, { userId, cartId: null, items, createdAt: now(), linkToken: null })
        if (!(await writeKey(trx, order, owners, key))) throw new Error('A key of this user was used without the lock on the cart.')
        await trx.deleteFrom('cartLines').where('userId', '=', userId).execute()
        return { outcome: 'placed', order }
      })
  }
}

/** Ends a transaction without effect, with an outcome that is no breakdown. */
class Undo extends Error {
  readonly outcome: unknown

  constructor(outcome: unknown) {
    super('Nothing was done.')
    this.outcome = outcome
  }
}

/** Ends a transaction without effect, to begin it anew: another buyer was faster between its look and its grasp. */
class Again extends Error {}

/** How often a transaction begins anew. PostgreSQL alone needs it; SQLite lets one writer in at a time. */
const MAX_TRIES = 20

async function allOrNothing<T>(db: Database, work: (trx: Transaction<Tables>) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction().execute(work)
    } catch (error) {
      if (error instanceof Undo) return error.outcome as T
      if (!(error instanceof Again) || tries === MAX_TRIES) throw error
    }
  }
}

/**
 * Takes the pieces of all lines from the stock, or ends the transaction. The condition stands in the UPDATE itself, so
 * no two buyers get the same piece, nor anyone a piece at a price that was not seen. Products are taken in the order of
 * their ids, so that two buyers never wait for each other.
 * @returns the lines under the names that their products have now
 */
async function takeStock(trx: Transaction<Tables>, lines: readonly OrderLine[]): Promise<readonly OrderLine[]> {
  const rows = await trx
    .selectFrom('products')
    .select(['id', 'name', 'priceCents', 'stock'])
    .where(
      'id',
      'in',
      lines.map((line) => line.productId)
    )
    .execute()
  const products = new Map(rows.map((row) => [row.id, row]))
  const objection = objectionTo(lines, products)
  if (objection) throw new Undo(objection)
  for (const { productId, priceCents, quantity } of lines.toSorted((a, b) => a.productId - b.productId)) {
    const { numUpdatedRows } = await trx
      .updateTable('products')
      .set((product) => ({ stock: product('stock', '-', quantity) }))
      .where('id', '=', productId)
      .where('stock', '>=', quantity)
      .where('priceCents', '=', priceCents)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) throw new Again(`Product ${productId} changed while it was bought.`)
  }
  return lines.map((line) => ({ ...line, name: products.get(line.productId)?.name ?? line.name }))
}

type NewOrder = Pick<Order, 'cartId' | 'items' | 'createdAt' | 'linkToken'> & { readonly userId: number | null }

async function writeOrder(trx: Transaction<Tables>, { userId, cartId, items, createdAt, linkToken }: NewOrder): Promise<Order> {
  const totalCents = amountCents(items)
  const { id } = await trx
    .insertInto('orders')
    .values({ userId, cartId, totalCents, currency: CURRENCY, createdAt, linkToken, cancelledAt: null })
    .returning('id')
    .executeTakeFirstOrThrow()
  await trx
    .insertInto('orderLines')
    .values(
      items.map((line, position) => ({
        orderId: id,
        position,
        productId: line.productId,
        name: line.name,
        priceCents: line.priceCents,
        quantity: line.quantity
      }))
    )
    .execute()
  return { id, cartId, items, totalCents, currency: CURRENCY, createdAt, linkToken, cancelledAt: null }
}

/** @returns false when the key is taken */
async function writeKey(trx: Transaction<Tables>, order: Order, owners: readonly string[], key: string | undefined): Promise<boolean> {
  const owner = owners[0]
  if (key === undefined || owner === undefined) return true
  const written = await trx
    .insertInto('idempotencyKeys')
    .values({ owner, key, orderId: order.id, createdAt: order.createdAt })
    .onConflict((conflict) =>
      conflict
        .columns(['owner', 'key'])
        .doUpdateSet({ orderId: order.id, createdAt: order.createdAt })
        // One that is too old to lead anywhere is as good as none.
        .where('idempotencyKeys.createdAt', '<=', order.createdAt - KEY_LIVES_MS)
    )
    .returning('orderId')
    .executeTakeFirst()
  return written !== undefined
}
