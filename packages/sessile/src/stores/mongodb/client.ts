import { SessionError } from '../../core/errors.ts'
import type { ResolvedMongodbOptions } from './options.ts'

/** A document as it is read: `session` is text or an object. */
export interface SessionDocument {
  readonly _id: string
  readonly session: unknown
  readonly expires?: unknown
  readonly sessileUser?: unknown
}

type Filter = Readonly<Record<string, unknown>>

/** A collection of the driver, as far as it is used. */
export interface MongoCollection {
  findOne(filter: never, options: never): Promise<unknown>
  find(filter: never, options: never): { toArray(): Promise<unknown[]> }
  updateOne(filter: never, update: never, options: never): Promise<{ matchedCount: number }>
  replaceOne(filter: never, replacement: never, options: never): Promise<unknown>
  findOneAndDelete(filter: never, options: never): Promise<unknown>
  createIndex(index: never, options: never): Promise<unknown>
  readonly collectionName: string
  /** Which database it is of; older drivers do not tell. */
  readonly db?: MongoDb
}

/** A database of the driver, as far as it is used. */
export interface MongoDb {
  collection(name: string): MongoCollection
}

/** A `MongoClient`, as far as it is used. */
export interface MongoClientLike {
  db(name?: string): MongoDb
}

interface OwnClient extends MongoClientLike {
  close(force?: boolean): Promise<void>
}

/** The same collection, with the parameters that the statements of this store give. */
export interface Collection {
  findOne(filter: Filter, options: object): Promise<SessionDocument | null>
  find(filter: Filter, options: object): { toArray(): Promise<SessionDocument[]> }
  updateOne(filter: Filter, update: object, options: object): Promise<{ matchedCount: number }>
  replaceOne(filter: Filter, replacement: object, options: object): Promise<unknown>
  findOneAndDelete(filter: Filter, options: object): Promise<SessionDocument | null>
  createIndex(index: object, options: object): Promise<unknown>
}

/** Of the store's own client, unless the URL says otherwise. Callers are answered by the deadline that SessionRecords keeps, long before. */
const CLIENT_OPTIONS = { serverSelectionTimeoutMS: 5_000, connectTimeoutMS: 5_000, socketTimeoutMS: 10_000, appName: 'sessile' }

/** Where the collections of a store are found: its own client, made at the first use, or what it was given. */
export class Collections {
  readonly #options: ResolvedMongodbOptions
  #client: OwnClient | undefined
  #making: Promise<OwnClient> | undefined
  #closed = false

  constructor(options: ResolvedMongodbOptions) {
    this.#options = options
  }

  /** @throws SessionError `store-closed` */
  checkOpen(): void {
    if (this.#closed) throw new SessionError('store-closed')
  }

  /** @param suffix what follows the name of the sessions' collection; empty for that one itself */
  async collection(suffix: string): Promise<Collection> {
    this.checkOpen()
    const { collection, dbName, collectionName } = this.#options
    if (collection && suffix === '') return collection as unknown as Collection
    const db = this.#options.db ?? collection?.db ?? (this.#options.client ?? (collection ? undefined : await this.#own()))?.db(dbName || undefined)
    if (!db) throw new SessionError('bad-option', 'The collection does not tell which database it is of: hand in the db instead.')
    return db.collection(`${collection?.collectionName ?? collectionName}${suffix}`) as unknown as Collection
  }

  /** The store's own client closes. May be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await (await this.#making?.catch(() => undefined))?.close(true)
  }

  async #own(): Promise<OwnClient> {
    if (this.#client) return this.#client
    this.#making ??= makeClient(this.#options.url).catch((error: unknown) => {
      this.#making = undefined
      throw error
    })
    this.#client = await this.#making
    return this.#client
  }
}

/** It connects at its first use, and again by itself. */
async function makeClient(url: string): Promise<OwnClient> {
  const options = Object.entries(CLIENT_OPTIONS).filter(([name]) => !new RegExp(`[?&]${name}=`, 'i').test(url))
  const { MongoClient } = await loadDriver()
  return new MongoClient(url, Object.fromEntries(options))
}

interface MongoModule {
  readonly MongoClient: new (url: string, options: object) => OwnClient
}

async function loadDriver(): Promise<MongoModule> {
  // a name that compilers and bundlers do not follow: whoever uses another store has no mongodb
  const name: string = 'mongodb'
  try {
    const module = (await import(name)) as { default?: MongoModule } & MongoModule
    return module.default ?? module
  } catch (error) {
    throw new SessionError('not-supported', 'A mongodb: URL needs the package mongodb: npm install mongodb. Or hand in a client of your own.', error)
  }
}
