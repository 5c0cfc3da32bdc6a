import type { Transaction } from 'kysely'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import type { CartLines } from './cart.ts'

/** The users' carts. */
export interface CartRepository {
  linesOf(userId: number): Promise<CartLines>
  /**
   * Changes a user's cart as if nobody else did at the time, on whatever device or process.
   * @param decide gets the cart and answers with an outcome, which has `lines` where they are to be what the cart holds
   */
  change<T extends Decision>(userId: number, decide: (lines: CartLines) => T): Promise<T>
  /**
   * Adds a guest's cart to a user's, once.
   * @param combine makes the user's lines of both; `stockOf` is 0 for what is not sold
   * @returns what was used up of the guest's cart: all of it now, or what an earlier merge or an order used up
   */
  merge(userId: number, guest: { readonly id: string; readonly lines: CartLines }, combine: Combine): Promise<TakenLines>
}

/** What came of looking at a cart, with `lines` where the cart is to hold others. */
export interface Decision {
  readonly outcome?: string
  readonly lines?: CartLines
}

export type Combine = (mine: CartLines, guests: CartLines, stockOf: (productId: number) => number) => CartLines
export type TakenLines = readonly { readonly productId: number; readonly quantity: number }[]

/** The users' carts in the shop's database. */
export function cartRepository(db: Database, now: () => number = () => Date.now()): CartRepository {
  return {
    linesOf: (userId) => linesOf(db, userId),

    change: (userId, decide) =>
      db.transaction().execute(async (trx) => {
        await lock(trx, userId, now())
        const before = await linesOf(trx, userId)
        const decision = decide(before)
        if (decision.lines) await write(trx, userId, before, decision.lines)
        return decision
      }),

    merge: (userId, guest, combine) =>
      db.transaction().execute(async (trx) => {
        const taken = guest.lines.map(({ productId, quantity }) => ({ productId, quantity }))
        const first = await trx
          .insertInto('settledCarts')
          .values({ cartId: guest.id, lines: JSON.stringify(taken), settledAt: now() })
          .onConflict((conflict) => conflict.column('cartId').doNothing())
          .returning('cartId')
          .executeTakeFirst()
        if (!first) {
          const { lines } = await trx.selectFrom('settledCarts').select('lines').where('cartId', '=', guest.id).executeTakeFirstOrThrow()
          return JSON.parse(lines) as TakenLines
        }
        await lock(trx, userId, now())
        const before = await linesOf(trx, userId)
        const products = await trx
          .selectFrom('products')
          .select(['id', 'stock'])
          .where(
            'id',
            'in',
            guest.lines.map((line) => line.productId)
          )
          .execute()
        const stocks = new Map(products.map(({ id, stock }) => [id, stock]))
        await write(
          trx,
          userId,
          before,
          combine(before, guest.lines, (id) => stocks.get(id) ?? 0)
        )
        return taken
      })
  }
}

/** Makes all who change this cart come one after the other, until the transaction ends. */
async function lock(trx: Transaction<Tables>, userId: number, updatedAt: number): Promise<void> {
  await trx
    .insertInto('carts')
    .values({ userId, updatedAt })
    .onConflict((conflict) => conflict.column('userId').doUpdateSet({ updatedAt }))
    .execute()
}

function linesOf(db: Database, userId: number): Promise<CartLines> {
  return db
    .selectFrom('cartLines')
    .innerJoin('products', 'products.id', 'cartLines.productId')
    .select(['cartLines.productId', 'products.name', 'cartLines.priceCents', 'cartLines.quantity'])
    .where('cartLines.userId', '=', userId)
    .orderBy('cartLines.id')
    .execute()
}

async function write(trx: Transaction<Tables>, userId: number, before: CartLines, after: CartLines): Promise<void> {
  const kept = new Set(after.map((line) => line.productId))
  const removed = before.filter((line) => !kept.has(line.productId)).map((line) => line.productId)
  if (removed.length > 0) await trx.deleteFrom('cartLines').where('userId', '=', userId).where('productId', 'in', removed).execute()
  const known = new Map(before.map((line) => [line.productId, line]))
  for (const { productId, priceCents, quantity } of after) {
    const old = known.get(productId)
    if (!old) {
      await trx.insertInto('cartLines').values({ userId, productId, priceCents, quantity }).execute()
    } else if (old.quantity !== quantity || old.priceCents !== priceCents) {
      await trx
        .updateTable('cartLines')
        .set({ priceCents, quantity })
        .where('userId', '=', userId)
        .where('productId', '=', productId)
        .execute()
    }
  }
}
