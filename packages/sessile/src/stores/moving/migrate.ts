import { supports, type SessionBackend, type StoredRecord } from '../../core/backend.ts'
import { StoreCalls } from '../../core/calls.ts'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { resolveOptions } from '../../core/options.ts'
import type { UserIdOf } from '../../core/user-of.ts'
import { bothStores, copyOf, type StoreOrUrl } from './copies.ts'

/** What `migrateSessions` takes. */
export interface MigrateOptions {
  /** Where the sessions are. */
  readonly from: StoreOrUrl
  /** Where they are to be. */
  readonly to: StoreOrUrl
  /** Sessions that are moved at once. */
  readonly batch?: number
  /** Whether a session that is in the new store is taken out of the old one. Default: it stays there as a copy. */
  readonly remove?: boolean
  /** Only counts what would be done; nothing is written, but that opening a store makes a table that is missing. */
  readonly dryRun?: boolean
  /** As the option of `session()`, for records that the old store keeps without an index of users. */
  readonly userIdOf?: UserIdOf
  /** Told after each batch. */
  readonly onProgress?: (counts: MigrateCounts) => void
  /** Stops after the batch that is under way; what was moved stays. */
  readonly signal?: AbortSignal
  /** A store call that takes longer, in ms, fails. */
  readonly deadlineMs?: number
}

/** What became of the sessions: `read` is the sum of `moved`, `alreadyThere`, `expired` and `failed`. */
export interface MigrateCounts {
  readonly read: number
  readonly moved: number
  /** In the new store before, or ended there; left as it is. */
  readonly alreadyThere: number
  /** Of those already there: how many are not the same as in the old store. Those are never taken out of it. */
  readonly different: number
  readonly expired: number
  readonly failed: number
}

/** What `migrateSessions` did. */
export interface Migrated extends MigrateCounts {
  /** False when it was stopped by its signal. */
  readonly complete: boolean
  /** Why sessions failed, each reason once, with how many. */
  readonly failures: Readonly<Record<string, number>>
}

/** The defaults of `migrateSessions`. */
export const MIGRATE_DEFAULTS = { batch: 200, remove: false, dryRun: false, deadlineMs: 30_000 } as const satisfies Partial<MigrateOptions>

const KNOWN = [...Object.keys(MIGRATE_DEFAULTS), 'from', 'to', 'userIdOf', 'onProgress', 'signal']
const MAX_REASONS = 20

type Fate = 'moved' | 'same' | 'different' | 'expired' | { readonly error: unknown; readonly store: boolean }

/**
 * Copies all sessions of one store to another: ids, data, ends and users stay. What the new store has already is never overwritten.
 * May be stopped or killed at any time and run again: it goes on with what is missing. For an app that keeps running meanwhile, see
 * `movingFrom`; without it, the app must not write to the old store while this runs.
 * Stores given by URL are closed at the end, others stay open.
 * @throws SessionError `bad-option`, `bad-argument`, `unknown-store`, `not-supported` where the old store cannot list its sessions,
 * `store-failed` and `store-timeout` where a store does not answer
 */
export async function migrateSessions(given: MigrateOptions): Promise<Migrated> {
  type Known = MigrateOptions & Required<Pick<MigrateOptions, keyof typeof MIGRATE_DEFAULTS>>
  const options = resolveOptions<Known>('migrateSessions', MIGRATE_DEFAULTS as unknown as Known, given as Known, KNOWN)
  if (!Number.isInteger(options.batch) || options.batch < 1) throw new SessionError('bad-option', 'batch must be a whole number above 0.')
  const [from, to] = bothStores(options.from, options.to)
  try {
    if (!supports(from, 'scan')) throw new SessionError('not-supported', `The store ${from.name} cannot list its sessions.`)
    return await migrate(from, to, options)
  } finally {
    await Promise.allSettled([typeof options.from === 'string' && from.close?.(), typeof options.to === 'string' && to.close?.()])
  }
}

async function migrate(
  from: SessionBackend & Required<Pick<SessionBackend, 'scan'>>,
  to: SessionBackend,
  options: MigrateOptions & Required<Pick<MigrateOptions, keyof typeof MIGRATE_DEFAULTS>>
): Promise<Migrated> {
  const { batch, remove, dryRun, userIdOf, onProgress, signal, deadlineMs } = options
  const calls = { from: new StoreCalls(from, { deadlineMs, passErrors: false }), to: new StoreCalls(to, { deadlineMs, passErrors: false }) }
  const counts = { read: 0, moved: 0, alreadyThere: 0, different: 0, expired: 0, failed: 0 }
  const failures: Record<string, number> = {}

  async function present(key: string, record: StoredRecord): Promise<Fate> {
    const there = await calls.to.run('read', () => to.read(key))
    if (there === undefined) return 'moved'
    if (there.data === record.data) return 'same'
    // an app that runs meanwhile may have moved and changed it since it was listed
    return (await calls.from.run('read', () => from.read(key))) === undefined ? 'same' : 'different'
  }

  async function move(key: string, record: StoredRecord): Promise<Fate> {
    if (record.expiresAt <= now()) return 'expired'
    if (record.unreadable !== undefined) return { error: record.unreadable, store: false }
    if (dryRun) return present(key, record)
    const created = await calls.to.run('create', () => to.create(key, copyOf(record, userIdOf)))
    const fate = created.outcome === 'done' ? 'moved' : await present(key, record)
    // taken, and then gone: it ended there meanwhile
    const settled = created.outcome === 'taken' && fate === 'moved' ? 'same' : fate
    if (remove && settled !== 'different') await calls.from.run('remove', () => from.remove(key))
    return settled
  }

  async function fateOf({ key, record }: { key: string; record: StoredRecord }): Promise<Fate> {
    try {
      return await move(key, record)
    } catch (error) {
      return { error, store: true }
    }
  }

  let cursor: string | undefined
  do {
    if (signal?.aborted) return { ...counts, complete: false, failures }
    const page = await calls.from.run('scan', () => from.scan(cursor, batch))
    const fates = await Promise.all(page.records.map(fateOf))
    for (const fate of fates) {
      counts.read += 1
      if (fate === 'moved' || fate === 'expired') counts[fate] += 1
      else if (fate === 'same' || fate === 'different') counts.alreadyThere += 1
      else {
        counts.failed += 1
        const reason = fate.error instanceof Error ? fate.error.message : String(fate.error)
        if (failures[reason] !== undefined || Object.keys(failures).length < MAX_REASONS) failures[reason] = (failures[reason] ?? 0) + 1
      }
      if (fate === 'different') counts.different += 1
    }
    onProgress?.({ ...counts })
    // a store that is away would only fail for each of a million
    const [first] = fates
    if (typeof first === 'object' && fates.every((fate) => typeof fate === 'object' && fate.store)) throw first.error
    cursor = page.cursor
  } while (cursor !== undefined)
  return { ...counts, complete: true, failures }
}
