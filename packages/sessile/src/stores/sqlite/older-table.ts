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
import { userOf } from '../../core/user-of.ts'
import type { Connection } from './connection.ts'
import { expiresAtOf, type OlderForm } from './format.ts'
import { prepareOlderStatements, type OlderStatements } from './older-statements.ts'
import { pageOf, rowidOf } from './table.ts'

/** How many sessions are noted at a time, while nobody else writes. */
const BATCH = 1000

interface Row {
  readonly id: number
  readonly key: string
  readonly data: string | null
  readonly end: number | null
  readonly user_id: string | null
  /** 1 where nobody but us has written it since it was noted whose it is. */
  readonly noted: number
}

/** The sessions of an older package, in its own table. The version of one is its text. */
export class OlderTable implements SessionBackend {
  readonly name = 'sqlite'
  readonly traits: BackendTraits
  readonly #connection: Connection
  readonly #table: string
  readonly #form: OlderForm
  /** Of `othersWrites`. */
  #notedUpTo: unknown

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
      statements.note.run(key, next.userId ?? null)
      return { outcome: 'done', version: next.data }
    })
  }

  swap(key: string, expected: Version, next: NewRecord): MaybePromise<SwapResult> {
    if (typeof expected !== 'string') throw new SessionError('bad-argument', 'The version is not one of this store.')
    return this.#atomically((statements): SwapResult => {
      if (statements.swap.run(now(), key, expected, this.#endOf(next.expiresAt), next.data).changes !== 1)
        return statements.look.get(key, now()) ? CHANGED : GONE
      statements.note.run(key, next.userId ?? null)
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
    return this.#connection.write(() => {
      if (!this.#connection.isReadOnly) this.#noteOthers()
      return this.#statements.keysOfUser.all(userId, now()).map((row) => row['key'] as string)
    })
  }

  /** Notes whose the sessions are that an older writer has written. What is written meanwhile is seen the next time. */
  #noteOthers(): void {
    const { othersWrites, unnoted } = this.#statements
    const written = othersWrites.get()?.['data_version']
    if (written === this.#notedUpTo) return
    const ids = unnoted.all().map(({ id }) => id as number)
    for (let at = 0; at < ids.length; at += BATCH) {
      this.#inTransaction(({ numbered, note }) => {
        for (const id of ids.slice(at, at + BATCH)) {
          const row = numbered.get(id) as Row | undefined
          if (row) note.run(row.key, userOfRow(row) ?? null)
        }
      })
    }
    this.#notedUpTo = written
  }

  scan(cursor: string | undefined, limit: number): MaybePromise<ScanPage> {
    const after = rowidOf(cursor)
    return this.#connection.read(() => {
      const rows = this.#statements.scan.all(after, now(), limit) as unknown as Row[]
      return pageOf(rows, limit, recordOf)
    })
  }

  removeExpired(limit: number): MaybePromise<readonly ExpiredRecord[]> {
    return this.#connection.write(() => {
      const moment = now()
      const end = this.#form.stored(moment)
      if (!this.#statements.anyDue.get(end, moment)) return []
      return this.#inTransaction((statements) => {
        const rows = statements.due.all(end, moment, limit) as unknown as Row[]
        return rows.map((row) => {
          const { key } = row
          drop(statements, key)
          const { data, userId } = recordOf(row)
          return userId === undefined ? { key, data } : { key, data, userId }
        })
      })
    })
  }

  ping(): MaybePromise<void> {
    return this.#connection.read(() => void this.#statements.look.get('', 0))
  }

  get #statements(): OlderStatements {
    return this.#connection.made(this, (database) => prepareOlderStatements(database, this.#table, this.#form, this.#connection.isReadOnly))
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

function drop({ remove, forget }: OlderStatements, key: string): void {
  remove.run(key)
  forget.run(key)
}

function recordOf(row: Row): StoredRecord {
  // of what is no text nothing can be a session
  const data = String(row.data)
  const record = { data, version: data, expiresAt: expiresAtOf(row.end) }
  const userId = userOfRow(row)
  return userId === undefined ? record : { ...record, userId }
}

/**
 * Whose a session is: as it was noted, and by its text where an older writer has written it since. Where the text says nothing, an app
 * with a rule of its own may still know the user by it, so what was noted counts further.
 */
function userOfRow({ data, user_id: userId, noted }: Row): string | undefined {
  return (noted === 0 ? userOfText(data) : undefined) ?? userId ?? undefined
}

function userOfText(data: string | null): string | undefined {
  if (!data || !(data.includes('"userId":') || data.includes('"passport":'))) return undefined
  try {
    return userOf(JSON.parse(data) as object)
  } catch {
    return undefined
  }
}
