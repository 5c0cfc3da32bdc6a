import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { register } from '../cart/shop.ts'
import { type Answer, Client, type ShopProcess, startProcess, temporaryFolder } from '../helpers.ts'

const BUYERS = 64
/** Signing up hashes a password each, so most are guests, which are the harder case anyway: their cart is in another database. */
const USERS = 8
const PRODUCTS = 8
const STEPS = 36
const DELIVERED = 400
/** When so many steps are done, one of the two processes is killed and started again. */
const KILLED_AT = [0.15, 0.4, 0.65, 0.85].map((part) => Math.floor(BUYERS * STEPS * part))

/** The same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Two processes on the same data, each killed and started again now and then. */
class Processes {
  readonly #env: { readonly DATA_DIR: string; readonly DATABASE_URL?: string }
  readonly #running: Promise<ShopProcess>[]
  kills = 0

  constructor(env: { readonly DATA_DIR: string; readonly DATABASE_URL?: string }) {
    this.#env = env
    this.#running = [startProcess(env), startProcess(env)]
  }

  async url(i: number): Promise<string> {
    return (await this.#running[i]!).url
  }

  async kill(i: number): Promise<void> {
    const dying = await this.#running[i]!
    // Whoever comes from now on waits for the next one.
    this.#running[i] = dying.end('SIGKILL').then(() => startProcess(this.#env))
    this.kills++
    await this.#running[i]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#running) await (await process).end('SIGKILL')
  }
}

type Cart = Record<number, number>

/** Somebody who buys at random, and knows what the cart has to be: of an answer that was cut off, one of two. */
class Buyer {
  readonly #shop: Processes
  readonly #client: Client
  readonly #random: (below: number) => number
  readonly #name: string
  #cart: Cart = {}
  #checkouts = 0
  /** By key. */
  readonly orders = new Map<string, { id: number; link: string; lines: Cart; cancelled: boolean }>()
  cutOff = 0

  constructor(name: string, shop: Processes, client: Client, random: (below: number) => number) {
    this.#name = name
    this.#shop = shop
    this.#client = client
    this.#random = random
  }

  get cart(): Cart {
    return this.#cart
  }

