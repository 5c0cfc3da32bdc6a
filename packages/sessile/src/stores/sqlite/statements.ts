import type { DatabaseSync, StatementSync } from 'node:sqlite'

/**
 * Every SQL text of the store. SQLite lets one statement write at a time, whatever the number of connections and processes,
 * and each of these is one statement: what it checks is still so when it writes.
 *
 * `id` orders `scan` and keeps large texts out of the search tree (measured: with the key as the table's own key, reads of 4 kB
 * take three times as long, of 64 kB five times). `sweep_at` is when to look whether a record has expired, never later than
 * it does: a write that lengthens a life, as nearly all do, leaves it, and so no index changes (measured: half the time).
 * `expires_at` is epoch ms, or the float infinity, which compares as it should.
 */
function schema(table: string, kind: 'TABLE' | 'TEMP TABLE'): string {
  return `
    CREATE ${kind} IF NOT EXISTS "${table}" (
      id INTEGER PRIMARY KEY,
      key TEXT NOT NULL UNIQUE,
      version INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      sweep_at INTEGER NOT NULL,
      user_id TEXT,
      data TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS "${table}_sweep_at" ON "${table}" (sweep_at);
    CREATE INDEX IF NOT EXISTS "${table}_user_id" ON "${table}" (user_id) WHERE user_id IS NOT NULL;`
}

/** What a table of ours has at least, to be told from others. */
export const OWN_COLUMNS = ['id', 'key', 'version', 'expires_at', 'sweep_at', 'user_id', 'data'] as const

function texts(table: string) {
  const due = `SELECT id, expires_at FROM "${table}" WHERE sweep_at <= ?1 ORDER BY sweep_at LIMIT ?2`
  return {
    /** (key, now) */
    read: `SELECT data, version, expires_at, user_id FROM "${table}" WHERE key = ? AND expires_at > ?`,
    /** (key, now): what a write that touched nothing has missed. */
    look: `SELECT version, expires_at FROM "${table}" WHERE key = ? AND expires_at > ?`,
    /** (now, key, version, expiresAt, userId, data): the unique key decides between two at once; only what has expired gives way. */
    create: `INSERT INTO "${table}" (key, version, expires_at, sweep_at, user_id, data) VALUES (?2, ?3, ?4, ?4, ?5, ?6)
      ON CONFLICT (key) DO UPDATE SET version = ?3, expires_at = ?4, sweep_at = ?4, user_id = ?5, data = ?6 WHERE expires_at <= ?1`,
    /** (now, key, expected, version, expiresAt, userId, data): as `swapAll`, for the same user and no shorter life: no index changes. */
    swap: `UPDATE "${table}" SET version = ?4, expires_at = ?5, data = ?7
      WHERE key = ?2 AND version = ?3 AND expires_at > ?1 AND user_id IS ?6 AND sweep_at <= ?5`,
    /** The same parameters. The version is compared by the statement that writes, so of many with one version one finds it. */
    swapAll: `UPDATE "${table}" SET version = ?4, expires_at = ?5, sweep_at = ?5, user_id = ?6, data = ?7
      WHERE key = ?2 AND version = ?3 AND expires_at > ?1`,
    /** (now, key, expiresAt): writes nothing where the life is longer already, or over. */
    extend: `UPDATE "${table}" SET expires_at = ?3 WHERE key = ?2 AND expires_at > ?1 AND expires_at < ?3`,
    /** (key): what was deleted is what is returned. */
    remove: `DELETE FROM "${table}" WHERE key = ? RETURNING data, version, expires_at, user_id`,
    /** (userId, now) */
    keysOfUser: `SELECT key FROM "${table}" WHERE user_id = ? AND expires_at > ?`,
    /** (id, now, limit): a record keeps its id, so none is skipped when others come and go. */
    scan: `SELECT id, key, data, version, expires_at, user_id FROM "${table}" WHERE id > ? AND expires_at > ? ORDER BY id LIMIT ?`,
    /** (now): so that a sweep with nothing to do does not ask for the write lock. */
    anyDue: `SELECT 1 FROM "${table}" WHERE sweep_at <= ? LIMIT 1`,
    /** (now, limit): those that live longer by now come up again when that is over. */
    requeue: `UPDATE "${table}" SET sweep_at = expires_at WHERE id IN (SELECT id FROM (${due}) WHERE expires_at > ?1)`,
    /** (now, limit): deleted by one statement, hence returned to one caller. */
    sweep: `DELETE FROM "${table}" WHERE id IN (SELECT id FROM (${due}) WHERE expires_at <= ?1) RETURNING key, data, user_id`
  }
}

/** The statements of one table, prepared. */
export type Statements = Readonly<Record<keyof ReturnType<typeof texts>, StatementSync>>

/**
 * What a table that may be missing is made as; `undefined`: it is not made. Where a file is only read, an empty one of this connection
 * alone stands in for it.
 */
export function kindToMake(database: DatabaseSync, table: string, isReadOnly: boolean): 'TABLE' | 'TEMP TABLE' | undefined {
  if (!isReadOnly) return 'TABLE'
  return database.prepare('SELECT 1 FROM pragma_table_info(?)').get(table) ? undefined : 'TEMP TABLE'
}

/** Creates the table where it is missing and prepares its statements; `read` gives arrays, which cost less than objects. Each step may be done again after it failed. */
export function prepareStatements(database: DatabaseSync, table: string, isReadOnly: boolean): Statements {
  const kind = kindToMake(database, table, isReadOnly)
  if (kind) database.exec(schema(table, kind))
  const statements = Object.fromEntries(Object.entries(texts(table)).map(([name, sql]) => [name, database.prepare(sql)])) as Statements
  statements.read.setReturnArrays(true)
  return statements
}

/**
 * For each new connection. `auto_vacuum` counts only in an empty file and before `journal_mode`, which writes its first page.
 * NORMAL: after a power cut the last moments may be missing, the file is never broken, and a crash of the process loses nothing.
 */
export const PRAGMAS = [
  'PRAGMA auto_vacuum = INCREMENTAL',
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = NORMAL',
  // reading a page is a look into memory instead of a call: half of what a session of 4 kB costs
  'PRAGMA mmap_size = 134217728',
  // cut the log back to this after a rush
  'PRAGMA journal_size_limit = 16777216'
] as const

/** Free pages from which on the file is made smaller; fewer are kept, they will be used again. */
export const FREE_PAGES_KEPT = 1000
export const FREE_PAGES = 'PRAGMA freelist_count'
/** Gives a few pages back to the file system: a millisecond or so. */
export const SHRINK = 'PRAGMA incremental_vacuum(200)'
