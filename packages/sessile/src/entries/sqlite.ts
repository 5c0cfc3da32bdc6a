export type { SqliteSessionStoreOptions } from '../express/incumbents/sqlite-options.ts'
export { SqliteStore } from '../express/incumbents/sqlite-store.ts'
export { sqliteStore } from '../stores/sqlite/backend.ts'
export type { SqliteStoreOptions } from '../stores/sqlite/options.ts'
