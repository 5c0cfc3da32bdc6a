import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contentsOf, databaseOf, register, restock, signIn } from '../cart/shop.ts'
import { stockOf } from '../cart/database.ts'
import { Client } from './client.ts'
import { startShops } from './processes.ts'

/** Requests at once that all send the same cookie, to each process in turn. */
const atOnce = <T>(count: number, send: (index: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, i) => send(i)))

for (const processes of [1, 2]) {
  describe(`requests of one session at once, ${processes === 1 ? 'one process' : 'two processes on the same files'}`, () => {
    it('behave as if one came after the other', { timeout: 120_000 }, async test => {
      const { shops, folder } = await startShops(test, processes)
      const urls = shops.map(shop => shop.url)
      const db = await databaseOf(test, folder)
      const visitor = () => new Client(...urls)

      await test.test('50 GET / are 50 views', async () => {
        const client = visitor()
        await client.get('/', { Accept: 'application/json' })
        const answers = await atOnce(50, () => client.get('/', { Accept: 'application/json' }))
        assert.deepEqual(answers.map(({ body }) => body.views).sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i + 2))
        assert.equal((await client.get('/', { Accept: 'application/json' })).body.views, 52)
      })

      for (const who of ['guest', 'user']) {
        const begin = async () => {
          const buyer = visitor()
          const user = who === 'user' ? await register(buyer) : undefined
          if (!user) await buyer.get('/', { Accept: 'application/json' })
          await restock(db)
          return { buyer, user }
        }

        await test.test(`20 adds are 20 items, of a ${who}`, async () => {
          const { buyer } = await begin()
          const answers = await atOnce(20, () => buyer.post('/cart/add', { productId: 2 }))
          assert.deepEqual(answers.map(({ status }) => status), Array(20).fill(200))
          assert.deepEqual(answers.map(({ body }) => body.cart.totalItems).sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i + 1))
          assert.deepEqual(await contentsOf(buyer), { 2: 20 })
        })

        await test.test(`100 requests that each write a line of their own leave 100 lines, of a ${who}`, async () => {
          const ids = Array.from({ length: 100 }, (_, i) => 2_000 + i)
          await db.insertInto('products').values(ids.map(id => ({ id, name: `Part ${id}`, priceCents: id, stock: 5 })))
            .onConflict(conflict => conflict.column('id').doNothing()).execute()
          const { buyer } = await begin()
          const answers = await atOnce(100, i => buyer.post('/cart/add', { productId: ids[i] }))
          assert.deepEqual(answers.map(({ status }) => status), Array(100).fill(200))
          assert.deepEqual(Object.keys(await contentsOf(buyer)).map(Number), ids)
        })

        await test.test(`ten checkouts with one key are one order, of a ${who}`, async () => {
          const { buyer } = await begin()
          await buyer.post('/cart/add', { productId: 1 })
          const answers = await atOnce(10, () => buyer.post('/checkout', undefined, { 'Idempotency-Key': 'k' }))
          assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(200))
          assert.equal(new Set(answers.map(({ body }) => body.order.id)).size, 1)
          assert.equal(await stockOf(db, 1), 9)
          assert.deepEqual(await contentsOf(buyer), {})
        })

        await test.test(`ten checkouts without a key are one order, the cart is empty for the others, of a ${who}`, async () => {
          const { buyer } = await begin()
          await buyer.post('/cart/add', { productId: 1 })
          const answers = await atOnce(10, () => buyer.post('/checkout'))
          assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(400)])
          assert.equal(await stockOf(db, 1), 9)
        })

        await test.test(`adds and checkouts lose and double nothing, of a ${who}`, async () => {
          const { buyer } = await begin()
          await buyer.post('/cart/add', { productId: 2 })
          const answers = await atOnce(30, i => i % 3 === 2 ? buyer.post('/checkout') : buyer.post('/cart/add', { productId: 2 }))
          const added = 1 + answers.filter(({ body }) => body.message === 'Item added to cart').length
          const ordered = answers.flatMap(({ body }) => body.order?.items ?? []).reduce((sum, item) => sum + item.quantity, 0)
          assert.equal(ordered + ((await contentsOf(buyer))[2] ?? 0), added)
          assert.equal(await stockOf(db, 2), 50 - ordered)
        })

        await test.test(`a logout among 40 writes ends it for good, of a ${who}`, async () => {
          const { buyer, user } = await begin()
          await buyer.post('/cart/add', { productId: 2 })
          const thief = buyer.clone()
          const answers = await atOnce(41, i => i === 20 ? buyer.clone().post('/logout') : buyer.clone().post('/cart/add', { productId: 3 }))
          assert.equal(answers[20]!.status, 200)
          for (const { status } of answers) assert.ok(status < 500, `status ${status}`)
          for (let i = 0; i < 2 * processes; i++) {
            assert.equal((await thief.clone().get('/profile')).status, 401)
            assert.equal((await thief.clone().get('/session-info')).body.sessionId, null)
            assert.deepEqual(await contentsOf(thief.clone()), {})
          }
          if (user) {
            await signIn(buyer, user)
            assert.equal((await contentsOf(buyer))[2], 1)
          }
        })
      }

      await test.test('more buyers than there is to sell: each piece is sold once', async () => {
        await restock(db)
        const buyers = await atOnce(25, async () => {
          const buyer = visitor()
          await buyer.post('/cart/add', { productId: 1 })
          await buyer.post('/cart/add', { productId: 2 })
          return buyer
        })
        const answers = await Promise.all(buyers.map(buyer => buyer.post('/checkout', undefined, { 'Idempotency-Key': 'k' })))
        assert.equal(answers.filter(({ status }) => status === 200).length, 10)
        const refused = answers.filter(({ status }) => status === 409)
        assert.equal(refused.length, 15)
        for (const { body } of refused) assert.equal(body.error, 'Insufficient stock')
        assert.deepEqual([await stockOf(db, 1), await stockOf(db, 2)], [0, 40])
      })
    })
  })
}
