import type { SessionBackend, StoredRecord, Version } from '../core/backend.ts'
import type { StoreCalls } from '../core/calls.ts'
import { later, now, pause } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { newTag } from '../core/ids.ts'
import { Turns } from '../core/turns.ts'
import { endingOf, hidden, less, tagged, together, understood, written, type ActivityRecord, type Sightings } from './activity-record.ts'
import { Gathered, type Move } from './gathered.ts'
import { Pending } from './pending.ts'

/** Told of each record that was written, exactly once, whoever wrote it: what it was before, and what it is now. */
export type Told = (before: ActivityRecord | undefined, after: ActivityRecord, handle: string, expiresAt: number) => void

interface Lately {
  readonly version: Version
  readonly record: ActivityRecord
  readonly expiresAt: number
}

/** Longer than other processes keep counts of the old id to themselves. */
const MARKER_MS = 60_000
const MAX_TRIES = 64
const MAX_HOPS = 8
/** Sessions written at once: as many as a pipeline carries, as few as a store that answers in the same tick may hold the process up. */
const BATCH = 50

/** Gathers what is seen of sessions in memory and adds it to what other processes have stored, when told to. Keeps no time. */
export class ActivityLog extends Gathered {
  readonly #space: SessionBackend
  readonly #calls: StoreCalls
  readonly #maxPending: number
  readonly #told: Told
  /** Ends by their time whose answer was lost. */
  readonly #expiring = new Map<string, { readonly tag: string; readonly told: () => void }>()
  /** Where counts of another process's old ids went in this flush. */
  readonly #redirected = new Set<string>()
  /** What this process wrote last of a session: as long as nobody else writes it, it need not be read before the next time. */
  readonly #lately = new Map<string, Lately>()
  /** Sessions that other processes write as well: those are read first. */
  readonly #shared = new Set<string>()
  readonly #turns = new Turns()

  constructor(space: SessionBackend, calls: StoreCalls, maxPending: number, told: Told = () => {}) {
    super(maxPending)
    this.#told = told
    this.#space = space
    this.#calls = calls
    this.#maxPending = maxPending
  }

  /** All that is known of a session: what is stored, and what this process has seen since. */
  async read(handle: string): Promise<Sightings | undefined> {
    for (const [from, { to }] of this.moves) if (to === handle) await this.#follow(from)
    if (this.ended.has(handle)) return undefined
    return this.#turns.run(handle, async () => {
      const record = understood((await this.#calls.run('read', () => this.#space.read(handle)))?.data)
      const pending = this.pending.get(handle)
      const stored = record && 'seen' in record ? record.seen : undefined
      const landed = pending?.unsure && record?.tags.includes(pending.unsure.tag) ? pending.unsure.seen : undefined
      return together(stored, pending && landed ? less(pending.seen, landed) : pending?.seen)
    })
  }