  async step(): Promise<void> {
    const productId = 1 + this.#random(PRODUCTS)
    const quantity = 1 + this.#random(4)
    const held = this.#cart[productId]
    const kind = this.#random(12)
    if (kind < 4) await this.#change({ [productId]: (held ?? 0) + quantity }, (client) => client.post('/cart/add', { productId, quantity }))
    else if (kind < 6) await this.#twoAtOnce(productId, 1 + (productId % PRODUCTS))
    else if (kind < 7)
      await this.#change({ [productId]: held && quantity }, (client) => client.put(`/cart/update/${productId}`, { quantity }))
    else if (kind < 8) await this.#change({ [productId]: undefined }, (client) => client.delete(`/cart/remove/${productId}`))
    else if (kind < 10) await this.#checkout()
    else if (kind < 11) await this.#cancel()
    else assert.deepEqual(await this.#read(), this.#cart, this.#name)
  }

  /** @param change what lines become when it is done; what is refused changes nothing */
  async #change(change: Record<number, number | undefined>, send: (client: Client) => Promise<Answer>): Promise<void> {
    const after = with_(this.#cart, change)
    const answer = await this.#send(send)
    if (!answer) {
      const now = await this.#read()
      assert.ok(
        [this.#cart, after].some((cart) => same(cart, now)),
        `${this.#name}: ${text(now)}, not ${text(this.#cart)} or ${text(after)}`
      )
      this.#cart = now
      return
    }
    if (answer.status === 200) this.#cart = after
    else assert.ok([400, 404].includes(answer.status), `${this.#name}: ${answer.status} ${answer.text}`)
    if (answer.status === 200) assert.deepEqual(cartOf(answer), this.#cart, this.#name)
  }

  /** Changes of different lines, by both processes: both survive. */
  async #twoAtOnce(one: number, two: number): Promise<void> {
    const answers = await Promise.all(
      [one, two].map((productId, i) => this.#send((client) => client.post('/cart/add', { productId, quantity: 1 }), i))
    )
    const now = await this.#read()
    for (const [i, productId] of [one, two].entries()) {
      const [before = 0, after = 0] = [this.#cart[productId], now[productId]]
      const answer = answers[i]
      if (answer) assert.equal(after - before, answer.status === 200 ? 1 : 0, `${this.#name}: line ${productId}`)
      else assert.ok(after - before === 0 || after - before === 1, `${this.#name}: line ${productId}`)
    }
    assert.deepEqual(
      with_(now, { [one]: undefined, [two]: undefined }),
      with_(this.#cart, { [one]: undefined, [two]: undefined }),
      this.#name
    )
    this.#cart = now
  }

  async #checkout(): Promise<void> {
    const key = `${this.#name} ${this.#checkouts++}`
    for (;;) {
      const answer = await this.#send((client) => client.post('/checkout', undefined, { 'Idempotency-Key': key }))
      // Nobody knows whether it was done: the same key finds out.
      if (!answer) continue
      if (answer.status !== 200) {
        assert.ok(
          answer.status === 409 || (answer.status === 400 && same(this.#cart, {})),
          `${this.#name}: ${answer.status} ${answer.text}`
        )
        // What cannot be had is given up, so that buying goes on.
        if (answer.status === 409)
          await this.#change({ [answer.json.details[0].productId]: undefined }, (client) =>
            client.delete(`/cart/remove/${answer.json.details[0].productId}`)
          )
        return
      }
      const { order } = answer.json
      const lines = Object.fromEntries(order.items.map((item: { productId: number; quantity: number }) => [item.productId, item.quantity]))
      assert.deepEqual(lines, this.#cart, this.#name)
      this.orders.set(key, { id: order.id, link: answer.headers.get('content-location')!, lines, cancelled: false })
      this.#cart = {}
      return
    }
  }

  async #cancel(): Promise<void> {
    const orders = [...this.orders.values()]
    const order = orders[this.#random(Math.max(1, orders.length))]
    if (!order) return
    for (;;) {
      const answer = await this.#send((client) => client.post(`${order.link}/cancel`))
      if (!answer) continue
      assert.equal(answer.status, 200, answer.text)
      order.cancelled = true
      return
    }
  }

  async #read(): Promise<Cart> {
    for (;;) {
      const answer = await this.#send((client) => client.get('/cart'))
      if (answer) return cartOf(answer)
    }
  }

  /** @returns `undefined` when the process died before it answered */
  async #send(send: (client: Client) => Promise<Answer>, at = this.#random(2)): Promise<Answer | undefined> {
    const client = new Client(await this.#shop.url(at))
    for (const [name, value] of this.#client.cookies) client.cookies.set(name, value)
    try {
      const answer = await send(client)
      for (const [name, value] of client.cookies) this.#client.cookies.set(name, value)
      return answer
    } catch {
      this.cutOff++
      return undefined
    }
  }
}

function with_(cart: Cart, change: Record<number, number | undefined>): Cart {
  return Object.fromEntries(Object.entries({ ...cart, ...change }).filter(([, quantity]) => quantity)) as Cart
}
const text = (cart: Cart) => JSON.stringify(cart)
const same = (one: Cart, two: Cart) => text(one) === text(two)
const cartOf = ({ json }: Answer): Cart =>
  Object.fromEntries(json.cart.items.map((item: { productId: number; quantity: number }) => [item.productId, item.quantity]))

/** What there is and what was sold, by product, as of one moment: one statement. */
async function accounts(db: Database): Promise<number[]> {
  const rows = await db
    .selectFrom('products')
    .select((product) => [
      'stock',
      product
        .selectFrom('orderLines')
        .innerJoin('orders', 'orders.id', 'orderLines.orderId')
        .select((line) => line.fn.sum<number | null>('orderLines.quantity').as('sold'))
        .whereRef('orderLines.productId', '=', 'products.id')
        .where('orders.cancelledAt', 'is', null)
        .as('sold')
    ])
    .where('id', '<=', PRODUCTS)
    .orderBy('id')
    .execute()
  for (const { stock } of rows) assert.ok(stock >= 0)
  return rows.map(({ stock, sold }) => stock + Number(sold ?? 0))
}

async function torture(test: TestContext, folder: string, databaseUrl: string | undefined): Promise<void> {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  test.diagnostic(`SEED=${seed}`)
  const random = randomOf(seed)
  await using shop = new Processes({ DATA_DIR: folder, ...(databaseUrl && { DATABASE_URL: databaseUrl }) })
  const first = await shop.url(0)
  await shop.url(1)
  const db = await openDatabase(databaseUrl ?? `sqlite:${join(folder, 'shop.db')}`)
  test.after(() => db.destroy())
  await db.updateTable('products').set({ stock: DELIVERED }).where('id', '<=', PRODUCTS).execute()

  const buyers: Buyer[] = []
  for (let i = 0; i < BUYERS; i++) {
    const client = new Client(first)
    if (i < USERS) await register(client)
    // A guest's first line begins the session; there are no two sessions of one buyer then.
    else await client.get('/')
    buyers.push(new Buyer(`buyer ${i}`, shop, client, randomOf(seed + i * 7_919)))
  }

  let done = 0
  let looks = 0
  const end = new AbortController()
  const kills: Promise<void>[] = []
  const watching = (async () => {
    while (!end.signal.aborted) {
      assert.deepEqual(await accounts(db), Array(PRODUCTS).fill(DELIVERED))
      looks++
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  const buying = buyers.map(async (buyer) => {
    for (let step = 0; step < STEPS; step++) {
      await buyer.step()
      if (KILLED_AT.includes(++done)) kills.push(shop.kill(random(2)))
    }
  })
  try {
    await Promise.race([Promise.all(buying), watching])
    await Promise.all([...buying, ...kills])
  } finally {
    end.abort()
    await Promise.allSettled([watching, ...buying, ...kills])
  }
  await watching

  assert.deepEqual(await accounts(db), Array(PRODUCTS).fill(DELIVERED))
  // Each order is somebody's, once, and what is cancelled is what was asked to be.
  const known = buyers.flatMap((buyer) => [...buyer.orders.values()])
  const stored = await db.selectFrom('orders').select(['id', 'cancelledAt']).orderBy('id').execute()
  assert.deepEqual(
    stored.map(({ id, cancelledAt }) => [id, cancelledAt !== null]),
    known.map(({ id, cancelled }) => [id, cancelled]).sort((a, b) => Number(a[0]) - Number(b[0]))
  )
  const cutOff = buyers.reduce((sum, buyer) => sum + buyer.cutOff, 0)
  test.diagnostic(
    `${done} steps, ${known.length} orders, ${known.filter(({ cancelled }) => cancelled).length} cancelled, ${shop.kills} kills, ${cutOff} answers cut off, ${looks} looks`
  )
  assert.ok(cutOff > 0 && known.length > BUYERS && looks > 10)
}

describe(`${BUYERS} buyers over two processes that are killed now and then`, { timeout: 300_000 }, () => {
  it('lose no cart line, get no order twice, and stock + sold stays what was delivered, on SQLite', async (test) => {
    await using folder = await temporaryFolder()
    await torture(test, folder.path, undefined)
  })

  it('the same on PostgreSQL', async (test) => {
    const postgres = await serverFor(test, 'postgres')
    if (!postgres) return
    await using folder = await temporaryFolder()
    await torture(test, folder.path, postgres.url)
  })
})
