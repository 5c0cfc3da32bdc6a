import { CHANGED, GONE, TAKEN } from '../../core/backend.ts'
import type {
  BackendTraits,
  CreateResult,
  NewRecord,
  ScanPage,
  SessionBackend,
  StoredRecord,
  SwapResult,
  Version
} from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import type { Collection, Collections, SessionDocument } from './client.ts'
import { expectedOf, expiresAtOf, recordOf, sessionOf, versionOf } from './format.ts'
import { createIndexes, type IndexWish } from './indexes.ts'
import * as statements from './statements.ts'

/** What is wanted of a collection. */
export interface DocumentsWish {
  /** What follows the name of the sessions' collection. */
  readonly suffix: string
  readonly stringify: boolean
  readonly journal: boolean
  readonly indexes: readonly IndexWish[]
}

/** One collection of records. Its indexes are made at the first use. */
export class MongoDocuments implements SessionBackend {
  readonly name = 'mongodb'
  readonly traits: BackendTraits = { shared: true, atomicSwap: true }
  protected readonly collections: Collections
  readonly #wish: DocumentsWish
  #writing: object = statements.writing(false, false)
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
    return this.ask(async (collection) => aliveOf(await collection.findOne(statements.byKey(key), statements.READ)))
  }

  async create(key: string, next: NewRecord): Promise<CreateResult> {
    const session = sessionOf(next, undefined, this.#wish.stringify)
    return this.ask(async (collection) => {
      try {
        const options = { ...this.#writing, upsert: true }
        await collection.replaceOne(statements.expired(key, now()), statements.documentOf(session, next), options)
        return { outcome: 'done', version: versionOf(session) }
      } catch (error) {
        if ((error as { code?: unknown }).code === statements.DUPLICATE_KEY) return TAKEN
        throw error
      }
    })
  }

  async swap(key: string, expected: Version, next: NewRecord): Promise<SwapResult> {
    const replaced = expectedOf(expected)
    const session = sessionOf(next, replaced, this.#wish.stringify)
    return this.ask(async (collection) => {
      const { matchedCount } = await collection.updateOne(
        statements.unchanged(key, replaced, now()),
        statements.change(session, next),
        this.#writing
      )
      if (matchedCount === 1) return { outcome: 'done', version: versionOf(session) }
      return (await this.#isAlive(collection, key)) ? CHANGED : GONE
    })
  }

  async extend(key: string, expiresAt: number): Promise<boolean> {
    return this.ask(async (collection) => {
      const { matchedCount } = await collection.updateOne(statements.ending(key, now()), statements.lengthen(expiresAt), this.#writing)
      // one without an end lives longer than whatever was asked for
      return matchedCount === 1 || this.#isAlive(collection, key)
    })
  }

  async remove(key: string): Promise<StoredRecord | undefined> {
    return this.ask(async (collection) => {
      const options = { ...statements.READ, ...this.#writing, includeResultMetadata: false }
      return aliveOf(await collection.findOneAndDelete(statements.byKey(key), options))
    })
  }

  async scan(cursor: string | undefined, limit: number): Promise<ScanPage> {
    const options = { ...statements.READ, sort: { _id: 1 }, limit }
    const documents = await this.ask((collection) => collection.find(statements.following(cursor ?? '', now()), options).toArray())
    const records = documents.map((document) => ({ key: document._id, record: recordOf(document) }))
    return { records, cursor: documents.length < limit ? undefined : documents.at(-1)!._id }
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
      throw error
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
    const { suffix, journal, indexes } = this.#wish
    const collection = await this.collections.collection(suffix)
    this.#writing = statements.writing(journal, journal && (await this.collections.isSingleServer()))
    await createIndexes(collection, indexes)
    if (this.#generation === generation) this.#collection = collection
    return collection
  }
}

function aliveOf(document: SessionDocument | null): StoredRecord | undefined {
  return document !== null && expiresAtOf(document) > now() ? recordOf(document) : undefined
}
