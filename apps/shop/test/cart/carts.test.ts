import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { catalogueRepository } from '../../src/catalogue/repository.ts'
import { MAX_QUANTITY } from '../../src/cart/cart.ts'
import { Carts } from '../../src/cart/carts.ts'
import { cartRepository } from '../../src/cart/repository.ts'
import type { Database } from '../../src/database/database.ts'
import { database, databases } from './database.ts'
import { SessionStandIn, type StoredSession } from './session-stand-in.ts'

const cartsOn = (db: Database) => new Carts({ repository: cartRepository(db), catalogue: catalogueRepository(db) })
const quantities = async (carts: Carts, session: SessionStandIn) =>
  Object.fromEntries((await carts.view(session)).items.map((item) => [item.productId, item.quantity]))

for (const who of ['guest', 'user'] as const) {
  describe(`the cart of a ${who}`, () => {
    const begin = async (db: Database) => {
      const stored: StoredSession = who === 'user' ? { userId: 1 } : {}
      return { carts: cartsOn(db), stored, session: new SessionStandIn(stored) }
    }

    it('holds what was added, in that order, with totals', async (test) => {
      const { carts, session } = await begin(await database(test))
      await carts.add(session, 3, 1)
      await carts.add(session, 1, 2)
      await carts.add(session, 3, 1)
      const view = await carts.view(session)
      assert.deepEqual(
        view.items.map((item) => [item.productId, item.name, item.quantity]),
        [
          [3, 'Keyboard', 2],
          [1, 'Laptop', 2]
        ]
      )
      assert.equal(view.totalPriceCents, 2 * 7_999 + 2 * 99_999)
      assert.equal(view.totalItems, 4)
    })

    it('refuses without a change: no such product, too many, not in the cart', async (test) => {
      const { carts, session } = await begin(await database(test))
      await carts.add(session, 1, 4)
      assert.deepEqual(await carts.add(session, 999, 1), { outcome: 'no-such-product' })
      assert.deepEqual(await carts.add(session, 2 ** 40, 1), { outcome: 'no-such-product' })
      assert.deepEqual(await carts.add(session, 1, 7), { outcome: 'insufficient-stock', available: 6 })
      assert.deepEqual(await carts.update(session, 1, 11), { outcome: 'insufficient-stock', available: 10 })
      assert.deepEqual(await carts.update(session, 2, 1), { outcome: 'not-in-cart' })
      assert.deepEqual(await quantities(carts, session), { 1: 4 })
    })

    it('is updated, emptied line by line and at once', async (test) => {
      const { carts, session } = await begin(await database(test))
      await carts.add(session, 1, 1)
      await carts.add(session, 2, 1)
      await carts.add(session, 3, 1)
      assert.equal((await carts.update(session, 2, 50)).outcome, 'updated')
      assert.deepEqual(
        (await carts.remove(session, 1)).map((line) => line.productId),
        [2, 3]
      )
      assert.deepEqual(
        (await carts.remove(session, 1)).map((line) => line.productId),
        [2, 3]
      )
      assert.deepEqual(await quantities(carts, session), { 2: 50, 3: 1 })
      assert.deepEqual(await carts.clear(session), [])
      assert.deepEqual(await quantities(carts, session), {})
    })

    it('keeps the price that was seen, until it is told the new one', async (test) => {
      const db = await database(test)
      const { carts, session } = await begin(db)
      await carts.add(session, 2, 1)
      await db.updateTable('products').set({ priceCents: 3_499 }).where('id', '=', 2).execute()
      await carts.add(session, 2, 1)
      assert.equal((await carts.view(session)).items[0]?.priceCents, 2_999)
      await carts.reprice(session, [
        { productId: 2, priceCents: 3_499 },
        { productId: 3, priceCents: 1 }
      ])
      assert.deepEqual(
        (await carts.view(session)).items.map((item) => [item.priceCents, item.quantity]),
        [[3_499, 2]]
      )
    })

    it('loses nothing to requests at once, each of which loaded the cart before the others wrote', async (test) => {
      const [one, two] = await databases(test, 2)
      const stored: StoredSession = who === 'user' ? { userId: 1 } : {}
      const carts = [cartsOn(one!), cartsOn(two!)]
      await Promise.all(Array.from({ length: 20 }, (_, i) => carts[i % 2]!.add(new SessionStandIn(stored), 2, 1)))
      await Promise.all([1, 3].map((productId, i) => carts[i]!.add(new SessionStandIn(stored), productId, 2)))
      assert.deepEqual(await quantities(carts[0]!, new SessionStandIn(stored)), { 1: 2, 2: 20, 3: 2 })
    })

    it('never holds more than the stock, however many add at once', async (test) => {
      const [one, two] = await databases(test, 2)
      const stored: StoredSession = who === 'user' ? { userId: 1 } : {}
      const carts = [cartsOn(one!), cartsOn(two!)]
      const added = await Promise.all(Array.from({ length: 30 }, (_, i) => carts[i % 2]!.add(new SessionStandIn(stored), 1, 1)))
      assert.equal(added.filter(({ outcome }) => outcome === 'added').length, 10)
      assert.deepEqual(await quantities(carts[0]!, new SessionStandIn(stored)), { 1: 10 })
    })
  })
}

