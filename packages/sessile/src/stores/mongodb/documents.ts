import { CHANGED, GONE, TAKEN } from '../../core/backend.ts'
import type {
  BackendTraits,
  CreateResult,
  MaybePromise,
  NewRecord,
  ScanPage,
  SessionBackend,
  StoredRecord,
  SwapResult,
  Version
} from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { isPromise } from '../../core/maybe.ts'
import type { Collection, Collections, SessionDocument } from './client.ts'
import { failure } from './failure.ts'
import { expiresAtOf } from './format.ts'
import type { SessionFields, SessionForm } from './forms.ts'
import { createIndexes, type IndexWish } from './indexes.ts'
import { Reads } from './reads.ts'
import * as statements from './statements.ts'
import { Touches, type Touch, type TouchWrite } from './touches.ts'

/** As connect-mongo has it. */
const FORTNIGHT_MS = 14 * 86_400_000

/** What is wanted of a collection. */
export interface DocumentsWish {
  /** What follows the name of the sessions' collection. */
  readonly suffix: string
  readonly form: SessionForm
  readonly stamps: statements.Stamps
  readonly journal: boolean
  /** In place of the store's own. */
  readonly writeConcern: object | undefined
  readonly indexes: readonly IndexWish[]
}

/** One collection of records. Its indexes are made at the first use. */
export class MongoDocuments implements SessionBackend {
  readonly name = 'mongodb'
  readonly traits: BackendTraits = { shared: true, atomicSwap: true, idleMs: FORTNIGHT_MS }
  protected readonly collections: Collections
  readonly #wish: DocumentsWish
  readonly #reads = new Reads((call) => this.ask(call))
  readonly #touches = new Touches(
    (call) => this.ask(call),
    (touch) => this.#touch(touch),
    () => this.options,
    (touch) => this.#extend(touch)
  )
  /** Of every write. */
  protected options: object = statements.writing(false, false)
  #collection: Collection | undefined
  #opening: Promise<Collection> | undefined
  /** Which client both are of. */
  #generation = 0

  constructor(collections: Collections, wish: DocumentsWish) {
    this.collections = collections
    this.#wish = wish
  }

  async open(): Promise<void> {
    await this.ask(async () => {})
  }

  async read(key: string): Promise<StoredRecord | undefined> {
    return (await this.find(key))?.record
  }

  /**
   * A living record, and since when connect-mongo takes it for unchanged.
   * @throws SessionError `store-failed` when it is no session's
   */
  async find(key: string): Promise<{ record: StoredRecord; lastModified: unknown } | undefined> {
    const document = await this.#reads.read(key)
    const record = await this.#aliveOf(document)
    if (record && !this.#wish.form.isSession(document!)) {
      throw new SessionError('store-failed', 'mongodb: under the key of a session is a document of something else. See who writes there.')
    }
    return record && { record, lastModified: document!.lastModified }
  }

  async create(key: string, next: NewRecord): Promise<CreateResult> {
    const { form, stamps } = this.#wish
    return this.#writing(form.fieldsOf(next, undefined), async (fields, collection) => {
      try {
        const options = { ...this.options, upsert: true }
        const at = now()
        await collection.replaceOne(statements.expired(key, at), statements.documentOf(fields, next, stamps, at), options)
        return { outcome: 'done', version: form.versionOf(fields) }
      } catch (error) {
        if ((error as { code?: unknown }).code === statements.DUPLICATE_KEY) return TAKEN
        throw error
      }
    })
  }

  async swap(key: string, expected: Version, next: NewRecord): Promise<SwapResult> {
    const { form, stamps } = this.#wish
    return this.#writing(form.fieldsOf(next, expected), async (fields, collection): Promise<SwapResult> => {
      const at = now()
      const { matchedCount } = await collection.updateOne(
        statements.unchanged(key, form.expectedOf(expected), at),
        statements.change(fields, next, stamps, at),
        this.options
      )
      if (matchedCount === 1) return { outcome: 'done', version: form.versionOf(fields) }
      return (await this.#isAlive(collection, key)) ? CHANGED : GONE
    })
  }

  /** Puts a record in place of whatever is there, in one round trip. */
  async put(key: string, next: NewRecord): Promise<{ created: boolean; version: Version }> {
    const { form, stamps } = this.#wish
    return this.#writing(form.fieldsOf(next, undefined), async (fields, collection) => {
      const options = { ...this.options, upsert: true }
      const { upsertedCount } = await collection.updateOne(statements.byKey(key), statements.put(fields, next, stamps, now()), options)
      return { created: upsertedCount > 0, version: form.versionOf(fields) }
    })
  }

  extend(key: string, expiresAt: number): Promise<boolean> {
    return this.#touches.touch(key, expiresAt)
  }

  #touch({ key, expiresAt }: Touch): TouchWrite {
    const at = now()
    return { filter: statements.ending(key, at), update: statements.lengthen(expiresAt, this.#wish.stamps, at) }
  }

  #extend(touch: Touch): Promise<boolean> {
    return this.ask(async (collection) => {
      const { filter, update } = this.#touch(touch)
      const { matchedCount } = await collection.updateOne(filter, update, this.options)
      // one without an end lives longer than whatever was asked for
      return matchedCount === 1 || this.#isAlive(collection, touch.key)
    })
  }

  /** Moves the end of a living record, also to an earlier time. @param modified whether `lastModified` moves too */
  moveEnd(key: string, expiresAt: number, modified: boolean): Promise<boolean> {
    return this.ask(async (collection) => {
      const at = now()
      const update = statements.moveEnd(expiresAt, modified, this.#wish.stamps, at)
      return (await collection.updateOne(statements.living(key, at), update, this.options)).matchedCount === 1
    })
  }

  async remove(key: string): Promise<StoredRecord | undefined> {
    const options = { ...statements.READ, includeResultMetadata: false }
    const removing = (collection: Collection) => collection.findOneAndDelete(statements.byKey(key), { ...options, ...this.options })
    return this.#aliveOf(await this.ask(removing))
  }

  async scan(cursor: string | undefined, limit: number): Promise<ScanPage> {
    const options = { ...statements.READ, sort: { _id: 1 }, limit }
    const documents = await this.ask((collection) => collection.find(statements.following(cursor ?? '', now()), options).toArray())
    const records = await Promise.all(
      documents.map(async (document) => ({ key: document._id, record: await this.#wish.form.recordOf(document) }))
    )
    return { records, cursor: documents.length < limit ? undefined : documents.at(-1)!._id }
  }

  #aliveOf(document: SessionDocument | null): MaybePromise<StoredRecord | undefined> {
    return document !== null && expiresAtOf(document) > now() ? this.#wish.form.recordOf(document) : undefined
  }

  /** Writes what may first have to be encrypted; what the session was is decided at the call. */
  #writing<T>(fields: MaybePromise<SessionFields>, write: (fields: SessionFields, collection: Collection) => Promise<T>): Promise<T> {
    if (isPromise(fields)) fields.catch(() => {}) // which is told where it is waited for
    return this.ask(async (collection) => write(await fields, collection))
  }

  async #isAlive(collection: Collection, key: string): Promise<boolean> {
    const found = await collection.findOne(statements.byKey(key), statements.LOOK)
    return found !== null && expiresAtOf(found) > now()
  }

  /** Runs a call on the collection, whose indexes are made at its first use. */
  protected async ask<T>(call: (collection: Collection) => Promise<T>): Promise<T> {
    this.collections.checkOpen()
    const { generation } = this.collections
    try {
      const collection = this.#generation === generation && this.#collection
      return await this.collections.answered(call(collection || (await this.#opened(generation))))
    } catch (error) {
      this.collections.failed(error, generation)
      throw failure(error)
    }
  }

  /** A failure is not remembered. */
  #opened(generation: number): Promise<Collection> {
    if (this.#generation !== generation) this.#opening = this.#collection = undefined
    this.#generation = generation
    this.#opening ??= this.collections.answered(this.#open(generation)).catch((error: unknown) => {
      if (this.#generation === generation) this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #open(generation: number): Promise<Collection> {
    const { suffix, journal, indexes, writeConcern } = this.#wish
    const collection = await this.collections.collection(suffix)
    this.options = writeConcern ? { writeConcern } : statements.writing(journal, journal && (await this.collections.isSingleServer()))
    await createIndexes(collection, indexes)
    if (this.#generation === generation) this.#collection = collection
    return collection
  }
}
