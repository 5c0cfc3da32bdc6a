import type { StoredRecord, Version } from './backend.ts'
import { splitText, type Meta } from './record-text.ts'

/** What the store is known to hold. */
export interface Stored {
  /** The session's JSON text, without what is kept in `"~"`. */
  readonly text: string
  readonly meta: Meta
  readonly version: Version
  /** Epoch ms. */
  readonly expiresAt: number
  readonly userId: string | undefined
}

/** @throws SyntaxError for data that is no JSON, where it has to be parsed, or that the store could not read itself */
export function storedOf(record: StoredRecord): Stored {
  if (record.unreadable !== undefined) throw new SyntaxError(record.unreadable)
  const { text, meta } = splitText(record.data)
  return { text, meta, version: record.version, expiresAt: record.expiresAt, userId: record.userId }
}

/**
 * What a request holds of a stored session. `text` is what its own copy was last equal to: its changes are measured against
 * that. `stored` is what the store holds as far as is known; after a merge it has more than the request's copy.
 */
export class Loaded {
  /** Moves when another request gave this session a new id while this one held it. */
  key: string
  text: string
  userId: string | undefined
  stored: Stored
  /** From stores that give objects: the object that was read. */
  readonly object: object | undefined
  /** Whether the id of this request is no longer the session's: then its answer sets no cookie. */
  moved = false

  constructor(key: string, stored: Stored, object?: object) {
    this.key = key
    this.text = stored.text
    this.userId = stored.userId
    this.stored = stored
    this.object = object
  }
}
