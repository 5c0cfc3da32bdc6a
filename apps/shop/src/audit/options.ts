import type { Request } from 'express'
import type { Addresses } from '../places.ts'
import type { AuditRepository } from './repository.ts'

/** How the audit log works when nothing else is said. */
export const AUDIT_DEFAULTS = {
  /** What was noted is in the database this much later at the latest. */
  flushEveryMs: 1_000,
  /** So many at once make it write at once. */
  flushAt: 200,
  /** While the database does not answer, so many are held; the oldest go first. Every one of them has had its line. */
  maxPending: 10_000,
  /** Rows in the database; the oldest go first, whatever their age. */
  keepAtMost: 1_000_000,
  /** Which part of a session's requests is noted as `session.touched`. */
  touchSample: 0.01
} as const

/** What the audit log needs. */
export interface AuditOptions {
  readonly repository: AuditRepository
  /** Writes one line of JSON. */
  readonly write: (entry: AuditLine) => void
  readonly addresses: Addresses
  /** Names the session of a request. */
  readonly handleOf: (req: Request) => string | undefined
  /** Is told, once, that the database does not take what was noted. */
  readonly onTrouble: (error: unknown) => void
}

/** One line of the audit log. Members that have nothing to say are not there. */
export interface AuditLine {
  readonly event: string
  readonly userId?: number | undefined
  readonly byUserId?: number | undefined
  readonly session?: string | undefined
  readonly address?: string | undefined
  readonly userAgent?: string | undefined
  readonly requestId?: string | undefined
  readonly details?: Readonly<Record<string, unknown>> | undefined
}
