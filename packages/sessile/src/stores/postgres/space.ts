import type { CreateResult, ExpiredRecord, NewRecord, StoredRecord } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { MissingTable, type FoundTable } from './schema.ts'
import { PostgresTable } from './table.ts'

const REFUSED_MS = 60_000

/**
 * A table beside the sessions. Where it is missing and may not be created, nothing is in it: so a role without that right can
 * still serve sessions, and is told when something is to be written. After a minute it is looked for again.
 */
export class PostgresSpace extends PostgresTable {
  #refused: MissingTable | undefined
  #refusedUntil = 0

  override read(key: string): Promise<StoredRecord | undefined> {
    return super.read(key).catch(ifMissing(undefined))
  }

  override async create(key: string, next: NewRecord): Promise<CreateResult> {
    try {
      return await super.create(key, next)
    } catch (error) {
      if (!(error instanceof MissingTable)) throw error
      throw new SessionError('not-supported', error.message, error)
    }
  }

  override removeExpired(limit: number): Promise<readonly ExpiredRecord[]> {
    return super.removeExpired(limit).catch(ifMissing([]))
  }

  protected override async found(): Promise<FoundTable> {
    if (this.#refused && now() < this.#refusedUntil) throw this.#refused
    try {
      return await super.found()
    } catch (error) {
      if (error instanceof MissingTable) {
        this.#refused = error
        this.#refusedUntil = now() + REFUSED_MS
      }
      throw error
    }
  }
}

function ifMissing<T>(answer: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof MissingTable) return answer
    throw error
  }
}
