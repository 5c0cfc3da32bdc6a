import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stockOf } from '../cart/database.ts'
import { contentsOf, register, restock, signIn } from '../cart/shop.ts'
import { Client } from '../helpers.ts'
import { copyAt, startShops } from './shops.ts'

const ROUNDS = 12

for (const processes of [1, 2]) {
  describe(`signing in while the same guest does something else, ${processes === 1 ? 'one process' : 'two processes'}`, () => {
    it('orders the cart once, and loses and doubles no line', { timeout: 120_000 }, async (test) => {
      const { urls, db } = await startShops(test, processes)
      const [here, there] = [urls[0]!, urls.at(-1)!]
      const owner = new Client(here)
      const user = await register(owner)

      await test.test('checking out: one order, found again by its key', async () => {
        for (let round = 0; round < ROUNDS; round++) {
          await restock(db)
          const guest = new Client(here)
          await guest.post('/cart/add', { productId: 1 })
          const other = copyAt(guest, there)
          const late = async () => {
            // Each round a little later: signing in takes as long as hashing a password does.
            for (let i = 0; i < 3 * round; i++) await other.get('/products')
            return other.post('/checkout', undefined, { 'Idempotency-Key': `k${round}` })
          }
          const [during] = await Promise.all([late(), signIn(guest, user)])
          const after = await guest.post('/checkout', undefined, { 'Idempotency-Key': `k${round}` })
          assert.equal(after.status, 200, after.text)
          if (during.status === 200) assert.deepEqual(during.json, after.json)
          assert.equal(await stockOf(db, 1), 9)
          assert.deepEqual(await contentsOf(guest), {})
        }
      })

      await test.test('adding: what was answered with 200 is in the cart, once', async () => {
        for (let round = 0; round < ROUNDS; round++) {
          await restock(db)
          await owner.delete('/cart')
          const guest = new Client(here)
          await guest.post('/cart/add', { productId: 1 })
          const other = copyAt(guest, there)
          const done = new AbortController()
          const adding = async (): Promise<number> => {
            let added = 0
            while (!done.signal.aborted) if ((await other.post('/cart/add', { productId: 2 })).status === 200) added++
            return added
          }
          const [added] = await Promise.all([adding(), signIn(guest, user).finally(() => done.abort())])
          // Once its session is the user's under another id, the other one is a new visitor, with a cart of its own.
          const [contents, others] = [await contentsOf(guest), await contentsOf(other)]
          assert.equal(contents[1], 1)
          assert.equal((contents[2] ?? 0) + (others[2] ?? 0), added)
        }
      })

      await test.test('signing in twice at once: the cart is added once', async () => {
        for (let round = 0; round < ROUNDS; round++) {
          await restock(db)
          await owner.delete('/cart')
          const guest = new Client(here)
          await guest.post('/cart/add', { productId: 2, quantity: 3 })
          await Promise.allSettled([signIn(copyAt(guest, there), user), signIn(guest, user)])
          assert.deepEqual(await contentsOf(owner), { 2: 3 })
        }
      })
    })
  })
}
