import { CHANGED, GONE, TAKEN } from '../../core/backend.ts'
import type {
  BackendTraits,
  CreateResult,
  ExpiredRecord,
  NewRecord,
  ScanPage,
  SessionBackend,
  StoredRecord,
  SwapResult,
  Version
} from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import type { Connections, PgRow } from './client.ts'
import { expiredOf, recordOf, secondsOf, versionOf } from './format.ts'
import { findTable, type TableWish, type FoundTable } from './schema.ts'
import type { Statements } from './statements.ts'

/** Expired records that one statement removes. */
const REMOVED_AT_ONCE = 100

/** One table of records. It is looked for at the first use. */
export class PostgresTable implements SessionBackend {
  readonly name = 'postgres'
  readonly traits: BackendTraits = { shared: true, atomicSwap: true }
  protected readonly connections: Connections
  protected readonly wish: TableWish
  #found: FoundTable | undefined
  #finding: Promise<FoundTable> | undefined

  constructor(connections: Connections, wish: TableWish) {
    this.connections = connections
    this.wish = wish
  }

  async open(): Promise<void> {
    await this.found()
  }

  async read(key: string): Promise<StoredRecord | undefined> {
    const { statements } = this.#found ?? (await this.found())
    const [row] = await this.connections.read(statements.read, [key, secondsOf(now())])
    return row && recordOf(row)
  }

  async create(key: string, next: NewRecord): Promise<CreateResult> {
    const [row] = await this.#write('create', 'create', [key, secondsOf(now()), secondsOf(next.expiresAt), next.data], next)
    return row ? { outcome: 'done', version: row['version']! } : TAKEN
  }

  async swap(key: string, expected: Version, next: NewRecord): Promise<SwapResult> {
    const given = [key, secondsOf(now()), versionOf(expected), secondsOf(next.expiresAt), next.data]
    const [row] = await this.#write('swap', 'swapUnlessLocked', given, next)
    if (!row) return GONE
    const version = row['version']
    return version == null ? CHANGED : { outcome: 'done', version }
  }

  async extend(key: string, expiresAt: number): Promise<boolean> {
    const { statements } = this.#found ?? (await this.found())
    const given = [key, secondsOf(now()), secondsOf(expiresAt)]
    return (await this.connections.write(statements.extend, statements.extendUnlessLocked, given)).length > 0
  }

  async remove(key: string): Promise<StoredRecord | undefined> {
    return aliveOf(await this.ask('remove', [key]))
  }

  async scan(cursor: string | undefined, limit: number): Promise<ScanPage> {
    const rows = await this.ask('scan', [cursor ?? '', secondsOf(now()), limit])
    const records = rows.map((row) => ({ key: row['key']!, record: recordOf(row) }))
    return { records, cursor: rows.length < limit ? undefined : records.at(-1)!.key }
  }

  /** In short statements: what one has locked is locked to its end. What is removed is told, also where a later one fails. */
  async removeExpired(limit: number): Promise<readonly ExpiredRecord[]> {
    const removed: ExpiredRecord[] = []
    while (removed.length < limit) {
      const most = Math.min(limit - removed.length, REMOVED_AT_ONCE)
      try {
        const rows = await this.ask('removeExpired', [secondsOf(now()), most])
        for (const row of rows) removed.push(expiredOf(row))
        if (rows.length < most) break
      } catch (error) {
        if (removed.length === 0) throw error
        break
      }
    }
    return removed
  }

  protected async ask(operation: keyof Statements, values: unknown[]): Promise<readonly PgRow[]> {
    const { statements } = this.#found ?? (await this.found())
    return this.connections.run(statements[operation], values)
  }

  async #write(
    operation: keyof Statements,
    unlessLocked: keyof Statements,
    values: unknown[],
    { userId }: NewRecord
  ): Promise<readonly PgRow[]> {
    const { statements, layout } = this.#found ?? (await this.found())
    const given = layout.user ? [...values, userId ?? null] : values
    return this.connections.write(statements[operation], statements[unlessLocked], given)
  }

  /** The table, created where it is missing. A failure is not remembered. */
  protected found(): Promise<FoundTable> {
    this.#finding ??= findTable(this.connections, this.wish).then(
      (found) => (this.#found = found),
      (error: unknown) => {
        this.#finding = undefined
        throw error
      }
    )
    return this.#finding
  }

  /** The table may have got what it lacked: it is looked for again. */
  protected findAgain(): Promise<FoundTable> {
    this.#finding = undefined
    return this.found()
  }
}

/** What a deletion returned, if it was still alive. */
export function aliveOf([row]: readonly PgRow[]): StoredRecord | undefined {
  const record = row && recordOf(row)
  return record && record.expiresAt > now() ? record : undefined
}
