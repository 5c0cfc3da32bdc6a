import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { stockOf } from '../cart/database.ts'
import { contentsOf, register, restock, signIn, stockParts } from '../cart/shop.ts'
import { Client } from '../helpers.ts'
import { copyAt, startShops } from './shops.ts'

for (const processes of [1, 2]) {
  describe(`requests of one session at once, ${processes === 1 ? 'one process' : 'two processes on the same files'}`, () => {
    it('behave as if one came after the other', { timeout: 120_000 }, async (test) => {
      const { urls, db } = await startShops(test, processes)
      const visitor = () => new Client(urls[0]!)
      /** Sends requests at once, each with the cookies that the client has now, to each process in turn. */
      const atOnce = <T>(count: number, client: Client, send: (client: Client, index: number) => Promise<T>): Promise<T[]> =>
        Promise.all(Array.from({ length: count }, (_, i) => send(copyAt(client, urls[i % urls.length]!), i)))

      await test.test('50 GET / are 50 views', async () => {
        const client = visitor()
        await client.get('/', { Accept: 'application/json' })
        const answers = await atOnce(50, client, (client) => client.get('/', { Accept: 'application/json' }))
        assert.deepEqual(
          answers.map(({ json }) => json.views).sort((a, b) => a - b),
          Array.from({ length: 50 }, (_, i) => i + 2)
        )
        assert.equal((await client.get('/', { Accept: 'application/json' })).json.views, 52)
      })

      for (const who of ['guest', 'user']) {
        const begin = async () => {
          await restock(db)
          const buyer = visitor()
          const user = who === 'user' ? await register(buyer) : undefined
          if (!user) await buyer.get('/', { Accept: 'application/json' })
          return { buyer, user }
        }

        await test.test(`20 adds are 20 items, of a ${who}`, async () => {
          const { buyer } = await begin()
          const answers = await atOnce(20, buyer, (buyer) => buyer.post('/cart/add', { productId: 2 }))
          assert.deepEqual(
            answers.map(({ status }) => status),
            Array(20).fill(200)
          )
          assert.deepEqual(
            answers.map(({ json }) => json.cart.totalItems).sort((a, b) => a - b),
            Array.from({ length: 20 }, (_, i) => i + 1)
          )
          assert.deepEqual(await contentsOf(buyer), { 2: 20 })
        })

        await test.test(`100 requests that each write a line of their own leave 100 lines, of a ${who}`, async () => {
          const ids = await stockParts(db)
          const { buyer } = await begin()
          const answers = await atOnce(100, buyer, (buyer, i) => buyer.post('/cart/add', { productId: ids[i] }))
          assert.deepEqual(
            answers.map(({ status }) => status),
            Array(100).fill(200)
          )
          assert.deepEqual(Object.keys(await contentsOf(buyer)).map(Number), ids)
        })

        await test.test(`ten checkouts with one key are one order, of a ${who}`, async () => {
          const { buyer } = await begin()
          await buyer.post('/cart/add', { productId: 1 })
          const answers = await atOnce(10, buyer, (buyer) => buyer.post('/checkout', undefined, { 'Idempotency-Key': 'k' }))
          assert.deepEqual(
            answers.map(({ status }) => status),
            Array(10).fill(200)
          )
          assert.equal(new Set(answers.map(({ json }) => json.order.id)).size, 1)
          assert.equal(await stockOf(db, 1), 9)
          assert.deepEqual(await contentsOf(buyer), {})
        })

        await test.test(`ten checkouts without a key are one order, the cart is empty for the others, of a ${who}`, async () => {
          const { buyer } = await begin()
          await buyer.post('/cart/add', { productId: 1 })
          const answers = await atOnce(10, buyer, (buyer) => buyer.post('/checkout'))
          assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(400)])
          assert.equal(await stockOf(db, 1), 9)
        })

        await test.test(`adds and checkouts lose and double nothing, of a ${who}`, async () => {
          const { buyer } = await begin()
          await buyer.post('/cart/add', { productId: 2 })
          const answers = await atOnce(30, buyer, (buyer, i) =>
            i % 3 === 2 ? buyer.post('/checkout') : buyer.post('/cart/add', { productId: 2 })
          )
          const added = 1 + answers.filter(({ json }) => json.message === 'Item added to cart').length
          const ordered = answers.flatMap(({ json }) => json.order?.items ?? []).reduce((sum, item) => sum + item.quantity, 0)
          assert.equal(ordered + ((await contentsOf(buyer))[2] ?? 0), added)
          assert.equal(await stockOf(db, 2), 50 - ordered)
        })

        await test.test(`a logout among 40 writes ends it for good, of a ${who}`, async () => {
          const { buyer, user } = await begin()
          await buyer.post('/cart/add', { productId: 2 })
          const before = buyer.copy()
          const answers = await atOnce(41, buyer, (buyer, i) =>
            i === 20 ? buyer.post('/logout') : buyer.post('/cart/add', { productId: 3 })
          )
          assert.equal(answers[20]!.status, 200)
          for (const { status } of answers) assert.ok(status < 500, `status ${status}`)
          for (const url of urls) {
            assert.equal((await copyAt(before, url).get('/profile')).status, 401)
            assert.equal((await copyAt(before, url).get('/session-info')).json.sessionId, null)
            assert.deepEqual(await contentsOf(copyAt(before, url)), {})
          }
          if (user) {
            await signIn(buyer, user)
            assert.equal((await contentsOf(buyer))[2], 1)
          }
        })
      }

      await test.test('more buyers than there is to sell: each piece is sold once', async () => {
        await restock(db)
        const answers = await atOnce(25, visitor(), async (buyer) => {
          await buyer.post('/cart/add', { productId: 1 })
          await buyer.post('/cart/add', { productId: 2 })
          return buyer.post('/checkout', undefined, { 'Idempotency-Key': 'k' })
        })
        assert.equal(answers.filter(({ status }) => status === 200).length, 10)
        const refused = answers.filter(({ status }) => status === 409)
        assert.equal(refused.length, 15)
        for (const { json } of refused) assert.equal(json.error, 'Insufficient stock')
        assert.deepEqual([await stockOf(db, 1), await stockOf(db, 2)], [0, 40])
      })
    })
  })
}
