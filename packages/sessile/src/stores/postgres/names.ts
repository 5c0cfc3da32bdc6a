import { createHash } from 'node:crypto'

const MAX_NAME = 63

/** A table, with the names of what belongs to it, quoted for SQL. */
export class TableNames {
  /** `"schema"."table"`. */
  readonly table: string
  /** As people write it. */
  readonly plain: string
  /** What removals are told on. */
  readonly channel: string
  readonly #name: string

  constructor(schemaName: string, tableName: string) {
    this.#name = tableName
    this.plain = schemaName === '' ? tableName : `${schemaName}.${tableName}`
    this.table = schemaName === '' ? quoted(tableName) : `${quoted(schemaName)}.${quoted(tableName)}`
    this.channel = fitting(this.plain, ' removed')
  }

  /** The name of an index, which stands in the schema of its table by itself. */
  readonly index = (what: string): string => quoted(fitting(this.#name, `_${what}`))
}

/** Makes any text a name (CVE-2019-15658 was a name that was put in as it came). */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** PostgreSQL cuts long names off, and two might become one. */
function fitting(name: string, ending: string): string {
  const whole = `${name}${ending}`
  if (Buffer.byteLength(whole) <= MAX_NAME) return whole
  return `sessile_${createHash('sha256').update(name).digest('hex').slice(0, 16)}${ending}`
}
