import type { StoredRecord, Version } from './backend.ts'
import { metaAt, metaStart, splitText, textBefore, type Meta } from './record-text.ts'

/** What the store is known to hold. */
export interface Stored {
  /** The session's JSON text, without what is kept in `"~"`. */
  readonly text: string
  readonly meta: Meta
  readonly version: Version
  /** Epoch ms; a touch moves it. */
  expiresAt: number
  readonly userId: string | undefined
}

/** What was read: the text is cut out of it when somebody wants it, since most requests do not. */
class ReadStored implements Stored {
  readonly data: string
  readonly #end: number
  readonly meta: Meta
  readonly version: Version
  expiresAt: number
  readonly userId: string | undefined
  #text: string | undefined

  constructor({ data, version, expiresAt, userId }: StoredRecord, end: number) {
    this.data = data
    this.#end = end
    this.meta = metaAt(data, end)
    this.version = version
    this.expiresAt = expiresAt
    this.userId = userId
  }

  get text(): string {
    return (this.#text ??= textBefore(this.data, this.#end))
  }
}

/** @throws SyntaxError for data that is no JSON, where it has to be parsed, or that the store could not read itself */
export function storedOf(record: StoredRecord): Stored {
  if (record.unreadable !== undefined) throw new SyntaxError(record.unreadable)
  const end = metaStart(record.data)
  if (end !== -1) return new ReadStored(record, end)
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
  #text: string | undefined
  readonly #read: Stored
  userId: string | undefined
  stored: Stored
  /** From stores that give objects: the object that was read. */
  readonly object: object | undefined
  /** What was last written without getting through: where it is found in the store, the write was sent twice, and was done. */
  tried: string | undefined
  /** Whether the id of this request is no longer the session's: then its answer sets no cookie. */
  moved = false
  /** How often a write of this request met another's change. */
  conflicts = 0

  constructor(key: string, stored: Stored, object?: object) {
    this.key = key
    this.#read = stored
    this.userId = stored.userId
    this.stored = stored
    this.object = object
  }

  /** Whether what is stored is what was read, as far as is known. */
  get isAsRead(): boolean {
    return this.stored === this.#read
  }

  get text(): string {
    return (this.#text ??= this.#read.text)
  }

  set text(text: string) {
    this.#text = text
  }

  /** Whether the text is JSON; to find out costs parsing it. */
  get isReadable(): boolean {
    try {
      return this.object !== undefined || JSON.parse(this.text) !== undefined
    } catch {
      return false
    }
  }

  /** Begins as `text` does, and may have more at the end: for those who look at the beginning only, which costs no copy. */
  get beginning(): string {
    return this.#text ?? (this.#read instanceof ReadStored ? this.#read.data : this.#read.text)
  }
}
