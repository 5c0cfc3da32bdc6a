import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { contentsOf, databaseOf, register, restock, signIn } from '../cart/shop.ts'
import { stockOf } from '../cart/database.ts'
import { Client } from '../concurrency/client.ts'
import { startShops } from '../concurrency/processes.ts'

const { shops: [shop], folder } = await startShops({ after }, 1)
const db = await databaseOf({ after }, folder)
beforeEach(() => restock(db))

const key = (value: string) => ({ 'Idempotency-Key': value })

for (const who of ['guest', 'user'] as const) {
  const buyer = async (contents: Record<number, number> = {}) => {
    const client = new Client(shop!.url)
    if (who === 'user') await register(client)
    for (const [productId, quantity] of Object.entries(contents)) await client.post('/cart/add', { productId: Number(productId), quantity })
    return client
  }

  describe(`POST /checkout of a ${who}`, () => {
    it('places an order of what is in the cart', async () => {
      const client = await buyer({ 1: 1, 2: 3 })
      const before = Date.now()
      const { status, body, headers } = await client.post('/checkout')
      assert.equal(status, 200)
      assert.equal(headers.get('Cache-Control'), 'no-store')
      assert.equal(body.message, 'Order placed successfully')
      const { id, timestamp, ...order } = body.order
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
        const { status, body } = await client.post('/checkout', undefined, headers)
        assert.equal(status, 400)
        assert.deepEqual(body, { error: 'Cart is empty', code: 'cart-is-empty' })
      }
      if (who === 'guest') assert.equal(client.cookies.size, 0)
    })

    it('refuses the second of two at once without a key', async () => {
      const client = await buyer({ 1: 1 })
      const answers = await Promise.all([client.clone().post('/checkout'), client.clone().post('/checkout')])
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400])
      assert.equal(answers.find(({ status }) => status === 400)?.body.error, 'Cart is empty')
      assert.equal(await stockOf(db, 1), 9)
    })

    it('tells a changed price, and accepts it when sent again', async () => {
      const client = await buyer({ 1: 1, 2: 2 })
      await db.updateTable('products').set({ priceCents: 3_499 }).where('id', '=', 2).execute()
      const changed = await client.post('/checkout', undefined, key('k'))
      assert.equal(changed.status, 409)
      assert.deepEqual(changed.body, { error: 'Price changed', code: 'price-changed', details: [{ productId: 2, price: 34.99, priceCents: 3_499 }] })
      assert.equal((await client.get('/cart')).body.cart.totalPriceCents, 99_999 + 2 * 3_499)
      const { status, body } = await client.post('/checkout', undefined, key('k'))
      assert.deepEqual([status, body.order.totalCents], [200, 99_999 + 2 * 3_499])
    })

    it('tells what is short, and keeps the cart', async () => {
      const client = await buyer({ 1: 2, 2: 5 })
      await db.updateTable('products').set({ stock: 4 }).where('id', '=', 2).execute()
      const { status, body } = await client.post('/checkout')
      assert.equal(status, 409)
      assert.deepEqual(body, { error: 'Insufficient stock', code: 'insufficient-stock', details: [{ productId: 2, requested: 5, available: 4 }] })
      assert.deepEqual(await contentsOf(client), { 1: 2, 2: 5 })
      assert.deepEqual([await stockOf(db, 1), await stockOf(db, 2)], [10, 4])
    })

    it('gives the same answer for the same key', async () => {
      const client = await buyer({ 1: 1 })
      const first = await client.post('/checkout', undefined, key('k'.repeat(255)))
      const again = await client.post('/checkout', {}, key('k'.repeat(255)))
      assert.equal(first.status, 200)
      assert.equal(again.status, 200)
      assert.deepEqual(again.body, first.body)
      assert.equal(await stockOf(db, 1), 9)
    })

    it('refuses a key that was used for other lines', async () => {
      const client = await buyer({ 1: 1 })
      await client.post('/checkout', undefined, key('k'))
      await client.post('/cart/add', { productId: 2 })
      const { status, body } = await client.post('/checkout', undefined, key('k'))
      assert.equal(status, 422)
      assert.deepEqual(body, { error: 'Idempotency key already used', code: 'idempotency-key-already-used' })
      assert.deepEqual(await contentsOf(client), { 2: 1 })
    })

    it('refuses a key of no or of more than 255 characters', async () => {
      const client = await buyer({ 1: 1 })
      for (const value of ['', 'k'.repeat(256)]) {
        const { status, body } = await client.post('/checkout', undefined, key(value))
        assert.deepEqual([status, body.error, body.details[0].path], [400, 'Invalid request', 'Idempotency-Key'])
      }
      assert.deepEqual(await contentsOf(client), { 1: 1 })
    })

    it('takes another\'s same key for another key', async () => {
      const [one, other] = [await buyer({ 1: 1 }), await buyer({ 1: 1 })]
      const ids = [await one.post('/checkout', undefined, key('same')), await other.post('/checkout', undefined, key('same'))].map(({ body }) => body.order.id)
      assert.notEqual(ids[0], ids[1])
      assert.equal(await stockOf(db, 1), 8)
    })

    it('makes one order of ten at once with one key', async () => {
      const client = await buyer({ 1: 1, 3: 2 })
      const answers = await Promise.all(Array.from({ length: 10 }, () => client.clone().post('/checkout', undefined, key('k'))))
      assert.deepEqual(answers.map(({ status }) => status), Array(10).fill(200))
      for (const { body } of answers) assert.deepEqual(body, answers[0]!.body)
      assert.deepEqual([await stockOf(db, 1), await stockOf(db, 3)], [9, 23])
    })

    it('takes a form: 303, and a key in a field', async () => {
      const client = await buyer({ 1: 1 })
      const send = () => client.post('/checkout', new URLSearchParams({ idempotencyKey: 'k' }), { Accept: 'text/html' })
      assert.equal((await send()).status, 303)
      assert.equal((await send()).status, 303)
      assert.equal(await stockOf(db, 1), 9)
    })
  })
}

