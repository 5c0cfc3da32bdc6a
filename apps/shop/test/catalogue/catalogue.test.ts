import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { serverFor } from '@sessile/test-servers'
import fc from 'fast-check'
import { catalogueRepository } from '../../src/catalogue/repository.ts'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { PRODUCTS, seed } from '../../src/database/seed.ts'
import { ADMIN, type Client, startShop, type TestShop } from '../helpers.ts'

const postgres = await serverFor('the catalogue on PostgreSQL', 'postgres')

for (const [name, url] of [['SQLite', 'sqlite::memory:'], ...(postgres ? [['PostgreSQL', postgres.url] as const] : [])] as const) {
  describe(`the catalogue on ${name}`, () => {
    let db: Database
    before(async () => {
      db = await openDatabase(url)
      await seed(db, undefined)
    })
    after(() => db.destroy())
    const found = async (q: string, sort: 'featured' | 'name' | 'price' | '-price' = 'featured') =>
      (await catalogueRepository(db).list({ q, sort })).map((product) => product.name)

    it('has 24 products, each with a description and a picture that is there', async () => {
      const all = await catalogueRepository(db).list()
      assert.equal(all.length, 24)
      for (const { name, description, picture } of all) {
        assert.ok(description.length > 40, name)
        assert.ok(existsSync(join(import.meta.dirname, `../../public/pictures/${picture}.svg`)), picture)
      }
    })

    it('finds all words, in name or description, whatever their case', async () => {
      assert.deepEqual(await found('DESK lamp'), ['Desk Lamp'])
      assert.deepEqual(await found('wool'), ['Desk Chair', 'Felt Mat'])
      assert.deepEqual(await found('  usb   seven '), ['USB Hub'])
      assert.deepEqual(await found('zebra'), [])
    })

    it('takes what is typed for text, never for a pattern', async () => {
      for (const q of ['%', '_', '\\', "'", '"', '%%%', 'a_c', "'; drop table products; --"]) assert.deepEqual(await found(q), [], q)
      await fc.assert(
        fc.asyncProperty(
          fc.string({ maxLength: 20 }).filter((text) => !text.includes('\0')),
          async (q) => {
            const words = q.toLowerCase().split(/\s+/).filter(Boolean)
            const expected = PRODUCTS.filter((product) =>
              words.every((word) => `${product.name}\n${product.description}`.toLowerCase().includes(word))
            )
            assert.deepEqual(
              await found(q),
              expected.map((product) => product.name)
            )
          }
        ),
        { numRuns: 60 }
      )
    })

    it('sorts by name and by price, both ways, and by number where they are alike', async () => {
      const names = PRODUCTS.map((product) => product.name).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
      assert.deepEqual(await found('', 'name'), names)
      const byPrice = PRODUCTS.toSorted((a, b) => a.priceCents - b.priceCents || a.id - b.id).map((product) => product.name)
      assert.deepEqual(await found('', 'price'), byPrice)
      assert.equal((await found('', '-price'))[0], 'Laptop')
    })

    it('counts the difference of a stock that was looked at, so that what was sold meanwhile stays sold', async () => {
      const catalogue = catalogueRepository(db)
      await db.updateTable('products').set({ stock: 7 }).where('id', '=', 2).execute()
      const changed = await catalogue.change(2, { stock: 60, stockSeen: 50 })
      assert.equal(changed.outcome === 'changed' && changed.product.stock, 17)
      assert.deepEqual(await catalogue.change(2, { stock: 0, stockSeen: 50 }), { outcome: 'insufficient-stock', available: 17 })
      assert.equal((await catalogue.change(2, { stock: 3 })).outcome, 'changed')
      assert.deepEqual(await catalogue.change(999, { stock: 3 }), { outcome: 'no-such-product' })
      const all = await Promise.all(Array.from({ length: 10 }, () => catalogue.change(2, { stock: 11, stockSeen: 10 })))
      assert.deepEqual(new Set(all.map(({ outcome }) => outcome)), new Set(['changed']))
      assert.equal((await catalogue.find(2))?.stock, 13)
    })
  })
}

