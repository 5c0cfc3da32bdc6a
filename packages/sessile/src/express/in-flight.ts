import type { MaybePromise } from '../core/backend.ts'
import { isPromise } from '../core/maybe.ts'

/** Operations of one request that are under way. */
export class InFlight {
  /** Settles with those that decide which session it is: what comes next waits for it. */
  #gate: Promise<unknown> | undefined
  #all: Promise<unknown> | undefined

  /** Settles when all that are under way now have; `undefined` when none is. */
  get settled(): Promise<unknown> | undefined {
    return this.#all
  }

  /**
   * Runs an operation, after the gates before it.
   * @param isGate whether it decides which session the request has
   */
  run<T>(work: () => MaybePromise<T>, isGate: boolean): MaybePromise<T> {
    const answer = this.#gate ? this.#gate.then(work) : work()
    if (!isPromise(answer)) return answer
    const settled = Promise.allSettled([answer, this.#all])
    this.#all = settled
    if (isGate) this.#gate = settled
    void settled.then(() => {
      if (this.#all === settled) this.#all = undefined
      if (this.#gate === settled) this.#gate = undefined
    })
    return answer
  }
}
