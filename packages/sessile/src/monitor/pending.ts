import { now } from '../core/clock.ts'
import type { Sightings } from './activity-record.ts'

/** Times of requests are kept as small integers, ms since then, which cost no memory of their own. */
const SINCE = now()

/** What was seen and not written yet. */
export class Pending {
  #seen: Sightings
  #expiresAt: number
  /** What was seen outlives none of this, whatever comes. */
  readonly #endsAt: number
  /** Requests that came since, and the last one's time. */
  #more = 0
  #pages = 0
  #lastAt = 0
  /** Whether it is pending still; false once it was written or given to another. */
  live = false
  /** A write whose answer was lost: what it was of, and the tag by which it is known should it have landed. */
  unsure: { readonly tag: string; readonly seen: Sightings; readonly told: () => void } | undefined

  constructor(seen: Sightings, expiresAt: number, endsAt = Infinity) {
    this.#seen = seen
    this.#expiresAt = expiresAt
    this.#endsAt = endsAt
  }

  /** One more request, like those before it. It is all that most requests cost, so it touches as little as can be. */
  again(at: number, counts: boolean): void {
    this.#lastAt = at - SINCE
    this.#more += 1
    if (counts) this.#pages += 1
  }

  /** Another object after each change. */
  get seen(): Sightings {
    if (this.#more > 0) this.#gather()
    return this.#seen
  }

  set seen(seen: Sightings) {
    this.#seen = seen
  }

  /** Moves with the last request. */
  get expiresAt(): number {
    if (this.#more > 0) this.#gather()
    return this.#expiresAt
  }

  set expiresAt(expiresAt: number) {
    this.#expiresAt = expiresAt
  }

  #gather(): void {
    const { pages, lastSeenAt } = this.#seen
    const last = Math.max(lastSeenAt, SINCE + this.#lastAt)
    this.#seen = { ...this.#seen, pages: pages + this.#pages, lastSeenAt: last }
    this.#expiresAt = Math.max(this.#expiresAt, Math.min(this.#expiresAt + last - lastSeenAt, this.#endsAt))
    this.#more = 0
    this.#pages = 0
  }
}
