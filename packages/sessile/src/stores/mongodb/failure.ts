import { SessionError } from '../../core/errors.ts'

/** Servers' codes for a document that would have more than 16 MB. */
const TOO_LARGE = new Set([10334, 17419, 17420])

interface Failure {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly codeName?: unknown
  readonly errInfo?: unknown
}

/** What the driver threw, as it is told: what is known of it stands in a code, and nothing of a session in the rest. */
export function failure(error: unknown): unknown {
  const { name, message, code, codeName, errInfo } = (error ?? {}) as Failure
  if (name === 'MongoWriteConcernError') {
    // the driver's own error holds the server's answer, and so a session's id and content
    const cause = Object.assign(new Error(String(message)), { name, code, codeName, errInfo })
    return new SessionError(
      'unknown-outcome',
      `MongoDB wrote, but not on as many servers as it was asked to, so a failover may undo it: ${String(message)}`,
      cause
    )
  }
  // the driver has a buffer of 17 MB, and says no more than that something is beyond its end
  if (TOO_LARGE.has(Number(code)) || code === 'ERR_OUT_OF_RANGE')
    return new SessionError('too-large', 'MongoDB takes up to 16 MB; what was stored before stays.', error)
  return error
}
