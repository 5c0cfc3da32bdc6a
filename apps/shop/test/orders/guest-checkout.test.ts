import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { database, databases, stockOf } from '../cart/database.ts'
import { SessionStandIn, type StoredSession } from '../cart/session-stand-in.ts'
import { checkout, countOrders, fill, held, orderId, type Shop, shopOn } from './carts-and-orders.ts'

describe("a guest's session that was not written after the order", () => {
  const crashed = async (shop: Shop, contents: Record<number, number>, key?: string) => {
    const stored: StoredSession = {}
    await fill(shop, stored, contents)
    const before = structuredClone(stored)
    const placed = await checkout(shop, stored, key)
    return { stored: before, id: orderId(placed) }
  }

  it('gets its order when it sends the key again, and an empty cart', async (test) => {
    const shop = shopOn(await database(test))
    const { stored, id } = await crashed(shop, { 1: 1 }, 'k')
    const again = await checkout(shop, stored, 'k')
    assert.deepEqual([again.outcome, orderId(again)], ['known', id])
    assert.equal(stored.guestCart, undefined)
  })

  it('finds its cart empty when it had no key, or sends another one', async (test) => {
    for (const [first, second] of [
      [undefined, undefined],
      [undefined, 'k'],
      ['k', 'l'],
      ['k', undefined]
    ]) {
      const shop = shopOn(await database(test))
      const { stored } = await crashed(shop, { 1: 1 }, first)
      assert.equal((await checkout(shop, stored, second)).outcome, 'empty')
      assert.equal(stored.guestCart, undefined)
      assert.equal(await countOrders(shop.db), 1)
    }
  })

  it('orders only what it added after that', async (test) => {
    const shop = shopOn(await database(test))
    const { stored } = await crashed(shop, { 1: 1, 2: 1 })
    await fill(shop, stored, { 2: 2, 3: 1 })
    const next = await checkout(shop, stored)
    assert.deepEqual('order' in next && next.order.items.map((item) => [item.productId, item.quantity]), [
      [2, 2],
      [3, 1]
    ])
    assert.equal(await stockOf(shop.db, 1), 9)
  })

  it('refuses the key when something was added after that, which stays', async (test) => {
    const shop = shopOn(await database(test))
    const { stored } = await crashed(shop, { 1: 1 }, 'k')
    await fill(shop, stored, { 2: 2 })
    assert.equal((await checkout(shop, stored, 'k')).outcome, 'key-used')
    assert.deepEqual(await held(shop, stored), { 2: 2 })
  })

  it("finds its order by its key after signing in, and brings nothing of it into the user's cart", async (test) => {
    const shop = shopOn(await database(test))
    const { stored, id } = await crashed(shop, { 1: 1 }, 'k')
    stored.userId = 1
    const again = await checkout(shop, stored, 'k')
    assert.deepEqual([again.outcome, orderId(again)], ['known', id])
    assert.deepEqual(await held(shop, stored), {})
    assert.equal(await countOrders(shop.db), 1)
  })
})

describe('one key for two carts of a guest at once', () => {
  for (const [other, outcome] of [
    [{ 2: 1 }, 'key-used'],
    [{ 1: 1 }, 'known']
  ] as const) {
    it(`makes one order, and the other checkout is ${outcome}`, async (test) => {
      const shops = (await databases(test, 2)).map(shopOn)
      const stored: StoredSession = {}
      await fill(shops[0]!, stored, { 1: 1 })
      const second: StoredSession = { buyer: stored.buyer! }
      await fill(shops[0]!, second, other)
      // Both have looked for the key before either has used it.
      const results = await Promise.all([checkout(shops[0]!, stored, 'k'), checkout(shops[1]!, second, 'k')])
      const outcomes = results.map((result) => result.outcome)
      assert.ok(outcomes.includes('placed') && outcomes.includes(outcome), outcomes.join())
      assert.equal(await countOrders(shops[0]!.db), 1)
      assert.equal((await stockOf(shops[0]!.db, 1)) + (await stockOf(shops[0]!.db, 2)), 59)
    })
  }
})

describe("signing in before a guest's checkout", () => {
  it("orders the guest's cart as the user's, also when the sign-in did not get to merging it", async (test) => {
    const shop = shopOn(await database(test))
    const stored: StoredSession = {}
    await fill(shop, stored, { 1: 1 })
    await fill(shop, { userId: 1 }, { 2: 1 })
    stored.userId = 1
    const placed = await checkout(shop, stored, 'k')
    assert.deepEqual('order' in placed && placed.order.items.map((item) => item.productId), [2, 1])
    assert.deepEqual(
      (await shop.orders.listOf(1)).map((order) => order.id),
      [orderId(placed)]
    )
    assert.equal(stored.guestCart, undefined)
  })
})

describe("signing in while a guest's checkout is under way", () => {
  it('makes one order of the cart, whichever comes first', async (test) => {
    for (let round = 0; round < 20; round++) {
      const shops = (await databases(test, 2)).map(shopOn)
      const guest: StoredSession = {}
      await fill(shops[0]!, guest, { 1: 1 })
      const signedIn = Object.assign(structuredClone(guest), { userId: 1 })
      const [first, , retry] = await Promise.all([
        checkout(shops[0]!, guest, 'k'),
        shops[1]!.carts.mergeGuestCart(new SessionStandIn(signedIn)),
        checkout(shops[round % 2]!, signedIn, 'k')
      ])
      const last = await checkout(shops[0]!, signedIn, 'k')
      const ids = [first, retry, last].map(orderId).filter((id) => id !== undefined)
      assert.equal(new Set(ids).size, 1)
      assert.deepEqual([await countOrders(shops[0]!.db), await stockOf(shops[0]!.db, 1)], [1, 9])
    }
  })
})
