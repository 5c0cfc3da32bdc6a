export { postgresStore } from '../stores/postgres/backend.ts'
export type { PgQuery, PgQueryable } from '../stores/postgres/client.ts'
export type { PostgresStoreOptions } from '../stores/postgres/options.ts'
