import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { database, databases, stockOf } from '../cart/database.ts'
import { SessionStandIn, type StoredSession } from '../cart/session-stand-in.ts'
import { orderJson } from '../../src/orders/orders.ts'
import { checkout, countOrders, fill, held, orderId, shopOn } from './carts-and-orders.ts'

for (const who of ['guest', 'user'] as const) {
  const begin = (): StoredSession => (who === 'user' ? { userId: 1 } : {})

  describe(`checking out as a ${who}`, () => {
    it('takes the stock, makes an order of the lines and empties the cart', async (test) => {
      const shop = shopOn(await database(test))
      const stored = begin()
      await fill(shop, stored, { 2: 3, 1: 1 })
      const placed = await checkout(shop, stored)
      assert.equal(placed.outcome, 'placed')
      assert.deepEqual('order' in placed && placed.order.items, [
        { productId: 1, name: 'Laptop', priceCents: 99_999, quantity: 1 },
        { productId: 2, name: 'Mouse', priceCents: 2_999, quantity: 3 }
      ])
      assert.equal('order' in placed && placed.order.totalCents, 108_996)
      assert.deepEqual([await stockOf(shop.db, 1), await stockOf(shop.db, 2)], [9, 47])
      assert.deepEqual(await held(shop, stored), {})
    })

    it('refuses an empty cart, with and without a key, and begins no session for it', async (test) => {
      const shop = shopOn(await database(test))
      const stored = begin()
      const session = new SessionStandIn(stored)
      assert.deepEqual(await shop.orders.checkout(session), { outcome: 'empty' })
      assert.deepEqual(await shop.orders.checkout(session, 'k'), { outcome: 'empty' })
      assert.equal(session.writes, 0)
    })

    it('tells changed prices, puts them into the cart, and takes them when sent again', async (test) => {
      const shop = shopOn(await database(test))
      const stored = begin()
      await fill(shop, stored, { 1: 1, 2: 1 })
      await shop.db.updateTable('products').set({ priceCents: 3_499 }).where('id', '=', 2).execute()
      assert.deepEqual(await checkout(shop, stored, 'k'), { outcome: 'price-changed', prices: [{ productId: 2, priceCents: 3_499 }] })
      assert.equal(await stockOf(shop.db, 1), 10)
      assert.equal((await shop.carts.view(new SessionStandIn(stored))).totalPriceCents, 99_999 + 3_499)
      const placed = await checkout(shop, stored, 'k')
      assert.equal('order' in placed && placed.order.totalCents, 99_999 + 3_499)
    })

    it('tells every line that is short, and leaves cart and stock as they are', async (test) => {
      const shop = shopOn(await database(test))
      const stored = begin()
      await fill(shop, stored, { 1: 5, 2: 5, 3: 5 })
      await shop.db.updateTable('products').set({ stock: 4 }).where('id', 'in', [2, 3]).execute()
      assert.deepEqual(await checkout(shop, stored, 'k'), {
        outcome: 'insufficient-stock',
        shortfalls: [
          { productId: 2, requested: 5, available: 4 },
          { productId: 3, requested: 5, available: 4 }
        ]
      })
      assert.deepEqual(await held(shop, stored), { 1: 5, 2: 5, 3: 5 })
      assert.deepEqual([await stockOf(shop.db, 1), await countOrders(shop.db)], [10, 0])
    })

    it('gives the same order for the same key, and no second one', async (test) => {
      const shop = shopOn(await database(test))
      const stored = begin()
      await fill(shop, stored, { 1: 1 })
      const placed = await checkout(shop, stored, 'k')
      const again = await checkout(shop, stored, 'k')
      assert.equal(again.outcome, 'known')
      assert.deepEqual('order' in again && orderJson(again.order), 'order' in placed && orderJson(placed.order))
      assert.deepEqual([await stockOf(shop.db, 1), await countOrders(shop.db)], [9, 1])
    })

    it('refuses a used key when the cart holds other lines, and knows the order when it holds the same', async (test) => {
      const shop = shopOn(await database(test))
      const stored = begin()
      await fill(shop, stored, { 1: 1 })
      const id = orderId(await checkout(shop, stored, 'k'))
      await fill(shop, stored, { 2: 1 })
      assert.deepEqual(await checkout(shop, stored, 'k'), { outcome: 'key-used' })
      assert.deepEqual(await held(shop, stored), { 2: 1 })
      await shop.carts.clear(new SessionStandIn(stored))
      await fill(shop, stored, { 1: 1 })
      assert.equal(orderId(await checkout(shop, stored, 'k')), id)
      assert.equal(await countOrders(shop.db), 1)
      assert.notEqual(orderId(await checkout(shop, stored, 'l')), id)
    })

    it("takes another buyer's same key for another key", async (test) => {
      const shop = shopOn(await database(test))
      const [mine, other]: [StoredSession, StoredSession] = [begin(), who === 'user' ? { userId: 2 } : {}]
      await fill(shop, mine, { 1: 1 })
      await fill(shop, other, { 1: 1 })
      const [one, two] = [await checkout(shop, mine, 'k'), await checkout(shop, other, 'k')]
      assert.deepEqual([one.outcome, two.outcome], ['placed', 'placed'])
      assert.notEqual(orderId(one), orderId(two))
    })

    it('makes one order of ten checkouts with one key at once, in two processes (item 112)', async (test) => {
      const shops = (await databases(test, 2)).map(shopOn)
      const stored = begin()
      await fill(shops[0]!, stored, { 1: 1, 2: 2 })
      const checkouts = await Promise.all(Array.from({ length: 10 }, (_, i) => checkout(shops[i % 2]!, stored, 'k')))
      assert.deepEqual(checkouts.map(({ outcome }) => outcome).sort(), [...Array(9).fill('known'), 'placed'])
      assert.equal(new Set(checkouts.map(orderId)).size, 1)
      assert.deepEqual([await stockOf(shops[0]!.db, 1), await countOrders(shops[0]!.db)], [9, 1])
      assert.deepEqual(await held(shops[0]!, stored), {})
    })

    it('without a key makes one order of several at once; the others find the cart empty', async (test) => {
      const shops = (await databases(test, 2)).map(shopOn)
      const stored = begin()
      await fill(shops[0]!, stored, { 1: 1 })
      const checkouts = await Promise.all(Array.from({ length: 6 }, (_, i) => checkout(shops[i % 2]!, stored)))
      assert.deepEqual(checkouts.map(({ outcome }) => outcome).sort(), [...Array(5).fill('empty'), 'placed'])
      assert.equal(await countOrders(shops[0]!.db), 1)
    })

    it('keeps what is added meanwhile, for the next order', async (test) => {
      const shop = shopOn(await database(test))
      const stored = begin()
      await fill(shop, stored, { 1: 1 })
      const early = new SessionStandIn(stored)
      const [placed] = await Promise.all([shop.orders.checkout(early), shop.carts.add(new SessionStandIn(stored), 2, 1)])
      const next = await checkout(shop, stored)
      const bought = [placed, next].flatMap((result) =>
        'order' in result ? result.order.items.map((item) => [item.productId, item.quantity]) : []
      )
      assert.deepEqual(bought.sort(), [
        [1, 1],
        [2, 1]
      ])
    })

    it('never sells more than there is to more buyers than that, in two processes (item 111)', async (test) => {
      const shops = (await databases(test, 2)).map(shopOn)
      const db = shops[0]!.db
      await db
        .insertInto('users')
        .values(
          Array.from({ length: 20 }, (_, i) => ({
            id: 100 + i,
            username: `u${i}`,
            usernameKey: `u${i}`,
            email: `${i}`,
            emailKey: `${i}`,
            passwordHash: '',
            role: 'user' as const,
            createdAt: 0
          }))
        )
        .execute()
      const buyers: StoredSession[] = Array.from({ length: 20 }, (_, i) => (who === 'user' ? { userId: 100 + i } : {}))
      for (const buyer of buyers) await fill(shops[0]!, buyer, { 1: 1, 2: 1 })
      const checkouts = await Promise.all(buyers.map((buyer, i) => checkout(shops[i % 2]!, buyer, 'k')))
      assert.equal(checkouts.filter(({ outcome }) => outcome === 'placed').length, 10)
      assert.equal(checkouts.filter(({ outcome }) => outcome === 'insufficient-stock').length, 10)
      assert.deepEqual([await stockOf(db, 1), await stockOf(db, 2), await countOrders(db)], [0, 40, 10])
    })
  })
}

