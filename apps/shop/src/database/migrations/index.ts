import type { Migration } from 'kysely/migration'
import * as shop from './001-shop.ts'
import * as catalogueAndOrders from './002-catalogue-and-orders.ts'
import * as accounts from './003-accounts.ts'

/** Every change of the schema by its name, in order. Once released, a migration is not edited: a new one follows it. */
export const migrations: Readonly<Record<string, Migration>> = {
  '001-shop': shop,
  '002-catalogue-and-orders': catalogueAndOrders,
  '003-accounts': accounts
}
