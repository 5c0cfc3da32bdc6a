export { sqliteStore } from '../stores/sqlite/backend.ts'
export type { SqliteStoreOptions } from '../stores/sqlite/options.ts'
