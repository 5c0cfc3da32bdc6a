import assert from 'node:assert/strict'
import { StatementSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { serverFor } from '@sessile/test-servers'
import pg from 'pg'
import { BROWSER_ACCEPT, type Client, registered, startShop, type TestShop } from '../helpers.ts'

const MAX_BYTES = 60_000
const postgres = await serverFor('round trips on PostgreSQL', 'postgres')

/** What is sent to the databases while something is done: statements, of whichever driver. */
async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const sent: string[] = []
  const undo: (() => void)[] = []
  for (const name of ['all', 'get', 'run'] as const) {
    const original = StatementSync.prototype[name]
    StatementSync.prototype[name] = function (this: StatementSync, ...given: never[]) {
      sent.push(this.sourceSQL)
      return Reflect.apply(original, this, given)
    } as never
    undo.push(() => {
      StatementSync.prototype[name] = original as never
    })
  }
  const query = pg.Client.prototype.query
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const [first] = given
    sent.push(typeof first === 'string' ? first : String((first as { text?: string }).text))
    return Reflect.apply(query, this, given)
  } as never
  undo.push(() => {
    pg.Client.prototype.query = query
  })
  try {
    await work()
  } finally {
    for (const put of undo) put()
  }
  return sent
}

for (const [name, url] of [['SQLite', undefined], ...(postgres ? [['PostgreSQL', postgres.url] as const] : [])] as const) {
  describe(`round trips on ${name}`, () => {
    let shop: TestShop
    let visitors: Record<'guest' | 'user', Client>
    before(async () => {
      shop = await startShop(url ? { DATABASE_URL: url } : {})
      visitors = { guest: shop.client(), user: (await registered(shop)).client }
    })
    after(() => shop.close())

    for (const who of ['guest', 'user'] as const) {
      for (const held of [0, 3]) {
        for (const path of ['/', '/cart', '/products/3', '/?q=desk&sort=price']) {
          it(`${path} for a ${who} with ${held} lines: one, and the session's`, async () => {
            const client = visitors[who]
            await client.get('/')
            await client.delete('/cart')
            for (let productId = 1; productId <= held; productId++) await client.post('/cart/add', { productId })
            let answer
            // What is gathered of activity and for the audit log is written in batches, now and then: it belongs to no request.
            const sent = (
              await statementsOf(async () => {
                answer = await client.get(path, { accept: BROWSER_ACCEPT })
              })
            ).filter((statement) => !/activity|audit_events|^begin|^commit/i.test(statement))
            assert.equal(answer!.status, 200)
            const ofSessions = sent.filter((statement) => /sessile_sessions/.test(statement))
            assert.equal(ofSessions.length, 1, sent.join('\n'))
            // There is nothing to ask about a guest's empty cart.
            const most = who === 'guest' && held === 0 && path === '/cart' ? 0 : 1
            assert.equal(sent.length - ofSessions.length, most, sent.join('\n'))
          })
        }
      }
    }
  })
}

describe('what a page weighs', () => {
  it('is under 60 kB with stylesheet and script, compressed; and its files are kept by the browser', async () => {
    await using shop = await startShop()
    const { client } = await registered(shop)
    for (let productId = 1; productId <= 23; productId++) await client.post('/cart/add', { productId })
    for (const path of ['/', '/cart', '/products/1', '/login', '/register', '/account', '/orders', '/nowhere']) {
      const { text } = await client.get(path, { accept: BROWSER_ACCEPT })
      const files = [...text.matchAll(/(?:href|src)="(\/shop\.(?:css|js)\?v=[^"]+)"/g)].map(([, file]) => file!)
      assert.equal(files.length, 2)
      let bytes = gzipSync(text).length
      for (const file of files) {
        const answer = await client.get(file)
        assert.match(answer.headers.get('cache-control')!, /immutable/)
        bytes += gzipSync(answer.text).length
      }
      assert.ok(bytes < MAX_BYTES, `${path}: ${bytes}`)
    }
  })
})
