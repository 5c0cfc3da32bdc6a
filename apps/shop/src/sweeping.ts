import type { Logger } from './log.ts'

const EVERY_MS = 60_000

/**
 * Removes what the shop keeps for a time only, once a minute. Sessions that ran out are no part of it: the monitor sweeps them.
 * @param forget removes it
 */
export function forgetRegularly(log: Logger, forget: () => Promise<unknown>): { stop(): void } {
  let forgetting = false
  const timer = setInterval(async () => {
    if (forgetting) return
    forgetting = true
    try {
      await forget()
    } catch (err) {
      log.warn({ err }, 'what ran out could not be removed; it is tried again')
    } finally {
      forgetting = false
    }
  }, EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
