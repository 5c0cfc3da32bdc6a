import type { MaybePromise } from '../../core/backend.ts'
import type { StoreCallback } from './types.ts'

/**
 * Turns a call with a callback into an answer: in the same tick when the store calls back at once. The first answer counts,
 * whether a call of the callback, a throw, or the rejection of a promise that the store returns besides.
 */
export function ask<T>(call: (answer: StoreCallback<T>) => unknown): MaybePromise<T | undefined> {
  let settled = false
  let failed = false
  let outcome: unknown
  let wake: ((failed: boolean, outcome: unknown) => void) | undefined

  const settle = (isError: boolean, value: unknown) => {
    if (settled) return
    settled = true
    failed = isError
    outcome = value
    wake?.(isError, value)
  }

  const returned = call((error, value) => (error ? settle(true, error) : settle(false, value)))
  // an async function that fails before it calls back would be an unhandled rejection otherwise
  if (isThenable(returned)) returned.then(undefined, (error: unknown) => settle(true, error))
  if (settled) {
    if (failed) throw outcome
    return outcome as T | undefined
  }
  return new Promise((resolve, reject) => {
    wake = (isError, value) => (isError ? reject(value) : resolve(value as T | undefined))
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
}
