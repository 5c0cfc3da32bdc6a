import type { NewRecord } from '../../core/backend.ts'
import type { StoredSession } from './format.ts'

/**
 * Every query and update of the store. MongoDB changes one document at a time and as a whole: an update that meets another one
 * of the same document is begun again with the document as it is then, its filter too.
 *
 * The version of a session is what is stored in `session`: an older writer changes it and nothing else, and a tag in ours makes
 * each write differ. `$eq`, so that an object with names like `$gt` is a value and not a question.
 */

type Document = Readonly<Record<string, unknown>>

/** What the store selects. Numbers stay of their BSON type, so that what was read can be looked for and written back as it is. */
export const READ = {
  projection: { session: 1, expires: 1, sessileUser: 1 },
  // a secondary may not know yet of what has been acknowledged
  readPreference: 'primary',
  promoteValues: false,
  promoteLongs: false,
  bsonRegExp: true
} as const

export const LOOK = { projection: { expires: 1 }, readPreference: 'primary' } as const

/**
 * What only a few servers have can be rolled back after a failover. A single server takes "majority" for enough and does not wait
 * for its journal then (seen with 9.0: of writes so acknowledged a third was gone after a SIGKILL, with 1 none).
 */
export function writing(journal: boolean, singleServer: boolean): Document {
  return { writeConcern: journal ? { w: singleServer ? 1 : 'majority', j: true } : { w: 'majority' } }
}

/** Without the field a session has no end; connect-mongo's condition. */
export function alive(now: number): Document {
  return { $or: [{ expires: { $exists: false } }, { expires: { $gt: new Date(now) } }] }
}

export function byKey(key: string): Document {
  return { _id: key }
}

/** For a replacement that inserts when nothing matches: then a living one makes it fail with the error of a duplicate key. */
export function expired(key: string, now: number): Document {
  return { _id: key, expires: { $lte: new Date(now) } }
}

export const DUPLICATE_KEY = 11000

/** Of many with one version the first changes `session`, and no other finds it. */
export function unchanged(key: string, session: StoredSession, now: number): Document {
  return { _id: key, session: { $eq: session }, ...alive(now) }
}

/** What a new document has beside its key. */
export function documentOf(session: StoredSession, { expiresAt, userId }: NewRecord): Document {
  return {
    session,
    ...(expiresAt === Infinity ? undefined : { expires: dateOf(expiresAt) }),
    ...(userId === undefined ? undefined : { sessileUser: userId })
  }
}

/** Leaves what older writers keep in a document: `lastModified`, `createdAt`, `updatedAt`. */
export function change(session: StoredSession, { expiresAt, userId }: NewRecord): Document {
  const unset = { ...(expiresAt === Infinity ? { expires: '' } : undefined), ...(userId === undefined ? { sessileUser: '' } : undefined) }
  return { $set: documentOf(session, { data: '', expiresAt, userId }), ...(Object.keys(unset).length > 0 ? { $unset: unset } : undefined) }
}

/** Those with an end, which has not come. */
export function ending(key: string, now: number): Document {
  return { _id: key, expires: { $gt: new Date(now) } }
}

/** Of two at once the longer one stays. */
export function lengthen(expiresAt: number): Document {
  return expiresAt === Infinity ? { $unset: { expires: '' } } : { $max: { expires: dateOf(expiresAt) } }
}

export function ofUser(userId: string, now: number): Document {
  return { sessileUser: { $eq: userId }, ...alive(now) }
}

/** On from a key, which a document keeps: none is skipped when others come and go. */
export function following(key: string, now: number): Document {
  return { _id: { $gt: key }, ...alive(now) }
}

/** MongoDB deletes what is over, once a minute. With any other definition connect-mongo's own would be refused. */
export const EXPIRY_INDEX = [{ expires: 1 }, { expireAfterSeconds: 0 }] as const
export const USER_INDEX = [{ sessileUser: 1 }, { sparse: true }] as const

/** Dates have whole milliseconds; fractions are rounded up. */
function dateOf(expiresAt: number): Date {
  return new Date(Math.ceil(expiresAt))
}
