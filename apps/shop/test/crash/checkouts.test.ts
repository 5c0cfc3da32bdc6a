import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import type { Database } from '../../src/database/database.ts'
import { stockOf } from '../cart/database.ts'
import { contentsOf, register } from '../cart/shop.ts'
import { copyAt, databaseOf } from '../concurrency/shops.ts'
import { type Answer, Client, startProcess, temporaryFolder } from '../helpers.ts'

const BUYERS = 200
/** Signing up hashes a password each, so most are guests, which are the harder case anyway: their cart is in another file. */
const USERS = 10
const STOCK = 1_000
const BOUGHT = { 2: 2, 3: 1 }

/** Where in the 200 checkouts the process is killed: after so many answers. */
const KILLED_AFTER = [1, 40, 120, 190]

describe('a shop killed in the middle of 200 checkouts', { timeout: 300_000 }, () => {
  for (const [i, killedAfter] of KILLED_AFTER.entries()) {
    const withKeys = i % 2 === 0
    it(`after ${killedAfter} answers, ${withKeys ? 'with' : 'without'} keys: has no order without its stock, no stock without its order, none twice`, async test => {
      await using temporary = await temporaryFolder()
      const folder = temporary.path
      await using first = await startProcess({ DATA_DIR: folder })
      await using db = await databaseOf(folder)
      await db.updateTable('products').set({ stock: STOCK }).execute()
      const buyers = await fillCarts(first.url)
      const headers = (index: number): Record<string, string> => withKeys ? { 'Idempotency-Key': `order ${index}` } : {}

      let answered = 0
      const answers = await Promise.all(buyers.map(async (buyer, index): Promise<Answer | undefined> => {
        try {
          const answer = await buyer.post('/checkout', undefined, headers(index))
          if (++answered === killedAfter) await first.end('SIGKILL')
          return answer
        } catch {
          return undefined // killed: nobody knows yet whether this one was ordered
        }
      }))
      await first.end('SIGKILL')
      for (const answer of answers) assert.ok(answer === undefined || answer.status === 200)
      const unanswered = answers.filter(answer => answer === undefined).length
      test.diagnostic(`${BUYERS - unanswered} answered, ${unanswered} cut off, ${await countOrders(db)} ordered`)
      assert.ok(unanswered > 0)
      assert.ok(await countOrders(db) >= BUYERS - unanswered)
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
  const linesOf = Map.groupBy(lines, line => line.orderId)
  for (const order of orders) {
    const own = linesOf.get(order.id) ?? []
    assert.deepEqual(Object.fromEntries(own.map(line => [line.productId, line.quantity])), BOUGHT)
    assert.equal(own.reduce((sum, line) => sum + line.priceCents * line.quantity, 0), order.totalCents)
  }
  assert.equal(lines.length, orders.length * Object.keys(BOUGHT).length)
  for (const [productId, quantity] of Object.entries(BOUGHT)) {
    assert.equal(await stockOf(db, Number(productId)), STOCK - quantity * orders.length)
  }
  for (const file of ['shop.db', 'sessions.db']) {
    const opened = new DatabaseSync(join(folder, file))
    assert.deepEqual(opened.prepare('PRAGMA integrity_check').all().map(row => ({ ...row })), [{ integrity_check: 'ok' }])
    opened.close()
  }
}
