import { now } from './clock.ts'

/** How many calls in a row must fail before the store counts as down. */
const FAILURES = 5
/** How long a store that is down is left alone before one call tries it again, ms. */
const REST_MS = 1000

/**
 * Keeps requests from queueing up before a store that is down: after some failures in a row calls fail at once, and one call
 * a second tries whether it is back. No restart is needed.
 */
export class Breaker {
  #failures = 0
  #restsUntil = 0

  /** Whether a call may go to the store now. While it is down, one call at a time may: the one that tries. */
  allows(): boolean {
    if (this.#failures < FAILURES) return true
    if (now() < this.#restsUntil) return false
    this.#restsUntil = now() + REST_MS
    return true
  }

  answered(): void {
    this.#failures = 0
  }

  failed(): void {
    this.#failures++
    if (this.#failures >= FAILURES) this.#restsUntil = now() + REST_MS
  }

  /** Whether the store counts as down. */
  get open(): boolean {
    return this.#failures >= FAILURES
  }
}
