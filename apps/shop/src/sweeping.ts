import type { Logger } from './log.ts'
import type { Sessions } from './sessions.ts'

const EVERY_MS = 60_000
const AT_ONCE = 1_000

/** Removes the sessions that ran out, where the store does not do it by itself. They count as gone before that as well. */
export function sweepRegularly(sessions: Sessions, log: Logger): { stop(): void } {
  let sweeping = false
  const timer = setInterval(async () => {
    if (sweeping) return
    sweeping = true
    try {
      while ((await sessions.sweep(AT_ONCE)) === AT_ONCE);
    } catch (err) {
      log.warn({ err }, 'sessions that ran out could not be removed; it is tried again')
    } finally {
      sweeping = false
    }
  }, EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
