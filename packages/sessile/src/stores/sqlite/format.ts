/**
 * How older packages keep sessions in SQLite. Both call their table `sessions`; they are told apart by the column of the end. Their
 * inserts name no columns, so their tables get none of ours (what we add is beside them, `older-statements.ts`).
 */
export interface OlderForm {
  /** The package that writes it. */
  readonly writer: 'connect-sqlite3' | 'better-sqlite3-session-store'
  /** The column of the end. Its values sort as the times do. */
  readonly column: 'expired' | 'expire'
  /** SQL that reads the end as epoch ms; null where there is none, which counts as over, as it does for the writer. */
  readonly end: string
  /** An end as the column has it. @param expiresAt epoch ms, or `Infinity` */
  readonly stored: (expiresAt: number) => number | string
  /** What makes such a table, column by column as the package does. */
  readonly columns: string
}

/** The last moment that the text of a time can say; stands for "never". */
const LAST_TEXT_MS = Date.parse('9999-12-31T23:59:59.999Z')

/** Epoch ms in a column without a type; a session that does not end has the float infinity, which compares as it should. */
export const CONNECT_SQLITE3: OlderForm = {
  writer: 'connect-sqlite3',
  column: 'expired',
  end: 'CAST(expired AS REAL)',
  stored: (expiresAt) => expiresAt,
  columns: 'sid PRIMARY KEY, expired, sess'
}

/** ISO text, which its writer compares in whole seconds. Read by SQLite's own function, since times in SQLite's form are as good to it. */
export const BETTER_SQLITE3_SESSION_STORE: OlderForm = {
  writer: 'better-sqlite3-session-store',
  column: 'expire',
  end: `round(unixepoch(expire, 'subsec') * 1000)`,
  stored: (expiresAt) => new Date(Math.min(expiresAt, LAST_TEXT_MS)).toISOString(),
  columns: 'sid TEXT NOT NULL PRIMARY KEY, sess JSON NOT NULL, expire TEXT NOT NULL'
}

/** The form of a table with these columns, if an older package wrote it. */
export function olderFormOf(columns: readonly string[]): OlderForm | undefined {
  return [CONNECT_SQLITE3, BETTER_SQLITE3_SESSION_STORE].find(
    ({ column }) => columns.length === 3 && ['sid', 'sess', column].every((name) => columns.includes(name))
  )
}

/** Epoch ms of what `end` read. */
export function expiresAtOf(end: number | null): number {
  return end === null ? 0 : end === LAST_TEXT_MS ? Infinity : end
}
