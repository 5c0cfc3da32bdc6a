import { type ExpressionBuilder, type ExpressionWrapper, sql, type SqlBool } from 'kysely'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { type Catalogue, EVERYTHING, type Sort, wordsOf } from './catalogue.ts'

/** PostgreSQL refuses to compare an integer column with more. */
const MAX_ID = 2 ** 31 - 1

/** The catalogue in the shop's database. */
export function catalogueRepository(db: Database): Catalogue {
  const products = db.selectFrom('products').select(['id', 'name', 'priceCents', 'stock', 'description', 'picture'])
  const find = async (id: number) => (id <= MAX_ID ? products.where('id', '=', id).executeTakeFirst() : undefined)
  return {
    find,

    list: ({ q, sort } = EVERYTHING) =>
      products
        .where((product) => matches(product, q))
        .orderBy(orderOf(sort))
        .orderBy('id')
        .execute(),

    async change(id, { priceCents, stock, stockSeen }) {
      if (!(await find(id))) return { outcome: 'no-such-product' }
      // A difference, not a value: what was sold between the look and the change stays sold.
      const more = stock !== undefined && stockSeen !== undefined ? stock - stockSeen : undefined
      const product = await db
        .updateTable('products')
        .set((product) => ({
          ...(priceCents !== undefined && { priceCents }),
          ...(more !== undefined ? { stock: product('stock', '+', more) } : stock !== undefined && { stock }),
          // So that there is always something to set.
          id
        }))
        .where('id', '=', id)
        .$if(more !== undefined, (update) => update.where((row) => row(row('stock', '+', more!), '>=', 0)))
        .returning(['id', 'name', 'priceCents', 'stock'])
        .executeTakeFirst()
      if (product) return { outcome: 'changed', product }
      const now = await find(id)
      return now ? { outcome: 'insufficient-stock', available: now.stock } : { outcome: 'no-such-product' }
    }
  }
}

/** Whether a product has all words of a search in its name or description. */
export function matches(product: ExpressionBuilder<Tables, 'products'>, q: string): ExpressionWrapper<Tables, 'products', SqlBool> {
  return product.and(
    wordsOf(q).map((word) => {
      const pattern = `%${word.replace(/[\\%_]/g, (character) => `\\${character}`)}%`
      return product.or([like(sql.ref('products.name'), pattern), like(sql.ref('products.description'), pattern)])
    })
  )
}

function like(column: ReturnType<typeof sql.ref>, pattern: string) {
  return sql<SqlBool>`lower(${column}) like ${pattern} escape '\\'`
}

/** @returns what to order by, before the id */
export function orderOf(sort: Sort) {
  switch (sort) {
    case 'name':
      return sql`lower(products.name)`
    case 'price':
      return sql`products.price_cents`
    case '-price':
      return sql`products.price_cents * -1`
    case 'featured':
      return sql`products.id`
  }
}
