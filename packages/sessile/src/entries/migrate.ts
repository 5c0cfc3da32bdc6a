export type { UserIdOf } from '../core/user-of.ts'
export type { StoreOrUrl } from '../stores/moving/copies.ts'
export { migrateSessions, type MigrateCounts, type Migrated, type MigrateOptions } from '../stores/moving/migrate.ts'
export { movingFrom, type MovingOptions } from '../stores/moving/moving-from.ts'
