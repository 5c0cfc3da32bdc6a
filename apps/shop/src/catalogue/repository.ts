import type { Database } from '../database/database.ts'
import type { Catalogue } from './catalogue.ts'

/** PostgreSQL refuses to compare an integer column with more. */
const MAX_ID = 2 ** 31 - 1

/** The catalogue in the shop's database. */
export function catalogueRepository(db: Database): Catalogue {
  const products = db.selectFrom('products').select(['id', 'name', 'priceCents', 'stock'])
  return {
    list: () => products.orderBy('id').execute(),
    find: async (id) => (id <= MAX_ID ? products.where('id', '=', id).executeTakeFirst() : undefined)
  }
}
