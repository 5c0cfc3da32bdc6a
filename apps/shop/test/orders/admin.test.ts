import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { orderRepository } from '../../src/orders/repository.ts'
import { ADMIN, registered, startShop, type TestShop } from '../helpers.ts'

describe("everybody's orders", () => {
  let shop: TestShop
  before(async () => {
    shop = await startShop()
  })
  after(() => shop.close())

  it('are for administrators, newest first, in pages, with whose they are', async () => {
    const { client, username } = await registered(shop)
    const guest = shop.client()
    for (const buyer of [client, guest, client]) {
      await buyer.post('/cart/add', { productId: 2 })
      await buyer.post('/checkout')
    }
    assert.equal((await client.get('/admin/orders')).status, 403)
    assert.equal((await guest.get('/admin/orders')).status, 401)
    const admin = await shop.signedIn(ADMIN)
    const first = (await admin.get('/admin/orders?limit=2')).json
    assert.deepEqual(
      first.orders.map((order: { username: string | null }) => order.username),
      [username, null]
    )
    const second = (await admin.get(`/admin/orders?limit=2&cursor=${first.nextCursor}`)).json
    assert.deepEqual([second.orders.length, second.nextCursor], [1, null])
    for (const query of ['limit=0', 'limit=501', 'limit=x', 'cursor=x', 'cursor=-1', 'cursor=99999999999'])
      assert.equal((await admin.get(`/admin/orders?${query}`)).status, 400, query)
    const page = await admin.get('/admin/orders', { accept: 'text/html' })
    assert.match(page.text, /a guest/)
    // What leads to a guest's order is the guest's alone.
    assert.doesNotMatch(page.text + JSON.stringify(first), /by-link|linkToken/)
  })

  it('forget their keys after 24 hours, and used-up carts after 30 days, which still make no second order', async () => {
    const guest = shop.client()
    await guest.post('/cart/add', { productId: 3 })
    const stale = (await guest.get('/session-info')).json.sessionId
    assert.ok(stale)
    const cart = (await shop.sessions.get(stale))!.attributes['guestCart']
    assert.equal((await guest.post('/checkout', undefined, { 'Idempotency-Key': 'k' })).status, 200)
    const count = async (table: 'idempotencyKeys' | 'settledCarts') =>
      (await shop.db.selectFrom(table).select(shop.db.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()).count
    const rows = orderRepository(shop.db)
    await rows.clean()
    assert.deepEqual([await count('idempotencyKeys'), (await count('settledCarts')) > 0], [1, true])
    const stock = (await guest.get('/products/3')).json.product.stock
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 24 * 3_600_000 })
    await rows.clean()
    assert.deepEqual([await count('idempotencyKeys'), (await count('settledCarts')) > 0], [0, true])
    mock.timers.setTime(Date.now() + 30 * 86_400_000)
    await rows.clean()
    assert.equal(await count('settledCarts'), 0)
    mock.timers.reset()
    // As if the process had died before the cart was taken out of the session, which lived on for all that time.
    const checkout = await rows.placeForGuest({
      cart: { id: (cart as { id: string }).id, lines: [{ productId: 3, name: 'Keyboard', priceCents: 7_999, quantity: 1 }] },
      owners: []
    })
    assert.deepEqual(checkout, { outcome: 'settled', taken: [{ productId: 3, quantity: 1 }] })
    assert.equal((await guest.get('/products/3')).json.product.stock, stock)
  })
})
