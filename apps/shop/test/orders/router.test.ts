import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { contentsOf, register, restock, signIn } from '../cart/shop.ts'
import { stockOf } from '../cart/database.ts'
import { startShop } from '../helpers.ts'

const shop = await startShop()
const { db } = shop
after(() => shop.close())
beforeEach(() => restock(db))

const key = (value: string) => ({ 'Idempotency-Key': value })

for (const who of ['guest', 'user'] as const) {
  const buyer = async (contents: Record<number, number> = {}) => {
    const client = shop.client()
    if (who === 'user') await register(client)
    for (const [productId, quantity] of Object.entries(contents)) await client.post('/cart/add', { productId: Number(productId), quantity })
    return client
  }

  describe(`POST /checkout of a ${who}`, () => {
    it('places an order of what is in the cart', async () => {
      const client = await buyer({ 1: 1, 2: 3 })
      const before = Date.now()
      const { status, json, headers } = await client.post('/checkout')
      assert.equal(status, 200)
      assert.equal(headers.get('Cache-Control'), 'no-store')
      assert.equal(json.message, 'Order placed successfully')
      const { id, timestamp, ...order } = json.order
      assert.equal(typeof id, 'number')
      assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.ok(Date.parse(timestamp) >= before && Date.parse(timestamp) <= Date.now())
      assert.deepEqual(order, {
        items: [
          { productId: 1, name: 'Laptop', price: 999.99, priceCents: 99_999, quantity: 1 },
          { productId: 2, name: 'Mouse', price: 29.99, priceCents: 2_999, quantity: 3 }
        ],
        total: 1089.96,
        totalCents: 108_996,
        currency: 'USD'
      })
      assert.deepEqual([await stockOf(db, 1), await stockOf(db, 2)], [9, 47])
      assert.deepEqual(await contentsOf(client), {})
    })

    it('refuses an empty cart', async () => {
      const client = await buyer()
      for (const headers of [{}, key('k')]) {
        const { status, json } = await client.post('/checkout', undefined, headers)
        assert.equal(status, 400)
        assert.deepEqual(json, { error: 'Cart is empty', code: 'cart-is-empty' })
      }
      if (who === 'guest') assert.equal(client.cookies.size, 0)
    })

    it('refuses the second of two at once without a key', async () => {
      const client = await buyer({ 1: 1 })
      const answers = await Promise.all([client.copy().post('/checkout'), client.copy().post('/checkout')])
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400])
      assert.equal(answers.find(({ status }) => status === 400)?.json.error, 'Cart is empty')
      assert.equal(await stockOf(db, 1), 9)
    })

    it('tells a changed price, and accepts it when sent again', async () => {
      const client = await buyer({ 1: 1, 2: 2 })
      await db.updateTable('products').set({ priceCents: 3_499 }).where('id', '=', 2).execute()
      const changed = await client.post('/checkout', undefined, key('k'))
      assert.equal(changed.status, 409)
      assert.deepEqual(changed.json, {
        error: 'Price changed',
        code: 'price-changed',
        details: [{ productId: 2, price: 34.99, priceCents: 3_499 }]
      })
      assert.equal((await client.get('/cart')).json.cart.totalPriceCents, 99_999 + 2 * 3_499)
      const { status, json } = await client.post('/checkout', undefined, key('k'))
      assert.deepEqual([status, json.order.totalCents], [200, 99_999 + 2 * 3_499])
    })

    it('tells what is short, and keeps the cart', async () => {
      const client = await buyer({ 1: 2, 2: 5 })
      await db.updateTable('products').set({ stock: 4 }).where('id', '=', 2).execute()
      const { status, json } = await client.post('/checkout')
      assert.equal(status, 409)
      assert.deepEqual(json, {
        error: 'Insufficient stock',
        code: 'insufficient-stock',
        details: [{ productId: 2, requested: 5, available: 4 }]
      })
      assert.deepEqual(await contentsOf(client), { 1: 2, 2: 5 })
      assert.deepEqual([await stockOf(db, 1), await stockOf(db, 2)], [10, 4])
    })

    it('gives the same answer for the same key', async () => {
      const client = await buyer({ 1: 1 })
      const first = await client.post('/checkout', undefined, key('k'.repeat(255)))
      const again = await client.post('/checkout', {}, key('k'.repeat(255)))
      assert.equal(first.status, 200)
      assert.equal(again.status, 200)
      assert.deepEqual(again.json, first.json)
      assert.equal(await stockOf(db, 1), 9)
    })

    it('refuses a key that was used for other lines', async () => {
      const client = await buyer({ 1: 1 })
      await client.post('/checkout', undefined, key('k'))
      await client.post('/cart/add', { productId: 2 })
      const { status, json } = await client.post('/checkout', undefined, key('k'))
      assert.equal(status, 422)
      assert.deepEqual(json, { error: 'Idempotency key already used', code: 'idempotency-key-already-used' })
      assert.deepEqual(await contentsOf(client), { 2: 1 })
    })

    it('refuses a key of no or of more than 255 characters', async () => {
      const client = await buyer({ 1: 1 })
      for (const value of ['', 'k'.repeat(256)]) {
        const { status, json } = await client.post('/checkout', undefined, key(value))
        assert.deepEqual([status, json.error, json.details[0].path], [400, 'Invalid request', 'Idempotency-Key'])
      }
      assert.deepEqual(await contentsOf(client), { 1: 1 })
    })

    it("takes another's same key for another key", async () => {
      const [one, other] = [await buyer({ 1: 1 }), await buyer({ 1: 1 })]
      const ids = [await one.post('/checkout', undefined, key('same')), await other.post('/checkout', undefined, key('same'))].map(
        ({ json }) => json.order.id
      )
      assert.notEqual(ids[0], ids[1])
      assert.equal(await stockOf(db, 1), 8)
    })

    it('makes one order of ten at once with one key', async () => {
      const client = await buyer({ 1: 1, 3: 2 })
      const answers = await Promise.all(Array.from({ length: 10 }, () => client.copy().post('/checkout', undefined, key('k'))))
      assert.deepEqual(
        answers.map(({ status }) => status),
        Array(10).fill(200)
      )
      for (const { json } of answers) assert.deepEqual(json, answers[0]!.json)
      assert.deepEqual([await stockOf(db, 1), await stockOf(db, 3)], [9, 23])
    })

    it('takes a form: 303, and a key in a field', async () => {
      const client = await buyer({ 1: 1 })
      const send = () => client.form('/checkout', { idempotencyKey: 'k' })
      assert.equal((await send()).status, 303)
      assert.equal((await send()).status, 303)
      assert.equal(await stockOf(db, 1), 9)
    })
  })
}

