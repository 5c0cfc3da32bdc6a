import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { type Answer, startShop } from '../helpers.ts'
import { contentsOf, register, restock, signIn, stockParts } from './shop.ts'

const shop = await startShop()
const { db } = shop
after(() => shop.close())
beforeEach(() => restock(db))

const EMPTY = { items: [], totalItems: 0, totalPrice: 0, totalPriceCents: 0, currency: 'USD' }

const is = ({ status, json }: Answer, expectedStatus: number, error: string, code: string, path?: string) => {
  assert.deepEqual([status, json.error, json.code], [expectedStatus, error, code])
  if (path)
    assert.deepEqual(
      json.details.map((detail: { path: string }) => detail.path),
      [path]
    )
}

for (const who of ['guest', 'user'] as const) {
  const client = async () => {
    const client = shop.client()
    if (who === 'user') await register(client)
    return client
  }

  describe(`the cart of a ${who}`, () => {
    it('is empty at first', async () => {
      const { status, json, headers } = await (await client()).get('/cart')
      assert.equal(status, 200)
      assert.deepEqual(json, { cart: EMPTY })
      assert.equal(headers.get('Cache-Control'), 'no-store')
    })

    it('POST /cart/add adds, one piece when it is not said how many', async () => {
      const buyer = await client()
      await buyer.post('/cart/add', { productId: 2 })
      const { status, json } = await buyer.post('/cart/add', { productId: 1, quantity: 2 })
      assert.equal(status, 200)
      assert.deepEqual(json, {
        message: 'Item added to cart',
        cart: {
          items: [
            { productId: 2, name: 'Mouse', price: 29.99, priceCents: 2_999, quantity: 1 },
            { productId: 1, name: 'Laptop', price: 999.99, priceCents: 99_999, quantity: 2 }
          ],
          totalItems: 3,
          totalPrice: 2029.97,
          totalPriceCents: 202_997,
          currency: 'USD'
        }
      })
      assert.deepEqual((await buyer.get('/cart')).json.cart, json.cart)
      assert.deepEqual((await buyer.post('/cart/add', { productId: 2, quantity: 4 })).json.cart.items[0].quantity, 5)
    })

    it('POST /cart/add refuses what cannot be', async () => {
      const buyer = await client()
      is(await buyer.post('/cart/add', { productId: 999_999 }), 404, 'Product not found', 'product-not-found')
      is(await buyer.post('/cart/add', { productId: Number.MAX_SAFE_INTEGER }), 404, 'Product not found', 'product-not-found')
      for (const quantity of [0, -1, -0.5, -1e21]) {
        is(await buyer.post('/cart/add', { productId: 1, quantity }), 400, 'Quantity must be positive', 'quantity-must-be-positive')
      }
      is(await buyer.post('/cart/add', { productId: 1, quantity: 11 }), 400, 'Insufficient stock', 'insufficient-stock')
      await buyer.post('/cart/add', { productId: 1, quantity: 6 })
      is(await buyer.post('/cart/add', { productId: 1, quantity: 5 }), 400, 'Insufficient stock', 'insufficient-stock')
      assert.deepEqual(await contentsOf(buyer), { 1: 6 })
    })

    it('POST /cart/add tells the field that is missing, of the wrong kind or out of bounds', async () => {
      const buyer = await client()
      const invalid = async (body: unknown, path: string) =>
        is(await buyer.post('/cart/add', body), 400, 'Invalid request', 'invalid-request', path)
      await invalid({}, 'productId')
      await invalid(undefined, 'productId')
      for (const productId of ['1', null, 1.5, {}, [1], true]) await invalid({ productId }, 'productId')
      for (const quantity of ['1', null, 1.5, {}, [], true, 1e21, 1_000_001]) await invalid({ productId: 1, quantity }, 'quantity')
      assert.equal((await buyer.post('/cart/add', [1])).status, 400)
      assert.deepEqual(await contentsOf(buyer), {})
    })

    it('takes more than a hundred pieces of one product', async () => {
      await db.updateTable('products').set({ stock: 1_000 }).where('id', '=', 2).execute()
      const buyer = await client()
      assert.equal((await buyer.post('/cart/add', { productId: 2, quantity: 101 })).status, 200)
    })

    it('takes a hundred different products, in order', async () => {
      const parts = await stockParts(db)
      const ids = parts.map((_, i) => parts[(i * 37) % 100]!)
      const buyer = await client()
      for (const productId of ids) assert.equal((await buyer.post('/cart/add', { productId })).status, 200)
      const { json } = await buyer.get('/cart')
      assert.deepEqual(
        json.cart.items.map((item: { productId: number }) => item.productId),
        ids
      )
    })

    it('PUT /cart/update sets the quantity of a line', async () => {
      const buyer = await client()
      await buyer.post('/cart/add', { productId: 1, quantity: 5 })
      const { status, json } = await buyer.put('/cart/update/1', { quantity: 10 })
      assert.equal(status, 200)
      assert.equal(json.message, 'Cart updated')
      assert.equal(json.cart.totalPriceCents, 999_990)
      assert.deepEqual(await contentsOf(buyer), { 1: 10 })
    })

    it('PUT /cart/update refuses what cannot be', async () => {
      const buyer = await client()
      await buyer.post('/cart/add', { productId: 1, quantity: 5 })
      is(await buyer.put('/cart/update/1', { quantity: 0 }), 400, 'Quantity must be positive', 'quantity-must-be-positive')
      is(await buyer.put('/cart/update/1', { quantity: -3 }), 400, 'Quantity must be positive', 'quantity-must-be-positive')
      is(await buyer.put('/cart/update/1', { quantity: 11 }), 400, 'Insufficient stock', 'insufficient-stock')
      for (const id of ['2', '999999', 'x', '1x', '01', '-1', '1.0', '9'.repeat(30)]) {
        is(await buyer.put(`/cart/update/${id}`, { quantity: 1 }), 404, 'Item not found in cart', 'item-not-found-in-cart')
      }
      for (const body of [{}, undefined, { quantity: '1' }, { quantity: null }, { quantity: 1.5 }, { quantity: 1e21 }]) {
        is(await buyer.put('/cart/update/1', body), 400, 'Invalid request', 'invalid-request', 'quantity')
      }
      assert.deepEqual(await contentsOf(buyer), { 1: 5 })
    })

    it('DELETE /cart/remove takes a line out, also when it was not there', async () => {
      const buyer = await client()
      await buyer.post('/cart/add', { productId: 1 })
      await buyer.post('/cart/add', { productId: 2 })
      for (const id of ['1', '1', '999999', 'x']) {
        const { status, json } = await buyer.delete(`/cart/remove/${id}`)
        assert.deepEqual([status, json.message], [200, 'Item removed from cart'])
        assert.deepEqual(
          json.cart.items.map((item: { productId: number }) => item.productId),
          [2]
        )
      }
    })

    it('DELETE /cart empties it, also when it is empty', async () => {
      const buyer = await client()
      await buyer.post('/cart/add', { productId: 1 })
      for (const _ of [1, 2]) {
        const { status, json } = await buyer.delete('/cart')
        assert.equal(status, 200)
        assert.deepEqual(json, { message: 'Cart cleared', cart: EMPTY })
      }
      assert.deepEqual(await contentsOf(buyer), {})
    })

    it('keeps the price that was seen', async () => {
      const buyer = await client()
      await buyer.post('/cart/add', { productId: 2 })
      await db.updateTable('products').set({ priceCents: 1 }).where('id', '=', 2).execute()
      assert.equal((await buyer.get('/cart')).json.cart.items[0].priceCents, 2_999)
    })

    it('takes forms: 303, or the error with its status', async () => {
      const buyer = await client()
      const added = await buyer.form('/cart/add', { productId: '1', quantity: '2' })
      assert.equal(added.status, 303)
      assert.deepEqual(await contentsOf(buyer), { 1: 2 })
      for (const [productId, quantity, status] of [
        ['1', '0', 400],
        ['1', 'x', 400],
        ['1', '', 400],
        ['1', '99', 400],
        ['77777', '1', 404],
        ['x', '1', 400]
      ] as const) {
        assert.equal((await buyer.form('/cart/add', { productId, quantity })).status, status)
      }
      assert.deepEqual(await contentsOf(buyer), { 1: 2 })
    })

    it('refuses other methods', async () => {
      const buyer = await client()
      for (const [method, path, allow] of [
        ['POST', '/cart', 'DELETE, GET, HEAD'],
        ['GET', '/cart/add', 'POST'],
        ['POST', '/cart/update/1', 'PUT'],
        ['POST', '/cart/remove/1', 'DELETE']
      ] as const) {
        const { status, headers } = await buyer.send(method, path)
        assert.deepEqual([status, headers.get('Allow')], [405, allow], `${method} ${path}`)
      }
    })
  })
}