describe('orders', () => {
  it("are listed newest first, one's own only, and keep what was bought as it was", async (test) => {
    const shop = shopOn(await database(test))
    for (const productId of [1, 2, 3]) {
      await fill(shop, { userId: 1 }, { [productId]: 1 })
      await checkout(shop, { userId: 1 })
    }
    await fill(shop, { userId: 2 }, { 1: 1 })
    await checkout(shop, { userId: 2 })
    await shop.db.updateTable('products').set({ name: 'Other', priceCents: 1 }).execute()
    const orders = await shop.orders.listOf(1)
    assert.deepEqual(
      orders.map((order) => order.items.map((item) => item.name).join()),
      ['Keyboard', 'Mouse', 'Laptop']
    )
    assert.deepEqual(
      orders.map((order) => order.totalCents),
      [7_999, 2_999, 99_999]
    )
    assert.deepEqual(await shop.orders.listOf(3), [])
  })

  it('always total what their lines do, and stock falls by what was bought', async (test) => {
    const shop = shopOn(await database(test))
    await shop.db.updateTable('products').set({ stock: 1_000_000 }).execute()
    const purchase = fc.dictionary(fc.constantFrom('1', '2', '3'), fc.integer({ min: 1, max: 500 }), { minKeys: 1, noNullPrototype: true })
    let bought = 0
    await fc.assert(
      fc.asyncProperty(purchase, fc.boolean(), async (contents, signedIn) => {
        const stored: StoredSession = signedIn ? { userId: 1 } : {}
        await fill(shop, stored, contents)
        const placed = await checkout(shop, stored)
        assert.ok('order' in placed)
        assert.equal(
          placed.order.totalCents,
          placed.order.items.reduce((sum, item) => sum + item.priceCents * item.quantity, 0)
        )
        assert.deepEqual(Object.fromEntries(placed.order.items.map((item) => [item.productId, item.quantity])), { ...contents })
        bought += placed.order.items.reduce((sum, item) => sum + item.quantity, 0)
        const left = (await stockOf(shop.db, 1)) + (await stockOf(shop.db, 2)) + (await stockOf(shop.db, 3))
        assert.equal(left, 3_000_000 - bought)
      }),
      { numRuns: 50 }
    )
  })
})
