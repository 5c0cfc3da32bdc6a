import { type ColumnDefinitionBuilder, type Kysely, SqliteAdapter } from 'kysely'

/** Accounts that are closed for a while or owe a new password, the devices they know, what happened, and the first administrator. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const sqlite = db.getExecutor().adapter instanceof SqliteAdapter
  const rising = (column: ColumnDefinitionBuilder) =>
    sqlite ? column.primaryKey().autoIncrement() : column.primaryKey().generatedByDefaultAsIdentity()
  const userId = (column: ColumnDefinitionBuilder) => column.notNull().references('users.id').onDelete('cascade')
  const { schema } = db

  await schema.alterTable('users').addColumn('disabledAt', 'bigint').execute()
  await schema.alterTable('users').addColumn('passwordDue', 'text').execute()

  await schema
    .createTable('devices')
    .addColumn('id', 'integer', rising)
    .addColumn('userId', 'integer', userId)
    .addColumn('deviceKey', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('address', 'text')
    .addColumn('firstSeenAt', 'bigint', (c) => c.notNull())
    .addColumn('lastSeenAt', 'bigint', (c) => c.notNull())
    .addColumn('noticedAt', 'bigint')
    .addUniqueConstraint('devicesOfUser', ['userId', 'deviceKey'])
    .execute()

  await schema
    .createTable('auditEvents')
    .addColumn('id', 'integer', rising)
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('event', 'text', (c) => c.notNull())
    // No reference: what an account did is kept when it is gone.
    .addColumn('userId', 'integer')
    .addColumn('byUserId', 'integer')
    .addColumn('session', 'text')
    .addColumn('address', 'text')
    .addColumn('userAgent', 'text')
    .addColumn('requestId', 'text')
    .addColumn('details', 'text')
    .execute()
  await schema.createIndex('auditEventsAt').on('auditEvents').columns(['at']).execute()
  await schema.createIndex('auditEventsOfUser').on('auditEvents').columns(['userId', 'id']).execute()

  await schema
    .createTable('setupSecrets')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('secretHash', 'text', (c) => c.notNull())
    .addColumn('expiresAt', 'bigint', (c) => c.notNull())
    .execute()
}