describe('carts of guests', () => {
  it('begin no session by being looked at or refused', async (test) => {
    const carts = cartsOn(await database(test))
    const stored: StoredSession = {}
    const session = new SessionStandIn(stored)
    await carts.view(session)
    await carts.add(session, 1, 11)
    await carts.remove(session, 1)
    await carts.clear(session)
    assert.equal(session.writes, 0)
    assert.deepEqual(stored, {})
  })
})

describe('carts of users', () => {
  it("are the same on all devices, and nobody else's", async (test) => {
    const carts = cartsOn(await database(test))
    await carts.add(new SessionStandIn({ userId: 1 }), 2, 3)
    assert.deepEqual(await quantities(carts, new SessionStandIn({ userId: 1 })), { 2: 3 })
    assert.deepEqual(await quantities(carts, new SessionStandIn({ userId: 2 })), {})
  })
})

describe("merging a guest's cart into a user's", () => {
  const filled = async (carts: Carts, contents: Record<number, number>): Promise<StoredSession> => {
    const stored: StoredSession = {}
    for (const [productId, quantity] of Object.entries(contents)) await carts.add(new SessionStandIn(stored), Number(productId), quantity)
    return stored
  }

  it('adds quantities, caps at the stock, and takes them out of the session', async (test) => {
    const carts = cartsOn(await database(test))
    await carts.add(new SessionStandIn({ userId: 1 }), 1, 8)
    const stored = await filled(carts, { 3: 1, 1: 8 })
    stored.userId = 1
    await carts.mergeGuestCart(new SessionStandIn(stored))
    assert.equal(stored.guestCart, undefined)
    assert.deepEqual(await quantities(carts, new SessionStandIn(stored)), { 1: 10, 3: 1 })
  })

  it('happens once, also when two requests do it at once and when the session was not written afterwards', async (test) => {
    const [one, two] = await databases(test, 2)
    const carts = [cartsOn(one!), cartsOn(two!)]
    const stored = await filled(carts[0]!, { 2: 5 })
    stored.userId = 1
    const crashed = structuredClone(stored)
    await Promise.all(Array.from({ length: 6 }, (_, i) => carts[i % 2]!.mergeGuestCart(new SessionStandIn(stored))))
    assert.deepEqual(await quantities(carts[0]!, new SessionStandIn(stored)), { 2: 5 })
    assert.deepEqual(await quantities(carts[0]!, new SessionStandIn(crashed)), { 2: 5 })
    assert.equal(crashed.guestCart, undefined)
  })

  it('takes along what a request of before the sign-in adds meanwhile', async (test) => {
    const carts = cartsOn(await database(test))
    const stored = await filled(carts, { 2: 5 })
    const signedIn = Object.assign(stored, { userId: 1 })
    const session = new SessionStandIn(signedIn)
    const merging = carts.mergeGuestCart(session)
    // The late request holds the guest's session still: it adds to what is stored.
    const late = new SessionStandIn(Object.assign(stored, {}))
    await late.update((draft) => {
      draft.guestCart!.lines['p3'] = { name: 'Keyboard', priceCents: 7_999, quantity: 1 }
    })
    await merging
    assert.deepEqual(await quantities(carts, new SessionStandIn(signedIn)), { 2: 5, 3: 1 })
    assert.equal(stored.guestCart, undefined)
  })

  it('heals at the next look at the cart when it was never done', async (test) => {
    const carts = cartsOn(await database(test))
    const stored = await filled(carts, { 2: 5 })
    stored.userId = 1
    assert.deepEqual(await quantities(carts, new SessionStandIn(stored)), { 2: 5 })
    assert.equal(stored.guestCart, undefined)
  })

  it('does nothing for a guest', async (test) => {
    const carts = cartsOn(await database(test))
    const stored = await filled(carts, { 2: 5 })
    await carts.mergeGuestCart(new SessionStandIn(stored))
    assert.deepEqual(await quantities(carts, new SessionStandIn(stored)), { 2: 5 })
  })

  it('takes no more than a line may hold', async (test) => {
    const db = await database(test)
    await db
      .updateTable('products')
      .set({ stock: 3 * MAX_QUANTITY })
      .where('id', '=', 2)
      .execute()
    const carts = cartsOn(db)
    await carts.add(new SessionStandIn({ userId: 1 }), 2, MAX_QUANTITY - 1)
    const stored = await filled(carts, { 2: 5 })
    stored.userId = 1
    assert.deepEqual(await quantities(carts, new SessionStandIn(stored)), { 2: MAX_QUANTITY })
  })
})
