import type { Logger } from './log.ts'
import type { Sessions } from './sessions.ts'

const EVERY_MS = 60_000
const AT_ONCE = 1_000

/**
 * Removes the sessions that ran out, where the store does not do it by itself. They count as gone before that as well.
 * @param forget removes what else is not to be kept any longer
 */
export function sweepRegularly(sessions: Sessions, log: Logger, forget: () => Promise<unknown>): { stop(): void } {
  let sweeping = false
  const timer = setInterval(async () => {
    if (sweeping) return
    sweeping = true
    try {
      while ((await sessions.sweep(AT_ONCE)) === AT_ONCE);
      await forget()
    } catch (err) {
      log.warn({ err }, 'what ran out could not be removed; it is tried again')
    } finally {
      sweeping = false
    }
  }, EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
