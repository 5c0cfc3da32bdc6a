import { every, later } from './clock.ts'
import { isSessionError } from './errors.ts'
import type { SessionRecords } from './records.ts'

/** Sessions that are removed at once; between two batches the loop turns to other work. */
const BATCH = 500

/**
 * Removes sessions that ran out, regularly and in batches. Every process does it, each at its own moment: a store gives each expired
 * session to one caller only, and a look at a store without any costs next to nothing. A failure is told as `store-error`, as of any
 * call, and tried again. Neither the process nor the records are kept alive by it.
 * @returns what stops it
 */
export function sweepRegularly(records: SessionRecords, everyMs: number): () => void {
  const weak = new WeakRef(records)
  let isSweeping = false
  // processes that were started together do not go on together
  const stop = every(Math.min(everyMs * (0.8 + Math.random() * 0.4), LONGEST_MS), () => {
    const alive = weak.deref()
    if (!alive) return stop()
    if (isSweeping) return
    isSweeping = true
    sweepAll(alive)
      .catch((error: unknown) => {
        if (isSessionError(error) && error.code === 'store-closed') stop()
      })
      .finally(() => {
        isSweeping = false
      })
  })
  return stop
}

/** The longest that Node's timers can wait. */
const LONGEST_MS = 2 ** 31 - 1

async function sweepAll(records: SessionRecords): Promise<void> {
  while ((await records.sweep(BATCH)) >= BATCH) await new Promise<void>(later)
}
