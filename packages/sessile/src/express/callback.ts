import type { MaybePromise } from '../core/backend.ts'
import { later } from '../core/clock.ts'
import { isPromise } from '../core/maybe.ts'

/** What a method with an optional callback is called back with. */
export type Callback<T = unknown> = (error?: unknown, value?: T) => void

/**
 * Runs `work` for a caller that gave a callback or wants a promise. A callback always runs in a later turn, so that calling
 * again from inside it never grows the stack; what it throws is thrown there, as from any callback.
 * @returns the promise when there is no callback; when nobody looks at it, its failure is nobody's unhandled rejection
 */
export function settle<T>(work: () => MaybePromise<T>, callback: Callback<T> | undefined): Promise<T> | undefined {
  if (typeof callback !== 'function') {
    const promise = new Promise<T>((resolve) => resolve(work()))
    promise.catch(nothing)
    return promise
  }
  try {
    const answer = work()
    if (isPromise(answer))
      answer.then(
        (value) => later(() => call(callback, value)),
        (error: unknown) => later(() => callback(error))
      )
    else later(() => call(callback, answer))
  } catch (error) {
    later(() => callback(error))
  }
  return undefined
}

/** As express-session's stores: no arguments where there is no value. */
function call<T>(callback: Callback<T>, value: T): void {
  if (value === undefined) callback()
  else callback(null, value)
}

/** Throws outside of every promise, so that it is an uncaught exception and not an unhandled rejection. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

function nothing(): void {}
