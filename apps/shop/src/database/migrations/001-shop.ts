import { type ColumnDefinitionBuilder, type Kysely, sql, SqliteAdapter } from 'kysely'

/** Users, products, carts and orders. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const sqlite = db.getExecutor().adapter instanceof SqliteAdapter
  const rising = (column: ColumnDefinitionBuilder) =>
    sqlite ? column.primaryKey().autoIncrement() : column.primaryKey().generatedByDefaultAsIdentity()
  const userId = (column: ColumnDefinitionBuilder) => column.references('users.id').onDelete('cascade')
  const { schema } = db

  await schema
    .createTable('users')
    .addColumn('id', 'integer', rising)
    .addColumn('username', 'text', (c) => c.notNull())
    .addColumn('usernameKey', 'text', (c) => c.notNull().unique())
    .addColumn('email', 'text', (c) => c.notNull())
    .addColumn('emailKey', 'text', (c) => c.notNull().unique())
    .addColumn('passwordHash', 'text', (c) => c.notNull())
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('createdAt', 'bigint', (c) => c.notNull())
    .execute()

  await schema
    .createTable('products')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('priceCents', 'integer', (c) => c.notNull())
    // The last line of defence: whatever a query forgets, nothing is sold that is not there.
    .addColumn('stock', 'integer', (c) => c.notNull().check(atLeast('stock', 0)))
    .execute()

  await schema
    .createTable('carts')
    .addColumn('userId', 'integer', (c) => userId(c).primaryKey())
    .addColumn('updatedAt', 'bigint', (c) => c.notNull())
    .execute()

  await schema
    .createTable('cartLines')
    .addColumn('id', 'integer', rising)
    .addColumn('userId', 'integer', (c) => userId(c).notNull())
    .addColumn('productId', 'integer', (c) => c.notNull().references('products.id'))
    .addColumn('priceCents', 'integer', (c) => c.notNull())
    .addColumn('quantity', 'integer', (c) => c.notNull().check(atLeast('quantity', 1)))
    .addUniqueConstraint('cartLinesProduct', ['userId', 'productId'])
    .execute()

  await schema
    .createTable('settledCarts')
    .addColumn('cartId', 'text', (c) => c.primaryKey())
    .addColumn('lines', 'text', (c) => c.notNull())
    .addColumn('settledAt', 'bigint', (c) => c.notNull())
    .execute()

  await schema
    .createTable('orders')
    .addColumn('id', 'integer', rising)
    .addColumn('userId', 'integer', userId)
    .addColumn('cartId', 'text', (c) => c.unique())
    .addColumn('totalCents', 'bigint', (c) => c.notNull())
    .addColumn('currency', 'text', (c) => c.notNull())
    .addColumn('createdAt', 'bigint', (c) => c.notNull())
    .execute()
  await schema.createIndex('ordersOfUser').on('orders').columns(['userId', 'id']).execute()

  await schema
    .createTable('orderLines')
    .addColumn('orderId', 'integer', (c) => c.notNull().references('orders.id').onDelete('cascade'))
    .addColumn('position', 'integer', (c) => c.notNull())
    .addColumn('productId', 'integer', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('priceCents', 'integer', (c) => c.notNull())
    .addColumn('quantity', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('orderLinesKey', ['orderId', 'position'])
    .execute()

  await schema
    .createTable('idempotencyKeys')
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('orderId', 'integer', (c) => c.notNull().references('orders.id').onDelete('cascade'))
    .addColumn('createdAt', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('idempotencyKeysKey', ['owner', 'key'])
    .execute()
}

function atLeast(column: string, least: number) {
  return sql<boolean>`${sql.ref(column)} >= ${sql.lit(least)}`
}
