import { now } from '../core/clock.ts'
import { less, together, type EndReason, type Sightings } from './activity-record.ts'
import { Pending } from './pending.ts'

/** A session that is over, and what this process had not written of it. */
export interface End {
  readonly reason: EndReason
  readonly at: number
  rest: Pending | undefined
  unsure?: { readonly tag: string; readonly told: () => void }
}

/** A session that got a new id: its counts are to follow. */
export interface Move {
  readonly to: string
  /** What was taken along by a write whose answer was lost. */
  unsure?: { readonly tag: string; readonly taken: Pending | undefined; readonly told: () => void }
}

/** What this process has seen of sessions and not stored yet: requests, new ids, ends. */
export class Gathered {
  readonly pending = new Map<string, Pending>()
  readonly moves = new Map<string, Move>()
  readonly ended = new Map<string, End>()
  readonly #maxPending: number

  constructor(maxPending: number) {
    this.#maxPending = maxPending
  }

  /**
   * Notes what was seen; nothing is stored yet.
   * @param expiresAt when the session ends, as far as is known now
   * @param endsAt when it ends at the latest
   * @returns what is pending of the session now
   */
  note(handle: string, seen: Sightings, expiresAt: number, endsAt?: number): Pending {
    const present = this.pending.get(handle)
    if (present) {
      present.seen = together(present.seen, seen)!
      present.expiresAt = Math.max(present.expiresAt, expiresAt)
      return present
    }
    if (this.pending.size >= this.#maxPending) this.drop(this.pending.keys().next().value!)
    const made = new Pending(seen, expiresAt, endsAt)
    made.live = true
    this.pending.set(handle, made)
    return made
  }

  /** What is pending of a session is nobody's any more. */
  drop(handle: string): void {
    const present = this.pending.get(handle)
    if (!present) return
    present.live = false
    this.pending.delete(handle)
  }

  /** The session has a new id now. */
  move(from: string, to: string): void {
    const present = this.pending.get(from)
    if (present && !present.unsure) {
      this.drop(from)
      this.note(to, present.seen, present.expiresAt)
    }
    this.moves.set(from, { to })
  }

  /** The session is over. */
  end(handle: string, reason: EndReason = 'destroyed', at = now()): void {
    const rest = this.pending.get(handle)
    this.drop(handle)
    const present = this.ended.get(handle)
    if (!present) this.ended.set(handle, { reason, at, rest })
    else if (rest) present.rest = present.rest ? new Pending(together(present.rest.seen, rest.seen)!, 0) : rest
  }

  /** How many sessions have something pending. */
  get size(): number {
    return this.pending.size
  }

  /** What was written is no longer pending; what came meanwhile is. */
  settle(handle: string, pending: Pending, seen: Sightings): void {
    if (pending.seen === seen) {
      if (this.pending.get(handle) === pending) this.drop(handle)
    } else {
      pending.seen = less(pending.seen, seen)
    }
  }
}
