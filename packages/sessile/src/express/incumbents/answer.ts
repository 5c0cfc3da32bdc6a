import type { MaybePromise } from '../../core/backend.ts'
import { isSessionError } from '../../core/errors.ts'
import type { Callback } from '../callback.ts'

/**
 * Answers as the older stores do: by the callback, and by a promise where there is none. No timer is needed for it, since people's
 * tests stop them.
 *
 * A callback runs outside of every promise, so that what it throws is its own; the promise that is returned besides settles after it.
 * A failure that nobody looks at is nobody's unhandled rejection. What the driver threw is handed on as it is, since people compare it.
 * @param empty what the callback is given where there is no value, as the older store gives it
 */
export function answer<T>(work: () => MaybePromise<T>, callback: Callback<T> | undefined, empty: readonly unknown[]): Promise<T> {
  const none = empty[1] as T
  const done = new Promise<T>((resolve) => resolve(work())).catch((error: unknown) => {
    throw driversOf(error)
  })
  const told =
    typeof callback === 'function'
      ? done.then(
          (value) => inLine(callback, ...((value === undefined ? empty : [null, value]) as Parameters<typeof callback>)) as T,
          (error: unknown) => inLine(callback, error) as T
        )
      : done.then((value) => value ?? none)
  told.catch(() => {})
  return told
}

/** The driver's own error, where one is the reason. */
function driversOf(error: unknown): unknown {
  return (isSessionError(error) && error.cause) || error
}

function inLine<T>(callback: Callback<T>, ...given: Parameters<Callback<T>>): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(() => {
      resolve()
      callback(...given)
    })
  })
}
