import type { MaybePromise } from './backend.ts'

/** Whether an answer comes later. Stores may answer with any thenable. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function'
}

/** Goes on with an answer: in the same tick when it is there already, so that a store that answers at once costs no promise. */
export function chain<T, R>(answer: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isPromise(answer) ? answer.then(next) : next(answer)
}

/** Runs `call`; what it throws, now or later, goes to `failed`. */
export function attempt<T>(call: () => MaybePromise<T>, failed: (error: unknown) => MaybePromise<T>): MaybePromise<T> {
  try {
    const answer = call()
    return isPromise(answer) ? answer.then(undefined, failed) : answer
  } catch (error) {
    return failed(error)
  }
}
