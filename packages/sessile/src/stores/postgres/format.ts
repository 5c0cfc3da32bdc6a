import type { ExpiredRecord, StoredRecord } from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import type { PgRow } from './client.ts'

/** A record as the statements select it: its text, and version, end and user with a space between. */
export function recordOf(row: PgRow): StoredRecord {
  const about = row['about']!
  const end = about.indexOf(' ')
  const user = about.indexOf(' ', end + 1)
  const version = about.slice(0, end)
  const expiresAt = millisecondsOf(user === -1 ? about.slice(end + 1) : about.slice(end + 1, user))
  const record = { data: row['data']!, version, expiresAt }
  return user === -1 ? record : { ...record, userId: about.slice(user + 1) }
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
