import { CHANGED, GONE, TAKEN } from '../../core/backend.ts'
import type { BackendTraits, CreateResult, NewRecord, ScanPage, SessionBackend, StoredRecord, SwapResult, Version } from '../../core/backend.ts'
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
  readonly #writing: object
  #collection: Collection | undefined
  #opening: Promise<Collection> | undefined

  constructor(collections: Collections, wish: DocumentsWish) {
    this.collections = collections
    this.#wish = wish
    this.#writing = statements.writing(wish.journal)
  }

  async open(): Promise<void> {
    await this.opened()
  }

  async read(key: string): Promise<StoredRecord | undefined> {
    return aliveOf(await (await this.opened()).findOne(statements.byKey(key), statements.READ))
  }

  async create(key: string, next: NewRecord): Promise<CreateResult> {
    const session = sessionOf(next, undefined, this.#wish.stringify)
    try {
      await (await this.opened()).replaceOne(statements.expired(key, now()), statements.documentOf(session, next), { ...this.#writing, upsert: true })
      return { outcome: 'done', version: versionOf(session) }
    } catch (error) {
      if ((error as { code?: unknown }).code === statements.DUPLICATE_KEY) return TAKEN
      throw error
    }
  }

  async swap(key: string, expected: Version, next: NewRecord): Promise<SwapResult> {
    const replaced = expectedOf(expected)
    const session = sessionOf(next, replaced, this.#wish.stringify)
    const collection = await this.opened()
    const { matchedCount } = await collection.updateOne(statements.unchanged(key, replaced, now()), statements.change(session, next), this.#writing)
    if (matchedCount === 1) return { outcome: 'done', version: versionOf(session) }
    return (await this.#isAlive(collection, key)) ? CHANGED : GONE
  }

  async extend(key: string, expiresAt: number): Promise<boolean> {
    const collection = await this.opened()
    const { matchedCount } = await collection.updateOne(statements.ending(key, now()), statements.lengthen(expiresAt), this.#writing)
    // one without an end lives longer than whatever was asked for
    return matchedCount === 1 || this.#isAlive(collection, key)
  }

  async remove(key: string): Promise<StoredRecord | undefined> {
    const options = { ...statements.READ, ...this.#writing, includeResultMetadata: false }
    return aliveOf(await (await this.opened()).findOneAndDelete(statements.byKey(key), options))
  }

  async scan(cursor: string | undefined, limit: number): Promise<ScanPage> {
    const options = { ...statements.READ, sort: { _id: 1 }, limit }
    const documents = await (await this.opened()).find(statements.following(cursor ?? '', now()), options).toArray()
    const records = documents.map((document) => ({ key: document._id, record: recordOf(document) }))
    return { records, cursor: documents.length < limit ? undefined : documents.at(-1)!._id }
  }

  async #isAlive(collection: Collection, key: string): Promise<boolean> {
    const found = await collection.findOne(statements.byKey(key), statements.LOOK)
    return found !== null && expiresAtOf(found) > now()
  }

  /** The collection, with its indexes. A failure is not remembered. */
  protected async opened(): Promise<Collection> {
    this.collections.checkOpen()
    if (this.#collection) return this.#collection
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<Collection> {
    const collection = await this.collections.collection(this.#wish.suffix)
    await createIndexes(collection, this.#wish.indexes)
    this.#collection = collection
    return collection
  }
}

function aliveOf(document: SessionDocument | null): StoredRecord | undefined {
  return document !== null && expiresAtOf(document) > now() ? recordOf(document) : undefined
}