describe('signing in in the middle of checking out', () => {
  it('keeps the key: the guest\'s order is found, nothing is ordered twice', async () => {
    const client = new Client(shop!.url)
    await client.post('/cart/add', { productId: 1 })
    const first = await client.post('/checkout', undefined, key('k'))
    await register(client)
    const again = await client.post('/checkout', undefined, key('k'))
    assert.equal(again.status, 200)
    assert.deepEqual(again.body, first.body)
    assert.equal(await stockOf(db, 1), 9)
  })

  it('orders the guest\'s cart as the user\'s', async () => {
    const client = new Client(shop!.url)
    await client.post('/cart/add', { productId: 1 })
    await register(client)
    const { status, body } = await client.post('/checkout', undefined, key('k'))
    assert.equal(status, 200)
    assert.deepEqual((await client.get('/orders')).body.orders, [body.order])
  })
})

describe('GET /orders', () => {
  it('is for users only', async () => {
    const guest = new Client(shop!.url)
    const { status, body } = await guest.get('/orders')
    assert.equal(status, 401)
    assert.deepEqual(body, { error: 'Authentication required', code: 'authentication-required' })
    assert.equal(guest.cookies.size, 0)
  })

  it('lists one\'s own, newest first, on every device', async () => {
    const client = new Client(shop!.url)
    const user = await register(client)
    assert.deepEqual((await client.get('/orders')).body, { orders: [] })
    const placed: unknown[] = []
    for (const productId of [1, 2, 3]) {
      await client.post('/cart/add', { productId })
      placed.unshift((await client.post('/checkout')).body.order)
    }
    const device = new Client(shop!.url)
    await signIn(device, user)
    const { status, body, headers } = await device.get('/orders')
    assert.equal(status, 200)
    assert.deepEqual(body, { orders: placed })
    assert.equal(headers.get('Cache-Control'), 'no-store')

    const other = new Client(shop!.url)
    await register(other)
    assert.deepEqual((await other.get('/orders')).body, { orders: [] })
  })

  it('refuses other methods, to users', async () => {
    const client = new Client(shop!.url)
    assert.equal((await client.post('/orders')).status, 401)
    await register(client)
    const { status, headers } = await client.post('/orders')
    assert.deepEqual([status, headers.get('Allow')], [405, 'GET, HEAD'])
    assert.equal((await client.get('/checkout')).status, 405)
  })
})
