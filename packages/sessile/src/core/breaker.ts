import { now } from './clock.ts'

/** How many calls in a row must fail before the store counts as down. */
const FAILURES = 5
/** For how long nothing may have been answered, ms: calls that waited for one missing part of a store all fail at once. */
const QUIET_MS = 100
/** How long a store that is down is left alone before one call tries it again, ms. */
const REST_MS = 1000

/**
 * Keeps requests from queueing up before a store that is down: after some failures in a row calls fail at once, and one call
 * a second tries whether it is back. No restart is needed. A store that answers others is not down: of a cluster that misses a node,
 * most sessions are there.
 */
export class Breaker {
  #failures = 0
  #underWay = 0
  #answeredAt = 0
  /** When the first of these failures was. */
  #failedAt = 0
  #isDown = false
  #restsUntil = 0

  /** Whether a call may go to the store now. While it is down, one call at a time may: the one that tries. */
  allows(): boolean {
    if (!this.#isDown) return true
    if (now() < this.#restsUntil) return false
    this.#restsUntil = now() + REST_MS
    return true
  }

  /** A call is not answered in the same tick. It is over by `ended`, whatever becomes of it, before that is told. */
  began(): void {
    this.#underWay++
  }

  ended(): void {
    this.#underWay--
  }

  /** @param at when; absent of a call that was answered in the same tick, by a store that has no parts */
  answered(at = 0): void {
    this.#failures = 0
    this.#isDown = false
    this.#answeredAt = at
  }

  /** A call ended with an error. What is still under way may be answered by another part of the store. */
  failed(): void {
    if (this.#failures === 0) this.#failedAt = now()
    const isSync = this.#answeredAt === 0
    this.#count(isSync || (this.#underWay === 0 && this.#isQuietSince(this.#failedAt)))
  }

  /** A call ended at its deadline: what is under way waits as well. */
  timedOut(): void {
    if (this.#failures === 0) this.#failedAt = now()
    this.#count(this.#isQuietSince(this.#answeredAt))
  }

  #isQuietSince(at: number): boolean {
    return Math.abs(now() - at) >= QUIET_MS
  }

  #count(isAll: boolean): void {
    this.#failures++
    if (this.#failures >= FAILURES && isAll) this.#isDown = true
    if (this.#isDown) this.#restsUntil = now() + REST_MS
  }

  /** Whether the store counts as down. */
  get open(): boolean {
    return this.#isDown
  }
}
