import { supports, type MaybePromise, type Operation, type SessionBackend } from './backend.ts'
import { Breaker } from './breaker.ts'
import { atLatestAfter, later, now } from './clock.ts'
import { isSessionError, SessionError } from './errors.ts'
import { attempt, chain, isPromise } from './maybe.ts'
import { traced } from './tracing.ts'

/** Names the manager's calls, for those who tell how the store does. */
export const CALLS = Symbol('sessile.calls')

export interface CallOptions {
  /** How long a store call may take, ms; `Infinity` waits for ever. */
  readonly deadlineMs: number
  /** Whether the store's own errors are passed on as they are (an express-session store's users compare them). */
  readonly passErrors: boolean
  /** Told of every call that failed. */
  readonly failed?: (operation: Operation, error: unknown) => void
}

/** Every call to a store goes through here: it is opened first, has a deadline, and its errors are wrapped once. */
export class StoreCalls {
  readonly backend: SessionBackend
  readonly breaker = new Breaker()
  readonly #options: CallOptions
  #opened: boolean
  #opening: Promise<void> | undefined

  constructor(backend: SessionBackend, options: CallOptions) {
    this.backend = backend
    this.#options = options
    this.#opened = !supports(backend, 'open')
  }

  /** Whether the store counts as down, so that calls fail at once. */
  get failAtOnce(): boolean {
    return !this.#options.passErrors && this.breaker.open
  }

  /** @throws SessionError `store-failed`, `store-timeout`, or what the store threw where errors are passed on */
  run<T>(operation: Operation, call: () => MaybePromise<T>): MaybePromise<T> {
    // an express-session store is asked as often as express-session would
    if (!this.#options.passErrors && !this.breaker.allows()) {
      throw new SessionError(
        'store-failed',
        `${this.backend.name}: it failed several times in a row and is tried once a second until it is back.`
      )
    }
    try {
      const answer = traced(operation, this.backend.name, this.#opened ? call : () => chain(this.open(), call))
      if (isPromise(answer)) return this.#inTime(operation, answer)
      this.breaker.answered()
      return answer
    } catch (error) {
      if (!isTooLarge(error)) this.breaker.failed()
      throw this.#wrapped(operation, error)
    }
  }

  /** Opens the store once; a failure is not remembered, so the next call tries again. */
  open(): MaybePromise<void> {
    if (this.#opened) return
    if (this.#opening) return this.#opening
    const done = attempt<void>(
      () =>
        chain(this.backend.open!(), () => {
          this.#opened = true
        }),
      (error) => {
        this.#opening = undefined
        throw error
      }
    )
    if (isPromise(done)) this.#opening = done
    return done
  }

  #inTime<T>(operation: Operation, answer: Promise<T>): Promise<T> {
    const { deadlineMs } = this.#options
    const { breaker } = this
    breaker.began()
    return new Promise<T>((resolve, reject) => {
      let isOver = false
      const over = (): void => {
        isOver = true
        cancel?.()
        breaker.ended()
      }
      const tooLate = (): void => {
        if (isOver) return
        over()
        breaker.timedOut()
        const detail = `${this.backend.name}: ${operation} took longer than ${deadlineMs} ms.`
        reject(this.#wrapped(operation, new SessionError('store-timeout', detail)))
      }
      // where this process stood still itself, answers that came meanwhile are read first
      const cancel = deadlineMs === Infinity ? undefined : atLatestAfter(deadlineMs, () => later(tooLate))
      answer.then(
        (value) => {
          if (!isOver) over()
          breaker.answered(now())
          resolve(value)
        },
        (error) => {
          if (isOver) return
          over()
          if (!isTooLarge(error)) breaker.failed()
          reject(this.#wrapped(operation, error))
        }
      )
    })
  }

  #wrapped(operation: Operation, error: unknown): unknown {
    if (isTooLarge(error)) return error
    this.#options.failed?.(operation, error)
    if (this.#options.passErrors || isSessionError(error)) return error
    const message = error instanceof Error ? error.message : String(error)
    return new SessionError('store-failed', `${this.backend.name}: ${operation} failed: ${message}`, error)
  }
}

/** The store is well then, and others' calls go on. */
function isTooLarge(error: unknown): boolean {
  return isSessionError(error) && error.code === 'too-large'
}
