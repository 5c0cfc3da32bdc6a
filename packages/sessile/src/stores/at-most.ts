import { atLatestAfter } from '../core/clock.ts'

/**
 * Waits for work that nobody needs the end of, but not for ever: closing what is connected to a server that stands still.
 * The work goes on; what becomes of it is not told.
 */
export function atMost(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  if (!work) return Promise.resolve()
  return new Promise((resolve) => {
    const cancel = atLatestAfter(ms, resolve)
    const done = (): void => {
      cancel()
      resolve()
    }
    work.then(done, done)
  })
}

/** The answer to a call, or what `tooLate` makes when there is none in time; an answer that comes later is nobody's. */
export function answeredIn<T>(ms: number, answer: Promise<T>, tooLate: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = atLatestAfter(ms, () => reject(tooLate()))
    answer.then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      }
    )
  })
}
