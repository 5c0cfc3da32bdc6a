import { type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/**
 * One JSON object a line, on stderr. Never an id, a cookie, a password or a body: sessions are named by their handles.
 * @param level `silent` for tests; `warn` where a person watches the terminal
 */
export function createLog(level: 'info' | 'warn' | 'silent'): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label: string) => ({ level: label }) } }
  return pino(options, pino.destination({ dest: 2, sync: true }))
}
