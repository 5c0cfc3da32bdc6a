import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, beforeEach, describe, it, mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { serverFor } from '@sessile/test-servers'
import { stockOf } from '../cart/database.ts'
import { contentsOf, register, restock, signIn } from '../cart/shop.ts'
import { copyAt } from '../concurrency/shops.ts'
import { type Answer, type Client, startProcess, startShop, temporaryFolder, type TestShop } from '../helpers.ts'

/*
 * What the best carts and checkouts promise, by the numbers of the list that this shop was built after. Not here is what it
 * does not do: 7 (reservations), 16 and 24 (payment). Sessions are in SQLite, users and orders in each of the databases.
 */
const postgres = await serverFor('promises on PostgreSQL', 'postgres')

const key = (value: string) => ({ 'Idempotency-Key': value })
const checkout = (client: Client, value?: string): Promise<Answer> =>
  client.post('/checkout', undefined, value === undefined ? {} : key(value))
const add = (client: Client, productId: number, quantity = 1): Promise<Answer> => client.post('/cart/add', { productId, quantity })

for (const [database, url] of [['SQLite', undefined], ...(postgres ? [['PostgreSQL', postgres.url] as const] : [])] as const) {
  describe(`on ${database}`, () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    let shops: TestShop[]
    before(async () => {
      folder = await temporaryFolder()
      shops = []
      for (let i = 0; i < 2; i++) shops.push(await startShop({ DATA_DIR: folder.path, ...(url && { DATABASE_URL: url }) }))
    })
    after(async () => {
      for (const shop of shops) await shop.close()
      await folder.remove()
    })
    beforeEach(() => restock(db()))

    const db = () => shops[0]!.db
    const visitor = () => shops[0]!.client()
    const atOther = (client: Client) => copyAt(client, shops[1]!.url)
    const countOrders = async () => {
      const { count } = await db().selectFrom('orders').select(db().fn.countAll<number>().as('count')).executeTakeFirstOrThrow()
      return count
    }
    /** The same browser's requests, one by each process in turn. */
    const inTurn = (client: Client, i: number) => (i % 2 ? atOther(client) : client.copy())

    it('D1: a key gives its first answer again, also after a crash between the order and the answer', async (test) => {
      await using place = await temporaryFolder()
      const env = { DATA_DIR: place.path, ...(url && { DATABASE_URL: url }) }
      await using first = await startProcess(env)
      const buyer = first.client()
      await add(buyer, 1, 2)
      const before = await shopOrders()
      const lock = new DatabaseSync(join(place.path, 'sessions.db'))
      test.after(() => lock.close())
      // Whoever writes a session waits for this lock: so the order is written, and nothing is answered.
      lock.exec('BEGIN IMMEDIATE')
      const answer = checkout(buyer, 'k').catch(() => undefined)
      while ((await shopOrders()) === before) await setImmediate()
      await first.end('SIGKILL')
      assert.equal(await answer, undefined)
      lock.exec('ROLLBACK')
      await using second = await startProcess(env)
      const client = copyAt(buyer, second.url)
      const [one, two] = [await checkout(client, 'k'), await checkout(client, 'k')]
      assert.deepEqual([one.status, one.text], [200, two.text])
      assert.equal(await shopOrders(), before + 1)

      async function shopOrders(): Promise<number> {
        if (url) return countOrders()
        const file = new DatabaseSync(join(place.path, 'shop.db'), { readOnly: true })
        const { count } = file.prepare('select count(*) as count from orders').get() as { count: number }
        file.close()
        return count
      }
    })

    it('D2: a key with another cart is refused, one of more than 255 characters too; after 24 hours it is a new one', async () => {
      const client = visitor()
      await add(client, 1)
      const placed = await checkout(client, 'k')
      await add(client, 2)
      const count = await countOrders()
      assert.deepEqual([(await checkout(client, 'k')).status, await countOrders()], [422, count])
      assert.equal((await checkout(client, 'k'.repeat(256))).status, 400)
      mock.timers.enable({ apis: ['Date'], now: Date.now() + 24 * 3_600_000 + 1_000 })
      try {
        const later = await checkout(client, 'k')
        assert.equal(later.status, 200)
        assert.notEqual(later.json.order.id, placed.json.order.id)
      } finally {
        mock.timers.reset()
      }
    })

    it('D3: a refused checkout uses up no key, and 20 at once with one key make one order (item 112)', async () => {
      const client = visitor()
      await add(client, 1, 3)
      await db().updateTable('products').set({ stock: 2 }).where('id', '=', 1).execute()
      assert.equal((await checkout(client, 'k')).status, 409)
      await client.put('/cart/update/1', { quantity: 2 })
      const count = await countOrders()
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => checkout(inTurn(client, i), 'k')))
      assert.deepEqual(new Set(answers.map(({ status, json }) => `${status} ${json.order?.id}`)).size, 1)
      assert.deepEqual([answers[0]!.status, await countOrders(), await stockOf(db(), 1)], [200, count + 1, 0])
    })

    it("D4: another session's same key is another key", async () => {
      const [one, two] = [visitor(), visitor()]
      await add(one, 1)
      await add(two, 2)
      const [first, second] = [await checkout(one, 'same'), await checkout(two, 'same')]
      assert.deepEqual([first.json.order.items[0].productId, second.json.order.items[0].productId], [1, 2])
      assert.notEqual(first.json.order.id, second.json.order.id)
    })

    it('D5: of many buyers of the last piece one gets it (item 111)', async () => {
      const buyers = Array.from({ length: 12 }, visitor)
      for (const buyer of buyers) await add(buyer, 1)
      await db().updateTable('products').set({ stock: 1 }).where('id', '=', 1).execute()
      const answers = await Promise.all(buyers.map((buyer, i) => checkout(inTurn(buyer, i))))
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(11).fill(409)])
      assert.equal(await stockOf(db(), 1), 0)
    })

    it('D6: whoever was slower learns of each line that is short, and keeps the cart', async () => {
      const [one, two] = [visitor(), visitor()]
      for (const buyer of [one, two]) for (const productId of [1, 3]) await add(buyer, productId, productId === 1 ? 6 : 1)
      assert.equal((await checkout(one)).status, 200)
      const { status, json } = await checkout(two)
      assert.equal(status, 409)
      assert.deepEqual(json.details, [{ productId: 1, requested: 6, available: 4 }])
      assert.deepEqual(await contentsOf(two), { 1: 6, 3: 1 })
    })

    it('D8: a line ends at its limit', async () => {
      await db().updateTable('products').set({ stock: 2_000_000 }).where('id', '=', 1).execute()
      const client = visitor()
      assert.equal((await add(client, 1, 1_000_000)).status, 200)
      const { status, json } = await add(client, 1)
      assert.deepEqual([status, json.error], [400, 'Invalid request'])
    })

    it("D9: a guest's cart is added to the user's by signing in, also while the guest adds", async () => {
      const before = visitor()
      const who = await register(before)
      await add(before, 1, 2)
      const guest = visitor()
      await add(guest, 1)
      await add(guest, 2, 3)
      const old = atOther(guest)
      const [, added] = await Promise.all([signIn(guest, who), add(old, 3)])
      const cart = await contentsOf(guest)
      // An add that was answered before the session was renewed is in it; one that came after is a new visitor's.
      const kept = added.headers.getSetCookie().length === 0 || cart[3] === 1
      assert.deepEqual([cart[1], cart[2], kept], [3, 3, true])
    })

    it('D10: signing in again adds nothing again; what the stock does not allow is told', async () => {
      const first = visitor()
      const who = await register(first)
      await add(first, 1, 8)
      const guest = visitor()
      await add(guest, 1, 5)
      await signIn(guest, who)
      assert.deepEqual(await contentsOf(guest), { 1: 10 })
      const page = await guest.get('/', { accept: 'text/html' })
      assert.match(page.text, /Laptop: 10 of 13/)
      assert.doesNotMatch((await guest.get('/', { accept: 'text/html' })).text, /10 of 13/)
      for (let i = 0; i < 2; i++) await signIn(guest, who)
      assert.deepEqual(await contentsOf(guest), { 1: 10 })
    })

    it('D11: the cart is the same on all devices, and two that change it at once lose nothing', async () => {
      const desk = visitor()
      const who = await register(desk)
      const phone = shops[1]!.client()
      await signIn(phone, who)
      for (let round = 0; round < 5; round++) {
        await add(desk, 2)
        await Promise.all([add(phone, 1), desk.delete('/cart/remove/2'), add(desk, 3)])
        assert.deepEqual(await contentsOf(phone), { 1: round + 1, 3: round + 1 })
      }
    })

    for (const who of ['guest', 'user'] as const) {
      it(`D12: quick adds of several products all survive (${who})`, async () => {
        const client = visitor()
        if (who === 'user') await register(client)
        else await client.get('/')
        for (let round = 1; round <= 5; round++) {
          await Promise.all([1, 2, 3].map((productId, i) => add(inTurn(client, i), productId)))
          assert.deepEqual(await contentsOf(client), { 1: round, 2: round, 3: round })
        }
      })
    }

    it('D13: a price that changed since is told before it is paid, with the new total, and accepted by one more click', async () => {
      const client = visitor()
      await add(client, 2, 2)
      await db().updateTable('products').set({ priceCents: 3_499 }).where('id', '=', 2).execute()
      assert.match((await client.get('/cart', { accept: 'text/html' })).text, /now \$34\.99[^]*it comes to <strong>\$69\.98/)
      const { status, json } = await checkout(client)
      assert.deepEqual([status, json.details], [409, [{ productId: 2, price: 34.99, priceCents: 3_499 }]])
      assert.equal((await client.get('/cart')).json.cart.totalPriceCents, 6_998)
      assert.equal((await checkout(client)).json.order.totalCents, 6_998)
    })

    it('D14: an order stays what it was when the product changes', async () => {
      const client = visitor()
      await register(client)
      await add(client, 2)
      const { order } = (await checkout(client)).json
      await db().updateTable('products').set({ name: 'Rat', priceCents: 1 }).where('id', '=', 2).execute()
      assert.deepEqual((await client.get(`/orders/${order.id}`)).json.order, order)
    })

    it('D15: a cart that is checked out on two ways at once makes one order', async () => {
      const client = visitor()
      await add(client, 2)
      const count = await countOrders()
      const answers = await Promise.all([checkout(client.copy(), 'form'), checkout(atOther(client), 'script'), checkout(atOther(client))])
      assert.equal(answers.filter(({ status }) => status === 200).length, 1)
      assert.equal(await countOrders(), count + 1)
    })

    it('D17: a cart that was ordered is empty, and ordering it again is refused; the next cart is a new one', async () => {
      const client = visitor()
      await add(client, 2)
      await checkout(client)
      const { status, json } = await checkout(client)
      assert.deepEqual([status, json.error], [400, 'Cart is empty'])
      await add(client, 3)
      assert.equal((await checkout(client)).json.order.items[0].productId, 3)
    })

    it('D18: a quantity is a whole number from 1 (item 109)', async () => {
      const client = visitor()
      await add(client, 2)
      for (const quantity of [0, -1, 1.5, '2', null, true, 1e21, [1], {}]) {
        assert.equal((await client.put('/cart/update/2', { quantity })).status, 400, JSON.stringify(quantity))
      }
      assert.deepEqual(await contentsOf(client), { 2: 1 })
    })

    it('D19: signing out hides the cart, signing in brings it back', async () => {
      const client = visitor()
      const who = await register(client)
      await add(client, 2, 4)
      await client.post('/logout')
      assert.deepEqual(await contentsOf(client), {})
      await signIn(client, who)
      assert.deepEqual(await contentsOf(client), { 2: 4 })
    })

    it('D20: an order totals what its lines do, in whole cents of one currency (item 109)', async () => {
      const client = visitor()
      for (const [productId, quantity] of [
        [1, 7],
        [2, 33],
        [3, 11]
      ] as const)
        await add(client, productId, quantity)
      const { order } = (await checkout(client)).json
      assert.deepEqual([order.totalCents, order.total, order.currency], [7 * 99_999 + 33 * 2_999 + 11 * 7_999, 8869.49, 'USD'])
    })

    it('D21: a step out of order is refused with what is missing (item 110)', async () => {
      const client = visitor()
      const refused = await checkout(client)
      assert.deepEqual([refused.status, refused.json.code], [400, 'cart-is-empty'])
      const order = await client.post('/orders/1/cancel')
      assert.deepEqual([order.status, order.json.code], [401, 'authentication-required'])
      assert.equal((await client.put('/cart/update/2', { quantity: 1 })).status, 404)
    })

    it('D22: signing in or a renewed session in the middle of checkout keeps the key', async () => {
      const client = visitor()
      const who = await register(client)
      await client.post('/logout')
      await add(client, 2)
      await db().updateTable('products').set({ priceCents: 3_499 }).where('id', '=', 2).execute()
      assert.equal((await checkout(client, 'k')).status, 409)
      await signIn(client, who)
      const placed = await checkout(client, 'k')
      assert.equal(placed.status, 200)
      await client.post('/account/reauthenticate', { password: who.password })
      assert.deepEqual((await checkout(client, 'k')).json, placed.json)

      const guest = visitor()
      await add(guest, 3)
      const asGuest = await checkout(guest, 'g')
      await signIn(guest, who)
      assert.deepEqual((await checkout(guest, 'g')).json, asGuest.json)
    })

    it("D23: an order is its owner's alone; a guest reaches it by a link of 192 random bits, for 30 days", async () => {
      const [owner, other] = [visitor(), visitor()]
      await register(owner)
      await register(other)
      await add(owner, 2)
      const { id } = (await checkout(owner)).json.order
      assert.equal((await owner.get(`/orders/${id}`)).status, 200)
      for (const [client, status] of [
        [other, 404],
        [visitor(), 401]
      ] as const) {
        assert.equal((await client.get(`/orders/${id}`)).status, status)
        assert.equal((await client.post(`/orders/${id}/cancel`)).status, status)
      }
      const guest = visitor()
      await add(guest, 2)
      const link = (await checkout(guest)).headers.get('content-location')!
      assert.match(link, /^\/orders\/by-link\/[\w-]{32}$/)
      assert.equal((await visitor().get(link)).json.order.items[0].name, 'Mouse')
      const wrong = `${link.slice(0, -1)}${link.endsWith('A') ? 'B' : 'A'}`
      for (const path of [wrong, '/orders/by-link/', '/orders/by-link/x'])
        assert.equal((await visitor().get(path)).status >= 401, true, path)
      mock.timers.enable({ apis: ['Date'], now: Date.now() + 30 * 86_400_000 + 1_000 })
      try {
        assert.equal((await visitor().get(link)).status, 404)
      } finally {
        mock.timers.reset()
      }
    })

    it('cancelling gives the stock back, once, however often and from wherever it is asked', async () => {
      const guest = visitor()
      await add(guest, 1, 4)
      const link = (await checkout(guest)).headers.get('content-location')!
      assert.equal(await stockOf(db(), 1), 6)
      const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => inTurn(guest, i).post(`${link}/cancel`)))
      assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1)
      assert.equal(answers[0]!.status, 200)
      assert.equal(typeof answers[0]!.json.order.cancelledAt, 'string')
      assert.equal(await stockOf(db(), 1), 10)
      const other = visitor()
      await add(other, 1)
      const late = (await checkout(other)).headers.get('content-location')!
      mock.timers.enable({ apis: ['Date'], now: Date.now() + 24 * 3_600_000 })
      try {
        assert.equal((await other.post(`${late}/cancel`)).status, 409)
      } finally {
        mock.timers.reset()
      }
      assert.equal(await stockOf(db(), 1), 9)
    })
  })
}
