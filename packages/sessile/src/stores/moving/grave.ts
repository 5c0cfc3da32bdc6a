import type { NewRecord, StoredRecord } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { joinText, splitText, tagged } from '../../core/record-text.ts'

/** A move that was under way when its session ended lands within that time, or never. */
const LEAST_MS = 3_600_000
/** Where the session had no end of its own. */
const MOST_MS = 24 * LEAST_MS

/**
 * What stands in the new store in place of a session that ended while sessions are moved: a marker that points nowhere. A copy that
 * comes late finds the key taken, so the dead stay dead. It lives as long as the session would have; to older readers it is an empty
 * session, to ours an id that is no more.
 */
export function grave(...ends: readonly (number | undefined)[]): NewRecord {
  const last = Math.max(...ends.map((end) => (end === undefined ? 0 : end === Infinity ? now() + MOST_MS : end)))
  return { data: joinText('{"cookie":{}}', tagged({ n: '' })), expiresAt: Math.max(last, now() + LEAST_MS) }
}

const LONGEST = 200

export function isGrave({ data, unreadable }: StoredRecord): boolean {
  if (unreadable !== undefined || data.length > LONGEST || !data.includes('"~"')) return false
  try {
    return splitText(data).meta.n === ''
  } catch {
    return false
  }
}