describe('the catalogue over HTTP', () => {
  let shop: TestShop
  let admin: Client
  before(async () => {
    shop = await startShop()
    admin = await shop.signedIn(ADMIN)
  })
  after(() => shop.close())

  it('is searched and sorted by the query', async () => {
    const { json } = await shop.client().get('/products?q=desk&sort=-price')
    const prices = json.products.map((product: { priceCents: number }) => product.priceCents)
    assert.ok(prices.length > 2)
    assert.deepEqual(
      prices,
      prices.toSorted((a: number, b: number) => b - a)
    )
    assert.equal((await shop.client().get('/products?q=&sort=')).json.products.length, 24)
  })

  it('refuses a query that cannot be, by the name of the field, on the page as well', async () => {
    for (const [query, path] of [
      ['sort=size', 'sort'],
      ['sort=price&sort=name', 'sort'],
      [`q=${'x'.repeat(101)}`, 'q'],
      ['q=a&q=b', 'q'],
      ['q=%00', 'q']
    ] as const) {
      const { status, json } = await shop.client().get(`/products?${query}`)
      assert.deepEqual([status, json.error, json.details[0].path], [400, 'Invalid request', path], query)
      assert.equal((await shop.client().get(`/?${query}`, { accept: 'text/html' })).status, 400)
    }
  })

  it('shows one product', async () => {
    const { product } = (await shop.client().get('/products/2')).json
    assert.deepEqual([product.name, product.price, product.priceCents, product.stock], ['Mouse', 29.99, 2_999, 50])
    assert.match(product.description, /either hand/)
    for (const id of ['0', '999', 'x', '-1', '1.5', '99999999999999']) {
      const { status, json } = await shop.client().get(`/products/${id}`)
      assert.deepEqual([status, json.error], [404, 'Product not found'], id)
      assert.equal((await shop.client().get(`/products/${id}`, { accept: 'text/html' })).status, 404)
    }
  })

  it('is changed by administrators alone, who signed in within the last 15 minutes', async () => {
    assert.equal((await shop.client().put('/admin/products/3', { stock: 1 })).status, 401)
    assert.equal((await (await shop.signedIn()).put('/admin/products/3', { stock: 1 })).status, 403)
    const changed = await admin.put('/admin/products/3', { price: 84.99, stock: 30 })
    assert.deepEqual(changed.json, {
      message: 'Product changed',
      product: { id: 3, name: 'Keyboard', price: 84.99, priceCents: 8_499, stock: 30 }
    })
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 16 * 60_000 })
    try {
      const { status, json } = await admin.put('/admin/products/3', { stock: 1 })
      assert.deepEqual([status, json.code], [401, 'reauthentication-required'])
    } finally {
      mock.timers.reset()
    }
  })

  it('takes no price or stock that cannot be', async () => {
    for (const [body, path] of [
      [{}, 'price'],
      [{ price: 0 }, 'price'],
      [{ price: -1 }, 'price'],
      [{ price: 'cheap' }, 'price'],
      [{ price: '1e3' }, 'price'],
      [{ price: null }, 'price'],
      [{ price: 1e12 }, 'price'],
      [{ stock: -1 }, 'stock'],
      [{ stock: 1.5 }, 'stock'],
      [{ stock: 'many' }, 'stock'],
      [{ stock: '' }, 'stock'],
      [{ stock: 3e9 }, 'stock']
    ] as const) {
      const { status, json } = await admin.put('/admin/products/3', body)
      assert.deepEqual([status, json.details?.[0].path], [400, path], JSON.stringify(body))
    }
    assert.equal((await admin.put('/admin/products/999', { stock: 1 })).status, 404)
  })
})
