import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { serverFor } from '@sessile/test-servers'
import { ADMIN, PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

const server = await serverFor('the shop on PostgreSQL', 'postgres')

if (server) {
  describe('the shop on PostgreSQL', () => {
    let shops: TestShop[]
    // Both begin at the same moment, on an empty database.
    before(async () => {
      shops = await Promise.all([1, 2].map(() => startShop({ DATABASE_URL: server.url })))
    })
    after(() => Promise.all(shops.map((shop) => shop.close())))

    it('has the products and the demo users once', async () => {
      const { products } = (await shops[1]!.client().get('/products')).json
      assert.deepEqual(
        products.slice(0, 3).map(({ id, name, priceCents, stock }: any) => [id, name, priceCents, stock]),
        [
          [1, 'Laptop', 99_999, 10],
          [2, 'Mouse', 2_999, 50],
          [3, 'Keyboard', 7_999, 25]
        ]
      )
      const { adminData } = (await (await shops[0]!.signedIn(ADMIN)).get('/admin')).json
      assert.equal(adminData.totalUsers, 2)
    })

    it('lets one of several registrations of a name win, through both', async () => {
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          shops[i % 2]!.client().post('/register', {
            username: i % 3 ? 'Racer' : 'rACER',
            email: `racer${i}@example.com`,
            password: PASSWORD
          })
        )
      )
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409])
    })

    it('sells what there is and no more, to guests and users, through both', async () => {
      const users = await Promise.all(Array.from({ length: 4 }, (_, i) => registered(shops[i % 2]!)))
      const buyers = [...users.map(({ client }) => client), ...Array.from({ length: 12 }, (_, i) => shops[i % 2]!.client())]
      for (const buyer of buyers) assert.equal((await buyer.post('/cart/add', { productId: 1 })).status, 200)
      const answers = await Promise.all(buyers.map((buyer) => buyer.post('/checkout')))
      assert.equal(answers.filter(({ status }) => status === 200).length, 10)
      for (const { status, json } of answers) if (status !== 200) assert.deepEqual([status, json.error], [409, 'Insufficient stock'])
      assert.equal((await shops[0]!.client().get('/products')).json.products[0].stock, 0)
      const orders = (await Promise.all(users.map(({ client }) => client.get('/orders')))).flatMap(({ json }) => json.orders)
      for (const order of orders) {
        assert.equal(order.totalCents, 99_999)
        assert.ok(Math.abs(Date.now() - Date.parse(order.timestamp)) < 60_000)
      }
    })

    it('says so while the database is away, and goes on when it is back', async (t) => {
      if (!server.controllable) return t.skip('the server is not ours to kill')
      const [shop] = shops
      await server.kill()
      const ready = await shop!.client().get('/readyz')
      assert.deepEqual([ready.status, ready.json.details[0].store], [503, 'database'])
      const products = await shop!.client().get('/products')
      assert.deepEqual([products.status, products.json], [500, { error: 'Internal error', code: 'internal-error' }])
      assert.equal((await shop!.client().get('/healthz')).status, 200)
      await server.restart()
      while ((await shop!.client().get('/readyz')).status !== 200) await wait(20)
      assert.equal((await shop!.client().get('/products')).status, 200)
    })
  })
}
