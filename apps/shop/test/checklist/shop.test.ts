import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADMIN, BROWSER_ACCEPT, type Client, registered, startShop, type TestShop } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop({ TRUST_PROXY: 'loopback' })
})
after(() => shop.close())

const from = (address: string): Client => shop.client({ headers: { 'x-forwarded-for': address } })

const INSIDE = /\bat .*:\d+:\d+|node_modules|\/src\/|SQLITE|kysely|syntax error|\bselect .* from |insert into|argon2|ECONN/i

describe('item 99: errors show nothing of the inside', () => {
  it('whatever is provoked, wherever', async () => {
    const user = await shop.signedIn()
    const admin = await shop.signedIn(ADMIN)
    const nasty = ["' or 1=1 --", '%00', '../../etc/passwd', '{"$ne":1}', '__proto__', '9'.repeat(40)]
    const requests: [string, string, unknown?][] = [
      ...nasty.flatMap((text): [string, string, unknown?][] => [
        ['GET', `/products/${encodeURIComponent(text)}`],
        ['GET', `/orders/${encodeURIComponent(text)}`],
        ['POST', '/login', { username: text, password: text }],
        ['POST', '/register', { username: text, email: text, password: text }],
        ['POST', '/cart/add', { productId: text, quantity: text }],
        ['PUT', `/cart/update/${encodeURIComponent(text)}`, { quantity: text }],
        ['POST', '/account/email', { email: text, currentPassword: text }],
        ['DELETE', '/account', { currentPassword: text }],
        ['POST', `/account/devices/${encodeURIComponent(text)}/disown`],
        ['POST', '/admin/setup', { secret: text }],
        ['POST', `/admin/users/${encodeURIComponent(text)}/disable`],
        ['GET', `/admin/users?search=${encodeURIComponent(text)}&cursor=${encodeURIComponent(text)}`],
        ['GET', `/admin/audit?text=${encodeURIComponent(text)}&from=${encodeURIComponent(text)}`]
      ]),
      ['GET', '/%'],
      ['POST', '/login', '{'],
      ['POST', '/login', 'x'.repeat(200_000)],
      ['PATCH', '/cart'],
      ['GET', '/nothing/here']
    ]
    for (const who of [shop.client(), user, admin]) {
      for (const [method, path, body] of requests) {
        for (const accept of ['application/json', BROWSER_ACCEPT]) {
          const answer = await who.send(method, path, body, {
            accept,
            ...(typeof body === 'string' && { 'content-type': 'application/json' })
          })
          assert.ok(answer.status < 500, `${method} ${path}: ${answer.status}`)
          if (answer.status >= 400) assert.ok(!INSIDE.test(answer.text), `${method} ${path}: ${INSIDE.exec(answer.text)?.[0]}`)
        }
      }
      assert.equal((await who.post('/logout')).status, 200)
    }
  })

  it('nor where the fault is ours', async () => {
    const broken = await startShop()
    const client = await broken.signedIn(ADMIN)
    await broken.db.schema.dropTable('auditEvents').execute()
    await broken.db.schema.dropTable('devices').execute()
    for (const [path, accept] of [
      ['/account/notices', 'application/json'],
      ['/admin/audit', 'application/json'],
      ['/admin/audit', BROWSER_ACCEPT]
    ] as const) {
      const { status, text } = await client.get(path, { accept })
      assert.equal(status, 500)
      assert.doesNotMatch(text, /no such table|auditEvents|audit_events|devices|\bat /)
    }
    await assert.rejects(broken.close())
  })
})

describe('item 113: orders and carts are their owner’s alone', () => {
  it("another's order is one that is not there", async () => {
    const [one, other] = [await registered(shop), await registered(shop)]
    await one.client.post('/cart/add', { productId: 2 })
    const { order } = (await one.client.post('/checkout', undefined, { 'idempotency-key': 'k' })).json
    assert.deepEqual(
      (await one.client.get('/orders')).json.orders.map(({ id }: any) => id),
      [order.id]
    )
    assert.deepEqual((await other.client.get('/orders')).json.orders, [])
    for (const [method, path] of [
      ['GET', `/orders/${order.id}`],
      ['POST', `/orders/${order.id}/cancel`]
    ] as const) {
      for (const who of [other.client, shop.client()]) {
        const { status } = await who.send(method, path)
        assert.ok([401, 404].includes(status), `${method} ${path}: ${status}`)
      }
    }
    // The same key of another is another key.
    assert.equal((await other.client.post('/checkout', undefined, { 'idempotency-key': 'k' })).json.error, 'Cart is empty')
    await one.client.post('/cart/add', { productId: 3 })
    assert.deepEqual((await other.client.get('/cart')).json.cart.items, [])
    const [guest, stranger] = [shop.client(), shop.client()]
    await guest.post('/cart/add', { productId: 3 })
    assert.deepEqual((await stranger.get('/cart')).json.cart.items, [])
  })
})

describe('item 114: registering, filling carts and ordering is limited', () => {
  const TOO_MANY = { error: 'Too many requests, please try again later', code: 'too-many-requests' }

  it('by address: others go on', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 70 }, () =>
        from('10.11.0.1')
          .post('/register', {})
          .then(({ status }) => status)
      )
    )
    assert.deepEqual([statuses.filter((status) => status === 400).length, statuses.filter((status) => status === 429).length], [60, 10])
    const refused = await from('10.11.0.1').post('/register', {})
    assert.deepEqual(refused.json, TOO_MANY)
    assert.ok(Number(refused.headers.get('retry-after')) > 0)
    assert.equal((await from('10.11.0.2').post('/register', {})).status, 400)
    const network = await Promise.all(
      Array.from({ length: 70 }, (_, i) =>
        from(`2001:db8:5::${i}`)
          .post('/register', {})
          .then(({ status }) => status)
      )
    )
    assert.equal(network.filter((status) => status === 429).length, 10)
  })

  it('by user, wherever he comes from', async () => {
    const { client } = await registered(shop)
    const orders = Array.from({ length: 125 }, (_, i) => client.copy().post('/checkout', undefined, { 'x-forwarded-for': `10.12.${i}.1` }))
    const statuses = (await Promise.all(orders)).map(({ status }) => status)
    assert.deepEqual([statuses.filter((status) => status === 400).length, statuses.filter((status) => status === 429).length], [120, 5])
  })

  it('carts far above what a person does', async () => {
    const client = from('10.13.0.1')
    let refused = 0
    for (let i = 0; i < 16; i++) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => client.post('/cart/add', { productId: 'none' })))
      refused += answers.filter(({ status }) => status === 429).length
    }
    assert.equal(refused, 100)
  })
})

it('item 109: a price, a total or a discount that is sent counts for nothing', async () => {
  const client = from('203.0.113.90')
  const cheap = { price: 0.01, priceCents: 1, total: 0.01, totalCents: 1, discount: 100, coupon: 'free', currency: 'XXX' }
  await client.post('/cart/add', { productId: 1, quantity: 1, ...cheap })
  await client.put('/cart/update/1', { quantity: 2, ...cheap })
  const { cart } = (await client.get('/cart')).json
  assert.deepEqual([cart.items[0].priceCents, cart.items[0].quantity, cart.totalPriceCents], [99_999, 2, 199_998])
  const { order } = (await client.post('/checkout', { ...cheap, items: [{ productId: 1, ...cheap }] })).json
  assert.deepEqual([order.totalCents, order.currency], [199_998, 'USD'])
})
