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
import { expiresAtOf, type OlderForm } from './format.ts'
import { prepareOlderStatements, type OlderStatements } from './older-statements.ts'
import { pageOf, rowidOf } from './table.ts'

interface Row {
  readonly data: string | null
  readonly end: number | null
  readonly user_id: string | null
}

/** The sessions of an older package, in its own table. The version of one is its text. */
export class OlderTable implements SessionBackend {
  readonly name = 'sqlite'
  readonly traits: BackendTraits
  readonly #connection: Connection
  readonly #table: string
  readonly #form: OlderForm

  constructor(connection: Connection, table: string, form: OlderForm) {
    this.#connection = connection
    this.traits = { shared: connection.shared, atomicSwap: true }
    this.#table = table
    this.#form = form
  }

  open(): MaybePromise<void> {
    return this.#connection.read(() => void this.#statements)
  }

  read(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#connection.read(() => {
      const row = this.#statements.read.get(key, now()) as Row | undefined
      return row && recordOf(row)
    })
  }

  create(key: string, next: NewRecord): MaybePromise<CreateResult> {
    return this.#atomically((statements): CreateResult => {
      if (statements.create.run(now(), key, this.#endOf(next.expiresAt), next.data).changes !== 1) return TAKEN
      setUser(statements, key, next.userId)
      return { outcome: 'done', version: next.data }
    })
  }

  swap(key: string, expected: Version, next: NewRecord): MaybePromise<SwapResult> {
    if (typeof expected !== 'string') throw new SessionError('bad-argument', 'The version is not one of this store.')
    return this.#atomically((statements): SwapResult => {
      if (statements.swap.run(now(), key, expected, this.#endOf(next.expiresAt), next.data).changes !== 1)
        return statements.look.get(key, now()) ? CHANGED : GONE
      setUser(statements, key, next.userId)
      return { outcome: 'done', version: next.data }
    })
  }

  extend(key: string, expiresAt: number): MaybePromise<boolean> {
    return this.#connection.write(() => {
      const { extend, look } = this.#statements
      const { changes } = extend.run(now(), key, Math.ceil(expiresAt), this.#endOf(expiresAt))
      return changes === 1 || look.get(key, now()) !== undefined
    })
  }

  remove(key: string): MaybePromise<StoredRecord | undefined> {
    return this.#atomically((statements) => {
      const row = statements.find.get(key) as Row | undefined
      drop(statements, key)
      const record = row && recordOf(row)
      return record && record.expiresAt > now() ? record : undefined
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
      const moment = now()
      const end = this.#form.stored(moment)
      if (!this.#statements.anyDue.get(end, moment)) return []
      return this.#inTransaction((statements) => {
        const rows = statements.due.all(end, moment, limit) as unknown as (Row & { key: string })[]
        return rows.map(({ key, data, user_id: userId }) => {
          drop(statements, key)
          return userId === null ? { key, data: String(data) } : { key, data: String(data), userId }
        })
      })
    })
  }

  ping(): MaybePromise<void> {
    return this.#connection.read(() => void this.#statements.look.get('', 0))
  }

  get #statements(): OlderStatements {
    return this.#connection.made(this, (database) => prepareOlderStatements(database, this.#table, this.#form))
  }

  #endOf(expiresAt: number): number | string {
    return this.#form.stored(Math.ceil(expiresAt))
  }

  #atomically<T>(work: (statements: OlderStatements) => T): MaybePromise<T> {
    return this.#connection.write(() => this.#inTransaction(work))
  }

  /** Nobody else writes meanwhile. Whatever is thrown, "busy" as well, undoes it all. */
  #inTransaction<T>(work: (statements: OlderStatements) => T): T {
    const statements = this.#statements
    statements.begin.run()
    try {
      const done = work(statements)
      statements.commit.run()
      return done
    } catch (error) {
      undo(statements)
      throw error
    }
  }
}

/** Some errors have ended the transaction already. */
function undo({ rollback }: OlderStatements): void {
  try {
    rollback.run()
  } catch {}
}

function setUser({ setUser, clearUser }: OlderStatements, key: string, userId: string | undefined): void {
  if (userId === undefined) clearUser.run(key)
  else setUser.run(key, userId)
}

function drop({ remove, clearUser }: OlderStatements, key: string): void {
  remove.run(key)
  clearUser.run(key)
}

function recordOf({ data, end, user_id: userId }: Row): StoredRecord {
  // of what is no text nothing can be a session
  const text = String(data)
  const record = { data: text, version: text, expiresAt: expiresAtOf(end) }
  return userId === null ? record : { ...record, userId }
}
