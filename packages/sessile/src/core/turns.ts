import type { MaybePromise } from './backend.ts'
import { isPromise } from './maybe.ts'

/** One piece of work at a time per key, in this process, in the order of asking. Work on different keys runs side by side. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /**
   * Runs `work` when everything asked for before under this key has settled, in the same tick when nothing has to be waited for;
   * what it gives or throws is the caller's.
   */
  run<T>(key: string, work: () => Promise<T>): Promise<T>
  run<T>(key: string, work: () => MaybePromise<T>): MaybePromise<T>
  run<T>(key: string, work: () => MaybePromise<T>): MaybePromise<T> {
    const before = this.#last.get(key)
    const done = before ? before.then(work) : work()
    if (!isPromise(done)) return done
    const settled = done.then(nothing, nothing)
    this.#last.set(key, settled)
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key)
    })
    return done
  }
}

function nothing(): void {}
