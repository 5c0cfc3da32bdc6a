import type { Kysely } from 'kysely'

/** Products say what they are; orders can be cancelled, and a guest's be reached by a link. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db
  await schema
    .alterTable('products')
    .addColumn('description', 'text', (c) => c.notNull().defaultTo(''))
    .execute()
  await schema
    .alterTable('products')
    .addColumn('picture', 'text', (c) => c.notNull().defaultTo(''))
    .execute()
  await schema.alterTable('orders').addColumn('cancelledAt', 'bigint').execute()
  await schema.alterTable('orders').addColumn('linkToken', 'text').execute()
  await schema.createIndex('ordersByLink').on('orders').column('linkToken').unique().execute()
  await schema.createIndex('idempotencyKeysByAge').on('idempotencyKeys').column('createdAt').execute()
  await schema.createIndex('settledCartsByAge').on('settledCarts').column('settledAt').execute()
}
