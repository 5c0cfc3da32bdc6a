import type { MaybePromise } from '../../core/backend.ts'
import type { Callback } from '../callback.ts'

/**
 * Answers as the older stores do: by the callback, and by a promise where there is none. No timer is needed for it, since people's
 * tests stop them.
 *
 * A callback runs outside of every promise, so that what it throws is its own; the promise that is returned besides settles after it.
 * A failure that nobody looks at is nobody's unhandled rejection.
 * @param empty what the callback is given where there is no value, as the older store gives it
 */
export function answer<T>(work: () => MaybePromise<T>, callback: Callback<T> | undefined, empty: readonly unknown[]): Promise<T> {
  const none = empty[1] as T
  const done = new Promise<T>((resolve) => resolve(work()))
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

function inLine<T>(callback: Callback<T>, ...given: Parameters<Callback<T>>): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(() => {
      resolve()
      callback(...given)
    })
  })
}
