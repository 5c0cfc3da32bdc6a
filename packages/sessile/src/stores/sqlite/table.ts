import { CHANGED, GONE, TAKEN } from '../../core/backend.ts'
import type {
  BackendTraits,
  CreateResult,
  ExpiredRecord,
  MaybePromise,
  NewRecord,
  ScanPage,
  SessionBackend,
  StoredRecord,
  SwapResult,
  Version
} from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import type { Connection } from './connection.ts'
import { FREE_PAGES, FREE_PAGES_KEPT, prepareStatements, SHRINK } from './statements.ts'
import type { Statements } from './statements.ts'

/** Rounds of one sweep, each of up to `limit` records whose time to be looked at has come. */
const SWEEP_ROUNDS = 10

interface Row {
  readonly data: string
  readonly version: number
  readonly expires_at: number
  readonly user_id: string | null
}

/** One table of records, of ours. */
export class SqliteTable implements SessionBackend {
  readonly name = 'sqlite'
  readonly traits: BackendTraits
  readonly #connection: Connection
  readonly #nameOf: () => string

  /** @param nameOf asked at the first use; it may throw "busy" */
  constructor(connection: Connection, nameOf: () => string) {
    this.#connection = connection
    this.traits = { shared: connection.shared, atomicSwap: true }
    this.#nameOf = nameOf
  }

  open(): MaybePromise<void> {
    return this.#connection.read(() => void this.#statements)
  }

  read(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#connection.read(() => {
      const found = this.#statements.read.get(key, now()) as unknown as [string, number, number, string | null] | undefined
      if (found === undefined) return undefined
      const [data, version, expiresAt, userId] = found
      return userId === null ? { data, version, expiresAt } : { data, version, expiresAt, userId }
    })
  }

  create(key: string, next: NewRecord): MaybePromise<CreateResult> {
    return this.#connection.write(() => {
      const version = newVersion()
      const { changes } = this.#statements.create.run(now(), key, version, expiryOf(next), next.userId ?? null, next.data)
      return changes === 1 ? { outcome: 'done', version } : TAKEN
    })
  }

  swap(key: string, expected: Version, next: NewRecord): MaybePromise<SwapResult> {
    if (typeof expected !== 'number') throw new SessionError('bad-argument', 'The version is not one of this store.')
    return this.#connection.write(() => {
      const version = newVersion()
      const given = [now(), key, expected, version, expiryOf(next), next.userId ?? null, next.data] as const
      if (this.#statements.swap.run(...given).changes === 1) return { outcome: 'done', version }
      // a version never comes back, so one that is not there now cannot be there later: looking apart from writing is safe
      if (this.#versionOf(key) === expected && this.#statements.swapAll.run(...given).changes === 1) return { outcome: 'done', version }
      return this.#versionOf(key) === undefined ? GONE : CHANGED
    })
  }

  extend(key: string, expiresAt: number): MaybePromise<boolean> {
    return this.#connection.write(() => {
      const { changes } = this.#statements.extend.run(now(), key, Math.ceil(expiresAt))
      return changes === 1 || this.#versionOf(key) !== undefined
    })
  }

  remove(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#connection.write(() => {
      const row = this.#statements.remove.get(key) as Row | undefined
      return row && row.expires_at > now() ? recordOf(row) : undefined
    })
  }

  keysOfUser(userId: string): MaybePromise<readonly string[]> {
    return this.#connection.read(() => this.#statements.keysOfUser.all(userId, now()).map((row) => row['key'] as string))
  }

  scan(cursor: string | undefined, limit: number): MaybePromise<ScanPage> {
    const after = rowidOf(cursor)
    return this.#connection.read(() => {
      const rows = this.#statements.scan.all(after, now(), limit) as unknown as (Row & { id: number; key: string })[]
      return pageOf(rows, limit, recordOf)
    })
  }

  removeExpired(limit: number): MaybePromise<readonly ExpiredRecord[]> {
    return this.#connection.write(() => {
      const removed: ExpiredRecord[] = []
      try {
        this.#sweep(limit, removed)
        if (removed.length > 0) this.#shrink()
      } catch (error) {
        // what is deleted is told by nobody else, so it counts more than why there is not more of it
        if (removed.length === 0) throw error
      }
      return removed
    })
  }

  ping(): MaybePromise<void> {
    return this.#connection.read(() => void this.#statements.anyDue.get(0))
  }

  /** Prepared once; the table is created on the way. Throws "busy" like every statement, and then does it again. */
  get #statements(): Statements {
    return this.#connection.made(this, (database) => prepareStatements(database, this.#nameOf(), this.#connection.isReadOnly))
  }

  #versionOf(key: string): number | undefined {
    return this.#statements.look.get(key, now())?.['version'] as number | undefined
  }

  #sweep(limit: number, removed: ExpiredRecord[]): void {
    for (let round = 0; round < SWEEP_ROUNDS && removed.length < limit; round++) {
      if (this.#statements.anyDue.get(now()) === undefined) return
      const lookAt = limit - removed.length
      this.#statements.requeue.run(now(), lookAt)
      const rows = this.#statements.sweep.all(now(), lookAt) as unknown as (Row & { key: string })[]
      for (const { key, data, user_id: userId } of rows) removed.push(userId === null ? { key, data } : { key, data, userId })
    }
  }

  #shrink(): void {
    const free = this.#connection.database.prepare(FREE_PAGES).get()?.['freelist_count'] as number
    if (free > FREE_PAGES_KEPT) this.#connection.database.exec(SHRINK)
  }
}

/** Where a scan goes on. @throws SessionError `bad-argument` */
export function rowidOf(cursor: string | undefined): number {
  const rowid = cursor === undefined ? 0 : Number(cursor)
  if (!Number.isInteger(rowid)) throw new SessionError('bad-argument', 'The cursor is not one of this store.')
  return rowid
}

export function pageOf<R extends { id: number; key: string }>(
  rows: readonly R[],
  limit: number,
  recordOf: (row: R) => StoredRecord
): ScanPage {
  const records = rows.map((row) => ({ key: row.key, record: recordOf(row) }))
  const last = rows.at(-1)
  return { records, cursor: last && rows.length >= limit ? String(last.id) : undefined }
}

function recordOf(row: Row): StoredRecord {
  const { data, version, expires_at: expiresAt, user_id: userId } = row
  return userId === null ? { data, version, expiresAt } : { data, version, expiresAt, userId }
}

/** A fraction of a millisecond would be stored as a float; rounding up is allowed (law 9). */
function expiryOf(next: NewRecord): number {
  return Math.ceil(next.expiresAt)
}

/**
 * 53 random bits: never the same again for one key, also when it was removed and made anew, by whichever process.
 * A counter in the row could not promise that.
 */
function newVersion(): number {
  return Math.floor(Math.random() * 2 ** 53)
}
