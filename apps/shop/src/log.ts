import { pino, type Logger } from 'pino'
import type { Note } from './audit-events.ts'
import type { Sessions } from './sessions.ts'

export type { Logger } from 'pino'

const OPTIONS = {
  base: null,
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label: string) => ({ level: label }) }
}

/**
 * One JSON object a line, on stderr. Never an id, a cookie, a password or a body: sessions are named by their handles.
 * @param level `silent` for tests; `warn` where a person watches the terminal
 */
export function createLog(level: 'info' | 'warn' | 'silent'): Logger {
  return pino({ ...OPTIONS, level }, pino.destination({ dest: 2, sync: true }))
}

/**
 * Where the lines of the audit log go: a file of their own, or among the others, where they are `info`.
 * @param file made readable for its owner alone, and appended to
 */
export function createAuditWriter(log: Logger, file: string | undefined): (line: object) => void {
  const own = file === undefined ? log : pino(OPTIONS, pino.destination({ dest: file, sync: true, append: true, mkdir: true, mode: 0o600 }))
  return (line) => own.info(line)
}

/** Has the audit log know what happens to sessions, and the log what goes wrong with them. */
export function watchSessions(log: Logger, note: Note, sessions: Sessions): void {
  sessions.on('created', ({ handle, userId }) => note('session.created', { session: handle, userId }))
  sessions.on('renewed', ({ handle, previous, userId, reason }) => {
    note('session.rotated', { session: handle, ...(userId !== undefined && { userId }), details: { previous, reason } })
  })
  sessions.on('destroyed', ({ handle, userId }) => note('session.destroyed', { session: handle, userId }))
  sessions.on('revoked', ({ handle, userId }) => note('session.revoked', { session: handle, userId }))
  sessions.on('expired', ({ handle, userId }) => note('session.expired', { session: handle, userId }))
  sessions.on('retired-id', ({ handle }) => note('session.reused', { session: handle, userId: undefined }))
  for (const event of ['late-write', 'unreadable-record', 'store-error'] as const) {
    sessions.on(event, (payload) => log[event === 'late-write' ? 'info' : 'warn']({ event, ...payload }, 'session'))
  }
}