describe("a guest's session", () => {
  it('begins with the first line, not by looking, removing, clearing or being refused', async () => {
    const guest = shop.client()
    await guest.get('/cart')
    await guest.delete('/cart')
    await guest.delete('/cart/remove/1')
    await guest.put('/cart/update/1', { quantity: 1 })
    await guest.post('/cart/add', { productId: 1, quantity: 11 })
    await guest.post('/cart/add', { productId: 999_999 })
    assert.equal(guest.cookies.size, 0)
    await guest.post('/cart/add', { productId: 1 })
    assert.equal(guest.cookies.size, 1)
  })

  it('has a cart of its own', async () => {
    const [one, other] = [shop.client(), shop.client()]
    await one.post('/cart/add', { productId: 1 })
    await other.post('/cart/add', { productId: 2 })
    assert.deepEqual([await contentsOf(one), await contentsOf(other)], [{ 1: 1 }, { 2: 1 }])
  })
})

describe("a user's cart", () => {
  it('is the same on another device and after signing out; signed out it is hidden', async () => {
    const one = shop.client()
    const user = await register(one)
    await one.post('/cart/add', { productId: 1, quantity: 3 })
    const other = shop.client()
    await signIn(other, user)
    await other.post('/cart/add', { productId: 2 })
    assert.deepEqual(await contentsOf(one), { 1: 3, 2: 1 })
    await one.post('/logout')
    assert.deepEqual(await contentsOf(one), {})
    await signIn(one, user)
    assert.deepEqual(await contentsOf(one), { 1: 3, 2: 1 })
  })

  it('takes over what the guest had, once: by registering, by signing in, by signing in again', async () => {
    const client = shop.client()
    await client.post('/cart/add', { productId: 1, quantity: 6 })
    const user = await register(client)
    assert.deepEqual(await contentsOf(client), { 1: 6 })

    const device = shop.client()
    await device.post('/cart/add', { productId: 3, quantity: 2 })
    await device.post('/cart/add', { productId: 1, quantity: 6 })
    await signIn(device, user)
    assert.deepEqual(await contentsOf(device), { 1: 10, 3: 2 })
    await signIn(device, user)
    await signIn(device, user)
    assert.deepEqual(await contentsOf(device), { 1: 10, 3: 2 })
  })

  it('loses nothing that is added while signing in', async () => {
    for (let round = 0; round < 5; round++) {
      const client = shop.client()
      const user = await register(client)
      await client.post('/logout')
      await client.post('/cart/add', { productId: 1 })
      const adding = client.copy()
      const [added] = await Promise.all([adding.post('/cart/add', { productId: 2 }), signIn(client, user)])
      const contents = await contentsOf(client)
      if (added.status === 200) assert.deepEqual(contents, { 1: 1, 2: 1 })
      else assert.deepEqual(contents, { 1: 1 })
    }
  })
})
