import type { DatabaseSync } from 'node:sqlite'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { olderFormOf, type OlderForm } from './format.ts'
import { createOlder } from './older-statements.ts'
import { OWN_COLUMNS } from './statements.ts'

/** What a table of ours is called, and one of the older packages. */
const OWN_NAME = 'sessile_sessions'
const OLDER_NAME = 'sessions'
/** How many tables a message names. */
const SHOWN = 10

/** The table that is wanted. */
export interface TableWish {
  /** Its name; without one, ours if there is one, else an older package's. */
  readonly table: string | undefined
  /** How it is made where it is missing; ours without it. */
  readonly createAs?: OlderForm | undefined
  /** The file, where it is only looked at: a table that is missing is a mistake then. */
  readonly lookAt?: string | undefined
}

/** The table that is used. */
export interface FoundTable {
  readonly name: string
  /** Where it is one of an older package's. */
  readonly form: OlderForm | undefined
}

/**
 * Finds out which table to use, and in which form it is. A table of ours that is missing is not made here.
 * @throws SessionError `bad-option` when the table of that name is none of sessions, `store-failed` when there is none to look at; "busy"
 */
export function findTable(database: DatabaseSync, wish: TableWish): FoundTable {
  const { table, createAs, lookAt } = wish
  const found = table === undefined ? findUnnamed(database) : findNamed(database, table, createAs)
  if (lookAt !== undefined && columnsOf(database, found.name).length === 0) throw noTable(database, lookAt, table)
  return found
}

function noTable(database: DatabaseSync, file: string, table: string | undefined): SessionError {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite#_%' ESCAPE '#'").all()
  const names = tables.map(({ name }) => String(name)).sort()
  const shown = names.length > SHOWN ? `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more` : names.join(', ')
  return new SessionError(
    'store-failed',
    `${file} has no table ${table === undefined ? 'of sessions' : table}: ${shown === '' ? 'it is empty' : `its tables are ${shown}`}. ` +
      'One of another name is given as ?table=NAME after the path.'
  )
}

function findNamed(database: DatabaseSync, table: string, createAs?: OlderForm): FoundTable {
  const columns = columnsOf(database, table)
  const form = columns.length === 0 ? createAs : olderFormOf(columns)
  if (columns.length === 0 && createAs) database.exec(createOlder(table, createAs))
  if (columns.length === 0 || form || isOurs(columns)) return { name: table, form }
  throw new SessionError(
    'bad-option',
    `The table ${table} is neither ours nor one of an older package: its columns are ${columns.join(', ')}. Give table another name; one that is missing is made.`
  )
}

function findUnnamed(database: DatabaseSync): FoundTable {
  const form = olderFormOf(columnsOf(database, OLDER_NAME))
  if (!form) return findNamed(database, OWN_NAME)
  if (!isOurs(columnsOf(database, OWN_NAME))) return { name: OLDER_NAME, form }
  if (database.prepare(`SELECT 1 FROM "${OLDER_NAME}" WHERE ${form.end} > ? LIMIT 1`).get(now()))
    process.emitWarning(
      `The database holds sessions of ${form.writer}, in its table ${OLDER_NAME}, beside ours in ${OWN_NAME}, which are used. ` +
        `To go on with the former set table: '${OLDER_NAME}'.`,
      'SessileWarning'
    )
  return { name: OWN_NAME, form: undefined }
}

/** None without the table. */
function columnsOf(database: DatabaseSync, table: string): string[] {
  return database
    .prepare('SELECT name FROM pragma_table_info(?)')
    .all(table)
    .map(({ name }) => String(name))
}

function isOurs(columns: readonly string[]): boolean {
  return OWN_COLUMNS.every((name) => columns.includes(name))
}
