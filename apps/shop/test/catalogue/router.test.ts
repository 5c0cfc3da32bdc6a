import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startShop } from '../helpers.ts'

const shop = await startShop()
after(() => shop.close())
const visitor = () => shop.client()

describe('GET /products', () => {
  it("lists the seed's products first, with price and stock", async () => {
    const { status, json } = await visitor().get('/products')
    assert.equal(status, 200)
    assert.deepEqual(json.products.slice(0, 3), [
      { id: 1, name: 'Laptop', price: 999.99, priceCents: 99_999, stock: 10 },
      { id: 2, name: 'Mouse', price: 29.99, priceCents: 2_999, stock: 50 },
      { id: 3, name: 'Keyboard', price: 79.99, priceCents: 7_999, stock: 25 }
    ])
  })

  it('begins no session', async () => {
    const { headers } = await visitor().get('/products')
    assert.deepEqual(headers.getSetCookie(), [])
  })

  it('answers HEAD, and other methods with 405', async () => {
    assert.equal((await visitor().send('HEAD', '/products')).status, 200)
    const { status, json, headers } = await visitor().post('/products', {})
    assert.equal(status, 405)
    assert.deepEqual(json, { error: 'Method not allowed', code: 'method-not-allowed' })
    assert.equal(headers.get('Allow'), 'GET, HEAD')
  })
})
