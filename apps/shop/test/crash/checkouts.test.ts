import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Database } from '../../src/database/database.ts'
import { stockOf } from '../cart/database.ts'
import { contentsOf, register } from '../cart/shop.ts'
import { copyAt, databaseOf } from '../concurrency/shops.ts'
import { Client, startProcess, temporaryFolder } from '../helpers.ts'

const BUYERS = 200
/** Signing up hashes a password each, so most are guests, which are the harder case anyway: their cart is in another file. */
const USERS = 10
const STOCK = 1_000
const BOUGHT = { 2: 2, 3: 1 }

/** Where in the 200 checkouts the process is killed: when so many orders are there, answered or not. */
const KILLED_AT = [1, 50, 100, 150]

describe('a shop killed in the middle of 200 checkouts', { timeout: 300_000 }, () => {
  for (const [i, killedAt] of KILLED_AT.entries()) {
    const withKeys = i % 2 === 0
    it(`at order ${killedAt}, ${withKeys ? 'with' : 'without'} keys: has each order with its stock, and once`, async (test) => {
      await using temporary = await temporaryFolder()
      const folder = temporary.path
      await using first = await startProcess({ DATA_DIR: folder })
      await using db = await databaseOf(folder)
      await db.updateTable('products').set({ stock: STOCK }).execute()
      const buyers = await fillCarts(first.url)
      const headers = (index: number): Record<string, string> => (withKeys ? { 'Idempotency-Key': `order ${index}` } : {})

      const killed = until(async () => (await countOrders(db)) >= killedAt).then(() => first.end('SIGKILL'))
      const answers = await Promise.all(buyers.map((buyer, index) => buyer.post('/checkout', undefined, headers(index)).catch(unanswered)))
      await killed
      for (const answer of answers) assert.ok(answer === undefined || answer.status === 200)
      const answered = answers.filter((answer) => answer !== undefined).length
      test.diagnostic(`${answered} answered, ${BUYERS - answered} cut off, ${await countOrders(db)} ordered`)
      assert.ok(answered < BUYERS && (await countOrders(db)) >= answered)
      await assertConsistent(db, folder)

      await using second = await startProcess({ DATA_DIR: folder })
      for (const [index, buyer] of buyers.entries()) {
        const client = copyAt(buyer, second.url)
        const again = await client.post('/checkout', undefined, headers(index))
        const before = answers[index]
        if (withKeys) {
          assert.equal(again.status, 200, JSON.stringify(again.json))
          if (before) assert.deepEqual(again.json, before.json)
        } else if (before) {
          assert.deepEqual([again.status, again.json.error], [400, 'Cart is empty'])
        } else if (again.status !== 200) {
          assert.equal(again.json.error, 'Cart is empty')
        }
        assert.deepEqual(await contentsOf(client), {})
      }
      assert.equal(await countOrders(db), BUYERS)
      assert.equal(await stockOf(db, 2), STOCK - BUYERS * BOUGHT[2])
      assert.equal(await stockOf(db, 3), STOCK - BUYERS * BOUGHT[3])
      await assertConsistent(db, folder)
    })
  }
})

describe('a shop killed between the order and the session', { timeout: 60_000 }, () => {
  for (const key of ['k', undefined]) {
    it(`finds the order ${key ? 'by its key' : 'by its cart'} when it is sent again, and empties the cart`, async (test) => {
      await using temporary = await temporaryFolder()
      const folder = temporary.path
      await using first = await startProcess({ DATA_DIR: folder })
      await using db = await databaseOf(folder)
      const headers: Record<string, string> = key ? { 'Idempotency-Key': key } : {}
      const buyer = first.client()
      await buyer.post('/cart/add', { productId: 1, quantity: 2 })

      // Whoever writes a session waits for this lock: so the order is written, and the session is not.
      const lock = new DatabaseSync(join(folder, 'sessions.db'))
      test.after(() => lock.close())
      lock.exec('BEGIN IMMEDIATE')
      const answer = buyer.post('/checkout', undefined, headers).catch(unanswered)
      await until(async () => (await countOrders(db)) === 1)
      await first.end('SIGKILL')
      assert.equal(await answer, undefined)
      lock.exec('ROLLBACK')

      await using second = await startProcess({ DATA_DIR: folder })
      const client = copyAt(buyer, second.url)
      assert.deepEqual(await contentsOf(client), { 1: 2 })
      const { status, json } = await client.post('/checkout', undefined, headers)
      if (key) assert.deepEqual([status, json.order.items.map((item: { quantity: number }) => item.quantity)], [200, [2]])
      else assert.deepEqual([status, json.error], [400, 'Cart is empty'])
      assert.deepEqual(await contentsOf(client), {})
      assert.deepEqual([await countOrders(db), await stockOf(db, 1)], [1, 8])
    })
  }
})

/** What a request gets whose answer was cut off: nobody knows yet whether it was done. */
function unanswered(): undefined {}

/** Looks again and again, without a pause that could miss the moment. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate()
}

async function fillCarts(url: string): Promise<Client[]> {
  const buyers = Array.from({ length: BUYERS }, () => new Client(url))
  for (const [index, buyer] of buyers.entries()) {
    if (index % (BUYERS / USERS) === 0) await register(buyer)
    for (const [productId, quantity] of Object.entries(BOUGHT)) {
      const { status } = await buyer.post('/cart/add', { productId: Number(productId), quantity })
      assert.equal(status, 200)
    }
  }
  return buyers
}

async function countOrders(db: Database): Promise<number> {
  const { count } = await db.selectFrom('orders').select(db.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()
  return count
}

async function assertConsistent(db: Database, folder: string): Promise<void> {
  const orders = await db.selectFrom('orders').selectAll().execute()
  const lines = await db.selectFrom('orderLines').selectAll().execute()
  const linesOf = Map.groupBy(lines, (line) => line.orderId)
  for (const order of orders) {
    const own = linesOf.get(order.id) ?? []
    assert.deepEqual(Object.fromEntries(own.map((line) => [line.productId, line.quantity])), BOUGHT)
    assert.equal(
      own.reduce((sum, line) => sum + line.priceCents * line.quantity, 0),
      order.totalCents
    )
  }
  assert.equal(lines.length, orders.length * Object.keys(BOUGHT).length)
  for (const [productId, quantity] of Object.entries(BOUGHT)) {
    assert.equal(await stockOf(db, Number(productId)), STOCK - quantity * orders.length)
  }
  for (const file of ['shop.db', 'sessions.db']) {
    const opened = new DatabaseSync(join(folder, file))
    assert.deepEqual(
      opened
        .prepare('PRAGMA integrity_check')
        .all()
        .map((row) => ({ ...row })),
      [{ integrity_check: 'ok' }]
    )
    opened.close()
  }
}
