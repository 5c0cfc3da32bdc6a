import { SessionError } from '../../core/errors.ts'
import { codeOf, type Connections } from './client.ts'
import type { TableNames } from './names.ts'
import { addUserColumn, COLUMNS, createTable, statementsOf, type Layout, type Statements } from './statements.ts'

/** The table that is wanted. */
export interface TableWish {
  readonly names: TableNames
  readonly dataType: 'json' | 'text'
  /** Whether it is created where it is missing. */
  readonly create: boolean
  readonly userIndex: boolean
}

/** The table that is there. */
export interface FoundTable {
  readonly layout: Layout
  readonly statements: Statements
}

/** Thrown when a table is missing and cannot be created. */
export class MissingTable extends SessionError {}

const DENIED = '42501'
const LOCKED = '55P03'
/** Another process was faster at the same thing; looking again shows what it did. */
const OVERTAKEN = new Set(['23505', '42P07', '42701', '42710', 'XX000', '40001', '40P01'])
const LOOKS = 6

const warned = new WeakSet<TableNames>()

/**
 * Looks for a table and creates what is missing. An existing one stays as it is, but for the column of users where that is
 * wanted and permitted; without permission it is used as it is, and a warning says so.
 * @throws SessionError when it is missing and may not be created, or is no table of sessions
 */
export async function findTable(connections: Connections, wish: TableWish): Promise<FoundTable> {
  const { names, userIndex } = wish
  let userColumn = userIndex
  for (let look = 1; ; look++) {
    const columns = new Set((await connections.runText(COLUMNS, [names.table])).map(({ name }) => name))
    try {
      if (columns.size === 0) await create(connections, wish)
      else if (userColumn && !columns.has('sessile_user')) userColumn = await addUsers(connections, names)
      else return foundTable(names, columns)
    } catch (error) {
      if (look >= LOOKS || !OVERTAKEN.has(codeOf(error) ?? '')) throw error
    }
    if (look >= LOOKS) throw new SessionError('store-failed', `The table ${names.plain} was created, and is not there.`)
  }
}

function foundTable(names: TableNames, columns: ReadonlySet<string | null | undefined>): FoundTable {
  const missing = ['sid', 'sess', 'expire'].filter((name) => !columns.has(name))
  if (missing.length > 0) {
    throw new SessionError(
      'bad-option',
      `The table ${names.plain} has no column ${missing.join(', ')}: it is not one of connect-pg-simple's. Choose another tableName.`
    )
  }
  const layout = { user: columns.has('sessile_user'), hour: columns.has('sessile_hour') }
  return { layout, statements: statementsOf(names, layout) }
}

async function create(connections: Connections, { names, dataType, create, userIndex }: TableWish): Promise<void> {
  const text = createTable(names, dataType, userIndex)
  if (!create) throw new MissingTable('store-failed', `The table ${names.plain} is missing, and createTableIfMissing is off.`)
  try {
    await connections.runText(text)
  } catch (error) {
    if (codeOf(error) !== DENIED) throw error
    throw new MissingTable(
      'store-failed',
      `The table ${names.plain} is missing, and may not be created. Have this run once by who may: ${onOneLine(text)}`,
      error
    )
  }
}

/** @returns whether the column was added */
async function addUsers(connections: Connections, names: TableNames): Promise<boolean> {
  const text = addUserColumn(names)
  try {
    await connections.runText(text)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code !== DENIED && code !== LOCKED) throw error
    const why = code === LOCKED ? 'it was in use by a long transaction' : 'that is not permitted'
    const advice = `Have this run by its owner, then restart; or set userIndex: false. ${onOneLine(text)}`
    if (!warned.has(names))
      process.emitWarning(
        `Sessions cannot be found by their user: the table ${names.plain} has no column for it, and ${why}. ${advice}`,
        'SessileWarning'
      )
    warned.add(names)
    return false
  }
}

/** For messages: without what is there only because several processes do it at once. */
function onOneLine(text: string): string {
  return text
    .split(';')
    .map((part) => part.replace(/\s+/g, ' ').trim())
    .filter((part) => /^(CREATE|ALTER)/.test(part))
    .join('; ')
}
