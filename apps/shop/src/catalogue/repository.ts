import type { Database } from '../database/database.ts'
import type { Catalogue } from './catalogue.ts'

/** The catalogue in the shop's database. */
export function catalogueRepository (db: Database): Catalogue {
  const products = db.selectFrom('products').select(['id', 'name', 'priceCents', 'stock'])
  return {
    list: () => products.orderBy('id').execute(),
    find: id => products.where('id', '=', id).executeTakeFirst()
  }
}