  /**
   * Writes what is pending. What could not be written stays, for the next time.
   * @throws the first error of the store, after everything was tried
   */
  async flush(): Promise<void> {
    const errors: unknown[] = []
    const each = async (handles: Iterable<string>, write: (handle: string) => Promise<unknown>): Promise<void> => {
      const all = [...handles]
      for (let start = 0; start < all.length; start += BATCH) {
        if (start > 0) await new Promise<void>(later)
        await Promise.all(
          all.slice(start, start + BATCH).map((handle) =>
            write(handle).catch((error: unknown) => {
              errors.push(error)
            })
          )
        )
      }
    }
    await each(this.moves.keys(), (handle) => this.#follow(handle))
    await each(this.ended.keys(), (handle) => this.#forget(handle))
    await each(this.pending.keys(), (handle) => this.#write(handle))
    for (let hops = 0; this.#redirected.size > 0 && hops < MAX_HOPS; hops += 1) {
      const redirected = [...this.#redirected]
      this.#redirected.clear()
      await each(redirected, (handle) => this.#write(handle))
    }
    if (errors.length > 0) throw errors[0]
  }

  /** Forgets where a session came from and whose it was; its counts stay. */
  async hide(handle: string): Promise<void> {
    const pending = this.pending.get(handle)
    if (pending) pending.seen = hidden(pending.seen)
    await this.#turns.run(handle, () =>
      this.#retry(async () => {
        const stored = await this.#calls.run('read', () => this.#space.read(handle))
        const record = understood(stored?.data)
        if (!record || !('seen' in record)) return true
        const after = { seen: hidden(record.seen), tags: record.tags }
        const next = { data: written(after), expiresAt: stored!.expiresAt }
        const { outcome } = await this.#calls.run('swap', () => this.#space.swap(handle, stored!.version, next))
        if (outcome === 'done') this.#told(record, after, handle, next.expiresAt)
        return outcome !== 'changed'
      })
    )
  }

  /**
   * Notes the end of a session that ran out where nobody else tells it.
   * @param slackMs what was seen outlives its session by so much
   * @returns `expired` to one caller only, of all processes; when it is to be looked at again; or `over`, when its end is known
   */
  async expire(handle: string, slackMs: number): Promise<'expired' | 'over' | number> {
    let answer: 'expired' | 'over' | number = 'over'
    await this.#turns.run(handle, () =>
      this.#retry(async () => {
        const stored = await this.#calls.run('read', () => this.#space.read(handle))
        const record = understood(stored?.data)
        answer = 'over'
        const unsure = this.#expiring.get(handle)
        this.#expiring.delete(handle)
        if (unsure && record?.tags.includes(unsure.tag)) {
          answer = 'expired'
          unsure.told()
          return true
        }
        if (!stored || !record || !('seen' in record) || this.ended.has(handle) || this.moves.has(handle)) return true
        const endsAt = stored.expiresAt - slackMs
        const pending = this.pending.get(handle)
        if (endsAt > now() || pending) {
          answer = Math.max(endsAt, now() + 1, (pending?.expiresAt ?? 0) - slackMs)
          return true
        }
        const end = { reason: 'expired', at: Math.round(endsAt) } as const
        const tag = newTag()
        const after = { ending: endingOf(record, undefined, end), tags: tagged(record, tag) }
        const next = { data: written(after), expiresAt: now() + MARKER_MS }
        const told = () => this.#told(record, after, handle, next.expiresAt)
        this.#expiring.set(handle, { tag, told })
        const { outcome } = await this.#calls.run('swap', () => this.#space.swap(handle, stored.version, next))
        this.#expiring.delete(handle)
        if (outcome === 'changed') return false
        if (outcome === 'done') {
          answer = 'expired'
          told()
        }
        return true
      })
    )
    return answer
  }

  /** Leaves of a session that is over what it came to, for a minute. */
  #forget(handle: string): Promise<void> {
    return this.#turns.run(handle, () =>
      this.#retry(async () => {
        const end = this.ended.get(handle)
        if (!end) return true
        const stored = await this.#calls.run('read', () => this.#space.read(handle))
        const record = understood(stored?.data)
        const { rest, unsure } = end
        if (unsure && record?.tags.includes(unsure.tag)) return this.#over(handle, unsure.told)
        delete end.unsure
        if (rest?.unsure) {
          if (record?.tags.includes(rest.unsure.tag)) {
            rest.unsure.told()
            rest.seen = less(rest.seen, rest.unsure.seen)
          }
          rest.unsure = undefined
        }
        if (record && 'movedTo' in record) {
          this.ended.delete(handle)
          if (rest) this.note(record.movedTo, rest.seen, rest.expiresAt)
          return true
        }
        const tag = newTag()
        const after = { ending: endingOf(record, rest?.seen, end), tags: tagged(record, tag) }
        const next = { data: written(after), expiresAt: now() + MARKER_MS }
        const told = () => this.#told(record, after, handle, next.expiresAt)
        end.unsure = { tag, told }
        const { outcome } = stored
          ? await this.#calls.run('swap', () => this.#space.swap(handle, stored.version, next))
          : await this.#calls.run('create', () => this.#space.create(handle, next))
        if (outcome === 'done') return this.#over(handle, told)
        delete end.unsure
        return false
      })
    )
  }

  #over(handle: string, told: () => void): true {
    this.ended.delete(handle)
    told()
    return true
  }

  /** Adds what is pending of one session to what is stored. */
  #write(handle: string): Promise<void> {
    return this.#turns.run(handle, () =>
      this.#retry(async () => {
        const pending = this.pending.get(handle)
        if (!pending) return true
        const lately = this.#lately.get(handle)
        this.#lately.delete(handle)
        const stored = lately ?? (await this.#calls.run('read', () => this.#space.read(handle)))
        // the session may have got a new id, or ended, while the store was asked
        if (this.pending.get(handle) !== pending) return false
        const record = lately ? lately.record : understood((stored as StoredRecord | undefined)?.data)
        if (pending.unsure) {
          if (record?.tags.includes(pending.unsure.tag)) {
            pending.unsure.told()
            this.settle(handle, pending, pending.unsure.seen)
          }
          pending.unsure = undefined
          return false
        }
        if (record && 'movedTo' in record) {
          this.drop(handle)
          this.note(record.movedTo, pending.seen, pending.expiresAt)
          this.#redirected.add(record.movedTo)
          return true
        }
        const tag = newTag()
        const { seen } = pending
        const isOver = record !== undefined && 'ending' in record
        const after: ActivityRecord = isOver
          ? { ending: endingOf(record, seen), tags: tagged(record, tag) }
          : { seen: together(record?.seen, seen)!, tags: tagged(record, tag) }
        const expiresAt = isOver ? stored!.expiresAt : Math.max(stored?.expiresAt ?? 0, pending.expiresAt)
        const next = { data: written(after), expiresAt }
        const told = () => this.#told(record, after, handle, expiresAt)
        pending.unsure = { tag, seen, told }
        const result = stored
          ? await this.#calls.run('swap', () => this.#space.swap(handle, stored.version, next))
          : await this.#calls.run('create', () => this.#space.create(handle, next))
        pending.unsure = undefined
        if (result.outcome !== 'done') {
          if (lately) this.#shared.add(handle)
          return false
        }
        if (!isOver && !this.#shared.has(handle)) this.#remember(handle, { version: result.version, record: after, expiresAt })
        told()
        this.settle(handle, pending, seen)
        return true
      })
    )
  }

  #remember(handle: string, lately: Lately): void {
    if (this.#lately.size >= this.#maxPending) this.#lately.clear()
    this.#lately.set(handle, lately)
  }

  /** What was written lately is read again before the next time. */
  forget(): void {
    this.#lately.clear()
    this.#shared.clear()
  }

  /** Takes the counts of an old id along, and leaves word for processes that still hold some. */
  #follow(from: string): Promise<void> {
    return this.#turns.run(from, () =>
      this.#retry(async () => {
        const move = this.moves.get(from)
        if (!move) return true
        const stored = await this.#calls.run('read', () => this.#space.read(from))
        const record = understood(stored?.data)
        if (move.unsure && record?.tags.includes(move.unsure.tag)) return this.#moved(from, move, move.unsure.taken, move.unsure.told)
        if (record && 'ending' in record) return this.#moved(from, move, undefined, () => {})
        const mine = this.pending.get(from)
        if (mine?.unsure && record?.tags.includes(mine.unsure.tag)) {
          mine.unsure.told()
          this.settle(from, mine, mine.unsure.seen)
        }
        if (mine) mine.unsure = undefined
        const tag = newTag()
        const taken = record && 'seen' in record ? new Pending(record.seen, stored!.expiresAt) : undefined
        const after = { movedTo: move.to, tags: tagged(record, tag) }
        const next = { data: written(after), expiresAt: now() + MARKER_MS }
        const told = () => this.#told(record, after, from, next.expiresAt)
        move.unsure = { tag, taken, told }
        const { outcome } = stored
          ? await this.#calls.run('swap', () => this.#space.swap(from, stored.version, next))
          : await this.#calls.run('create', () => this.#space.create(from, next))
        if (outcome === 'done') return this.#moved(from, move, taken, told)
        delete move.unsure
        return false
      })
    )
  }

  #moved(from: string, move: Move, taken: Pending | undefined, told: () => void): true {
    told()
    this.moves.delete(from)
    if (taken) this.note(move.to, taken.seen, taken.expiresAt)
    const mine = this.pending.get(from)
    if (mine) {
      this.drop(from)
      this.note(move.to, mine.seen, mine.expiresAt)
    }
    return true
  }

  async #retry(attempt: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (tries >= 4) await pause(Math.random() * tries)
      if (await attempt()) return
    }
    throw new SessionError('conflict', 'What was seen of a session could not be stored; it is tried again later.')
  }
}
