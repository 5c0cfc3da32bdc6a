import type { MaybePromise, NewRecord } from './backend.ts'
import { now } from './clock.ts'
import { SessionError } from './errors.ts'
import type { EventHub, RenewReason } from './events.ts'
import type { Loaded, Stored } from './loaded.ts'
import { chain } from './maybe.ts'
import { joinText, type Meta } from './record-text.ts'
import { MAX_HOPS, MAX_TRIES, type Change, type RecordWriter } from './writer.ts'

/** How a new id is brought about. */
export interface Renewal {
  readonly reason: RenewReason
  /** Whether commits under way follow to the new id. Not when the session changes hands. */
  readonly follow: boolean
  /** How long loads with the old id still find the session, ms; 0 after a change of rights. */
  readonly overlapMs: number
}

/** How long the old key of a renewed session points to the new one: longer than any request that still holds it. */
const MARKER_MS = 60_000

export interface RenewalOptions {
  readonly events: EventHub
  readonly handleOf: (key: string) => string
  readonly create: (key: string, change: Change) => MaybePromise<Loaded>
}

/**
 * New ids for stored sessions. Two keys cannot be written in one step on every store, so the order is fixed and the old key
 * decides: the new record first, then the old one becomes a marker that points to it.
 */
export class Renewals {
  readonly #writer: RecordWriter
  readonly #options: RenewalOptions

  constructor(writer: RecordWriter, options: RenewalOptions) {
    this.#writer = writer
    this.#options = options
  }

  /** @returns `gone` when the session ended meanwhile; the new id is dead then too */
  renew(loaded: Loaded, newKey: string, change: Change, renewal: Renewal): MaybePromise<Loaded | 'gone'> {
    const compose = (): Change | undefined => {
      const merged = this.#writer.merged(loaded, change, loaded.stored)
      return merged && { ...merged, meta: { ...loaded.stored.meta, ...change.meta, r: now() } }
    }
    // where the store fails in between, the new record stays: whether the old key points to it cannot be told, and nobody knows its id
    const first = compose()
    if (!first) return this.#writer.late(loaded.key)
    return chain(this.#options.create(newKey, first), (created) => this.#retire(loaded, created, compose, renewal, 0))
  }

  #retire(
    loaded: Loaded,
    created: Loaded,
    compose: () => Change | undefined,
    renewal: Renewal,
    tries: number
  ): MaybePromise<Loaded | 'gone'> {
    if (tries > MAX_TRIES) throw new SessionError('conflict', `A new id was tried for ${MAX_TRIES} times.`)
    const { key, stored } = loaded
    const marker = this.#marker(stored, created.key, renewal)
    const done = (): Loaded => {
      this.#tell(key, stored, created, renewal)
      return created
    }
    return chain(this.#writer.swap(key, stored, marker), (result) => {
      if (result.outcome === 'done') return done()
      loaded.tried = marker.data
      const old = result.outcome === 'gone' ? undefined : this.#refreshSame(loaded)
      return chain(old, (found) => {
        if (found === 'landed') return done()
        if (!found) return chain(this.#writer.remove(created.key), () => this.#writer.late(key))
        return chain(this.#bringUpToDate(created, compose), (outcome) => {
          if (outcome === 'saved') return this.#retire(loaded, created, compose, renewal, tries + 1)
          // one that others found meanwhile stays
          return chain(outcome === 'gone' ? this.#writer.remove(created.key) : undefined, () => this.#writer.late(key))
        })
      })
    })
  }

  /** Lays into the new record what the old one has got since. */
  #bringUpToDate(created: Loaded, compose: () => Change | undefined): MaybePromise<'saved' | 'gone' | 'changed'> {
    return chain(this.#writer.tryOnce(created, compose), (outcome) => {
      if (outcome !== 'changed') return outcome
      return chain(this.#writer.refresh(created, MAX_HOPS), (found) => (found === 'landed' ? 'saved' : 'changed'))
    })
  }

  #tell(key: string, stored: Stored, created: Loaded, { reason }: Renewal): void {
    const { events, handleOf } = this.#options
    events.emit('renewed', () => ({
      handle: handleOf(created.key),
      previous: handleOf(key),
      reason,
      ...whose(created.stored.userId)
    }))
    if (reason !== 'routine') events.emit('ended', () => ({ handle: handleOf(key), ...whose(stored.userId), reason: 'renewed' }))
  }

  /** As `refresh`, but a session that another renewal moved counts as gone: one of two wins. */
  #refreshSame(loaded: Loaded): MaybePromise<'found' | 'landed' | undefined> {
    const { key } = loaded
    return chain(this.#writer.refresh(loaded, MAX_HOPS), (found) => (loaded.key === key ? found : undefined))
  }

  #marker(stored: Stored, newKey: string, renewal: Renewal): NewRecord {
    const cookie = /^\{"cookie":\{[^{}]*\}/.exec(stored.text)?.[0] ?? '{"cookie":{}'
    const meta: Meta = {
      n: newKey,
      ...(renewal.overlapMs > 0 ? { o: now() + renewal.overlapMs } : undefined),
      ...(renewal.follow ? { f: 1 as const } : undefined)
    }
    return { data: joinText(`${cookie}}`, this.#writer.stamped(meta)), expiresAt: now() + Math.max(MARKER_MS, renewal.overlapMs) }
  }
}

function whose(userId: string | undefined): { userId?: string } {
  return userId === undefined ? {} : { userId }
}
