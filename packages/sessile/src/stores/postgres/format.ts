import type { ExpiredRecord, StoredRecord } from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import type { PgRow } from './client.ts'

/** A record as the statements select it. */
export function recordOf(row: PgRow): StoredRecord {
  const { data, version, user_id: userId } = row
  const record = { data: data!, version: version!, expiresAt: millisecondsOf(row['expires_at']!) }
  return userId == null ? record : { ...record, userId }
}

export function expiredOf({ key, data, user_id: userId }: PgRow): ExpiredRecord {
  return userId == null ? { key: key!, data: data! } : { key: key!, data: data!, userId }
}

/** Epoch seconds for `to_timestamp`: PostgreSQL keeps microseconds, so a millisecond is exact; fractions are rounded up. */
export function secondsOf(expiresAt: number): number {
  return Math.ceil(expiresAt) / 1000
}

/** Epoch ms of what PostgreSQL gives as decimal text, or `Infinity`. Others may have written microseconds. */
function millisecondsOf(text: string): number {
  return Math.ceil(Number(text) - 0.001)
}

/** A transaction number. @throws SessionError `bad-argument` for what is none */
export function versionOf(version: unknown): string {
  if (typeof version === 'string' && /^\d{1,10}$/.test(version)) return version
  throw new SessionError('bad-argument', 'The version is not one of this store.')
}
