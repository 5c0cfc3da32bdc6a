import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { OlderForm } from './format.ts'
import { kindToMake } from './statements.ts'

/**
 * The statements on a table of an older package. Its sessions stay where they are and as they are; whose they are stands in a table of
 * ours, and counts only as long as the session is there. What writes to both is done in one transaction, begun `IMMEDIATE`: nobody else
 * writes until its end.
 *
 * The version of a session is its text, as an older writer changes nothing else. It is compared, and read, as text, whatever type its
 * column made of it. Each write of an older writer replaces the row, so that it gets another `rowid`; ours keep it, as touches do. That
 * tells what was noted of a session before an older writer changed it.
 */
function texts(table: string, { column, end }: OlderForm) {
  const users = usersOf(table)
  const record = `t.rowid AS id, t.sid AS key, CAST(sess AS TEXT) AS data, ${end} AS end, user_id, u.row IS t.rowid AS noted`
  const joined = `"${table}" AS t LEFT JOIN ${users} AS u ON u.sid = t.sid`
  return {
    /** (key, now) */
    read: `SELECT ${record} FROM ${joined} WHERE t.sid = ? AND ${end} > ?`,
    /** (key, now): whether there is one at all. */
    look: `SELECT 1 FROM "${table}" WHERE sid = ? AND ${end} > ?`,
    /** (now, key, end, data): the unique key decides between two at once; only what has expired gives way. */
    create: `INSERT INTO "${table}" (sid, ${column}, sess) VALUES (?2, ?3, ?4)
      ON CONFLICT (sid) DO UPDATE SET ${column} = ?3, sess = ?4 WHERE NOT coalesce(${end} > ?1, 0)`,
    /** (now, key, expected, end, data): what is compared is compared by the statement that writes. */
    swap: `UPDATE "${table}" SET ${column} = ?4, sess = ?5 WHERE sid = ?2 AND CAST(sess AS TEXT) = ?3 AND ${end} > ?1`,
    /** (now, key, expiresAt, end): writes nothing where the life is longer already, or over. */
    extend: `UPDATE "${table}" SET ${column} = ?4 WHERE sid = ?2 AND ${end} > ?1 AND ${end} < ?3`,
    /** (key): also one that has expired. */
    find: `SELECT ${record} FROM ${joined} WHERE t.sid = ?`,
    /** (key) */
    remove: `DELETE FROM "${table}" WHERE sid = ?`,
    /** (key, userId): writes nothing where it is so already. */
    note: `INSERT INTO ${users} (sid, row, user_id) SELECT sid, rowid, ?2 FROM "${table}" WHERE sid = ?1
      ON CONFLICT (sid) DO UPDATE SET row = excluded.row, user_id = excluded.user_id
      WHERE row <> excluded.row OR user_id IS NOT excluded.user_id`,
    /** (key) */
    forget: `DELETE FROM ${users} WHERE sid = ?`,
    /** What an older writer has written and we have not looked at since. Reads indexes alone. */
    unnoted: `SELECT t.rowid AS id FROM ${joined} WHERE u.row IS NOT t.rowid`,
    /** (rowid) */
    numbered: `SELECT ${record} FROM ${joined} WHERE t.rowid = ?`,
    /** (userId, now) */
    keysOfUser: `SELECT t.sid AS key FROM ${users} AS u JOIN "${table}" AS t ON t.sid = u.sid WHERE user_id = ? AND ${end} > ?`,
    /** (rowid, now, limit): a session that an older writer replaces gets a higher number, so none is skipped. */
    scan: `SELECT ${record} FROM ${joined} WHERE t.rowid > ? AND ${end} > ? ORDER BY t.rowid LIMIT ?`,
    /** (end, now): so that a sweep with nothing to do does not ask for the write lock. */
    anyDue: `SELECT 1 FROM "${table}" WHERE ${column} <= ? AND ${end} <= ? LIMIT 1`,
    /** (end, now, limit) */
    due: `SELECT ${record} FROM ${joined} WHERE ${column} <= ? AND ${end} <= ? ORDER BY ${column} LIMIT ?`,

    /** Another number each time somebody else has written anything. */
    othersWrites: 'PRAGMA data_version',
    begin: 'BEGIN IMMEDIATE',
    commit: 'COMMIT',
    rollback: 'ROLLBACK'
  }
}

/** The statements of one older table, prepared. */
export type OlderStatements = Readonly<Record<keyof ReturnType<typeof texts>, StatementSync>>

/**
 * Puts what is ours beside the table: whose sessions are, and an index on their ends, which older writers keep without knowing it.
 * Entries of sessions that an older writer ended are left behind, hence taken away. Each step may be done again after it failed.
 */
export function prepareOlderStatements(database: DatabaseSync, table: string, form: OlderForm, isReadOnly: boolean): OlderStatements {
  const users = usersOf(table)
  const isLeft = `FROM ${users} AS u WHERE NOT EXISTS (SELECT 1 FROM "${table}" AS t WHERE t.sid = u.sid)`
  const kind = kindToMake(database, `${table}_sessile_user`, isReadOnly)
  if (kind)
    database.exec(`CREATE ${kind} IF NOT EXISTS ${users} (sid PRIMARY KEY NOT NULL, row INTEGER NOT NULL, user_id TEXT) WITHOUT ROWID`)
  if (!isReadOnly)
    database.exec(`
    CREATE INDEX IF NOT EXISTS "${table}_sessile_user_id" ON ${users} (user_id) WHERE user_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS "${table}_sessile_end" ON "${table}" (${form.column})`)
  if (!isReadOnly && database.prepare(`SELECT 1 ${isLeft} LIMIT 1`).get()) database.exec(`DELETE ${isLeft}`)
  return Object.fromEntries(
    Object.entries(texts(table, form)).map(([name, sql]) => [name, database.prepare(sql)])
  ) as unknown as OlderStatements
}

/** Makes a table as the older package does. */
export function createOlder(table: string, { columns }: OlderForm): string {
  return `CREATE TABLE IF NOT EXISTS "${table}" (${columns})`
}

function usersOf(table: string): string {
  return `"${table}_sessile_user"`
}
