import { type Logger, pino } from 'pino'
import type { Sessions } from './sessions.ts'

export type { Logger } from 'pino'

/**
 * One JSON object a line, on stderr. Never an id, a cookie, a password or a body: sessions are named by their handles.
 * @param level `silent` for tests; `warn` where a person watches the terminal
 */
export function createLog(level: 'info' | 'warn' | 'silent'): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) }
  }
  return pino(options, pino.destination({ dest: 2, sync: true }))
}

const EVENTS = [
  'created',
  'renewed',
  'signed-in',
  'destroyed',
  'revoked',
  'expired',
  'late-write',
  'unreadable-record',
  'retired-id',
  'store-error'
] as const

/** Writes down what happens to sessions. */
export function logSessions(log: Logger, sessions: Sessions): void {
  for (const event of EVENTS) {
    sessions.on(event, (payload) => {
      // What a session held is nobody's business here.
      const { attributes: _, ...told } = payload as { attributes?: unknown }
      log[event === 'store-error' || event === 'unreadable-record' ? 'warn' : 'info']({ event, ...told }, 'session')
    })
  }
}
