import type { NewRecord } from '../../core/backend.ts'
import type { SessionFields } from './forms.ts'

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
  projection: { session: 1, expires: 1, sessileUser: 1, sessileMeta: 1, lastModified: 1 },
  // a secondary may not know yet of what has been acknowledged
  readPreference: 'primary',
  promoteValues: false,
  promoteLongs: false,
  bsonRegExp: true
} as const

export const LOOK = { projection: { expires: 1 }, readPreference: 'primary' } as const

/**
 * How long a server waits for the others before it answers that they do not have a write yet. Without, it waits on, and whoever looks
 * after the deadline that SessionRecords keeps, two seconds, finds a write that no majority has, and takes it for saved.
 */
const OTHERS_HAVE_MS = 1_500

/**
 * What only a few servers have can be rolled back after a failover. A single server takes "majority" for enough and does not wait
 * for its journal then (seen with 9.0: of writes so acknowledged a third was gone after a SIGKILL, with 1 none).
 */
export function writing(journal: boolean, singleServer: boolean): Document {
  if (journal && singleServer) return { writeConcern: { w: 1, j: true } }
  return { writeConcern: { w: 'majority', ...(journal ? { j: true } : undefined), wtimeoutMS: OTHERS_HAVE_MS } }
}

/** Without the field a session has no end; connect-mongo's condition. */
export function alive(now: number): Document {
  return { $or: [{ expires: { $exists: false } }, { expires: { $gt: new Date(now) } }] }
}

export function byKey(key: string): Document {
  return { _id: key }
}

export function byKeys(keys: readonly string[]): Document {
  return { _id: { $in: keys } }
}

/** For a replacement that inserts when nothing matches: then a living one makes it fail with the error of a duplicate key. */
export function expired(key: string, now: number): Document {
  return { _id: key, expires: { $lte: new Date(now) } }
}

export const DUPLICATE_KEY = 11000

/** Of many with one version the first changes `session`, and no other finds it. */
export function unchanged(key: string, fields: SessionFields, now: number): Document {
  const same = Object.entries(fields).map(([name, value]) => [name, { $eq: value ?? null }])
  return { _id: key, ...Object.fromEntries(same), ...alive(now) }
}

/** What connect-mongo keeps in a document beside its session. */
export interface Stamps {
  /** `lastModified`, for `touchAfter`. */
  readonly lastModified: boolean
  /** `createdAt` and `updatedAt`. */
  readonly timestamps: boolean
}

/** What a new document has beside its key. */
export function documentOf(fields: SessionFields, next: NewRecord, stamps: Stamps, now: number): Document {
  const at = new Date(now)
  return { ...withValue(valuesOf(fields, next, stamps, now)), ...(stamps.timestamps ? { createdAt: at, updatedAt: at } : undefined) }
}

/** Leaves what older writers keep in a document. */
export function change(fields: SessionFields, next: NewRecord, stamps: Stamps, now: number): Document {
  const values = valuesOf(fields, next, stamps, now)
  const unset = Object.keys(values).filter((name) => values[name] === undefined)
  return {
    $set: withValue(values),
    ...(unset.length > 0 ? { $unset: Object.fromEntries(unset.map((name) => [name, ''])) } : undefined),
    ...updated(stamps)
  }
}

/** As `change`, of whatever is there, and where nothing is. */
export function put(fields: SessionFields, next: NewRecord, stamps: Stamps, now: number): Document {
  const created = stamps.timestamps ? { $setOnInsert: { createdAt: new Date(now) } } : undefined
  return { ...change(fields, next, stamps, now), ...created }
}

function valuesOf(fields: SessionFields, { expiresAt, userId }: NewRecord, stamps: Stamps, now: number): Document {
  return {
    ...fields,
    expires: expiresAt === Infinity ? undefined : dateOf(expiresAt),
    sessileUser: userId,
    ...(stamps.lastModified ? { lastModified: new Date(now) } : undefined)
  }
}

function withValue(values: Document): Document {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function updated({ timestamps }: Stamps): Document | undefined {
  return timestamps ? { $currentDate: { updatedAt: true } } : undefined
}

/** Those with an end, which has not come. */
export function ending(key: string, now: number): Document {
  return { _id: key, expires: { $gt: new Date(now) } }
}

/** Of two at once the longer one stays. */
export function lengthen(expiresAt: number, stamps: Stamps, now: number): Document {
  return {
    ...(expiresAt === Infinity ? { $unset: { expires: '' } } : { $max: { expires: dateOf(expiresAt) } }),
    ...(stamps.lastModified ? { $set: { lastModified: new Date(now) } } : undefined),
    ...updated(stamps)
  }
}

/** Moves the end, forth or back. */
export function moveEnd(expiresAt: number, modified: boolean, stamps: Stamps, now: number): Document {
  return { $set: { expires: dateOf(expiresAt), ...(modified ? { lastModified: new Date(now) } : undefined) }, ...updated(stamps) }
}

export function living(key: string, now: number): Document {
  return { _id: key, ...alive(now) }
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