describe('signing in in the middle of checking out', () => {
  it("keeps the key: the guest's order is found, nothing is ordered twice", async () => {
    const client = shop.client()
    await client.post('/cart/add', { productId: 1 })
    const first = await client.post('/checkout', undefined, key('k'))
    await register(client)
    const again = await client.post('/checkout', undefined, key('k'))
    assert.equal(again.status, 200)
    assert.deepEqual(again.json, first.json)
    assert.equal(await stockOf(db, 1), 9)
  })

  it("orders the guest's cart as the user's", async () => {
    const client = shop.client()
    await client.post('/cart/add', { productId: 1 })
    await register(client)
    const { status, json } = await client.post('/checkout', undefined, key('k'))
    assert.equal(status, 200)
    assert.deepEqual((await client.get('/orders')).json.orders, [json.order])
  })
})

describe('GET /orders', () => {
  it('is for users only', async () => {
    const guest = shop.client()
    const { status, json } = await guest.get('/orders')
    assert.equal(status, 401)
    assert.deepEqual(json, { error: 'Authentication required', code: 'authentication-required' })
    assert.equal(guest.cookies.size, 0)
  })

  it("lists one's own, newest first, on every device", async () => {
    const client = shop.client()
    const user = await register(client)
    assert.deepEqual((await client.get('/orders')).json, { orders: [] })
    const placed: unknown[] = []
    for (const productId of [1, 2, 3]) {
      await client.post('/cart/add', { productId })
      placed.unshift((await client.post('/checkout')).json.order)
    }
    const device = shop.client()
    await signIn(device, user)
    const { status, json, headers } = await device.get('/orders')
    assert.equal(status, 200)
    assert.deepEqual(json, { orders: placed })
    assert.equal(headers.get('Cache-Control'), 'no-store')

    const other = shop.client()
    await register(other)
    assert.deepEqual((await other.get('/orders')).json, { orders: [] })
  })

  it('refuses other methods, to users', async () => {
    const client = shop.client()
    assert.equal((await client.post('/orders')).status, 401)
    await register(client)
    const { status, headers } = await client.post('/orders')
    assert.deepEqual([status, headers.get('Allow')], [405, 'GET, HEAD'])
    assert.equal((await client.get('/checkout')).status, 405)
  })
})
