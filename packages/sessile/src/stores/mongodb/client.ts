import { SessionError } from '../../core/errors.ts'
import { answeredIn, atMost } from '../at-most.ts'
import type { ResolvedMongodbOptions } from './options.ts'

/** A document as it is read: `session` is text or an object. */
export interface SessionDocument {
  readonly _id: string
  readonly session: unknown
  readonly expires?: unknown
  readonly sessileUser?: unknown
  /** Beside a session that the app serializes itself: what is kept in `"~"` otherwise. */
  readonly sessileMeta?: unknown
  /** When connect-mongo's `touchAfter` counts from. */
  readonly lastModified?: unknown
}

type Filter = Readonly<Record<string, unknown>>

/** A collection of the driver, as far as it is used. */
export interface MongoCollection {
  findOne(filter: never, options: never): Promise<unknown>
  find(filter: never, options: never): { toArray(): Promise<unknown[]> }
  updateOne(filter: never, update: never, options: never): Promise<{ matchedCount: number; upsertedCount: number }>
  replaceOne(filter: never, replacement: never, options: never): Promise<unknown>
  bulkWrite(operations: never, options: never): Promise<{ matchedCount: number }>
  findOneAndDelete(filter: never, options: never): Promise<unknown>
  createIndex(index: never, options: never): Promise<unknown>
  readonly collectionName: string
  /** Which database it is of; older drivers do not tell. */
  readonly db?: MongoDb
}

/** A database of the driver, as far as it is used. */
export interface MongoDb {
  collection(name: string): MongoCollection
  command?(command: never): Promise<unknown>
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
  updateOne(filter: Filter, update: object, options: object): Promise<{ matchedCount: number; upsertedCount: number }>
  replaceOne(filter: Filter, replacement: object, options: object): Promise<unknown>
  bulkWrite(operations: readonly object[], options: object): Promise<{ matchedCount: number }>
  findOneAndDelete(filter: Filter, options: object): Promise<SessionDocument | null>
  createIndex(index: object, options: object): Promise<unknown>
  listIndexes(): { toArray(): Promise<Record<string, unknown>[]> }
  countDocuments(): Promise<number>
  deleteMany(filter: Filter, options: object): Promise<unknown>
}

/** Of the store's own client, unless the URL says otherwise. Callers are answered by the deadline that SessionRecords keeps, long before. */
const CLIENT_OPTIONS = { serverSelectionTimeoutMS: 3_000, connectTimeoutMS: 5_000, socketTimeoutMS: 10_000, appName: 'sessile' }

/** How long closing waits for a server that does not answer; its connections end a little later by themselves. */
const CLOSE_MS = 3_000

/**
 * A call that has no answer for so long never will (the driver's own time for that is the same, but a socket that is broken already
 * keeps none). Callers were answered long before, by the deadline that SessionRecords keeps.
 */
const DEAD_AFTER_MS = 12_000

class NoAnswer extends SessionError {}

/**
 * Where the collections of a store are found: its own client, made at the first use, or what it was given.
 *
 * The driver finds lost servers again by itself, but for one case (6.22 and 7.9): when all of its connections break at one moment,
 * a command that is just being sent may wait for ever, and what it looks for the server with may be waiting so. Hence calls have a
 * time after which they fail; and when the store's own client finds no server, another one takes its place.
 */
export class Collections {
  readonly #options: ResolvedMongodbOptions
  #own: Promise<OwnClient> | undefined
  #generation = 0
  #closed = false

  constructor(options: ResolvedMongodbOptions) {
    this.#options = options
  }

  /** Moves on when another client took the place of the one before: then collections are to be asked for again. */
  get generation(): number {
    return this.#generation
  }

  /** @throws SessionError `store-closed` */
  checkOpen(): void {
    if (this.#closed) throw new SessionError('store-closed')
  }

  /** The answer of the driver. */
  answered<T>(answer: Promise<T>): Promise<T> {
    return answeredIn(DEAD_AFTER_MS, answer, () => new NoAnswer('store-timeout', `mongodb: there was none for ${DEAD_AFTER_MS} ms.`))
  }

  /** Is told of every error, with the generation that had it. */
  failed(error: unknown, generation: number): void {
    if (generation !== this.#generation || !this.#own || (error as { name?: unknown } | undefined)?.name !== 'MongoServerSelectionError')
      return
    this.#generation++
    void atMost(
      CLOSE_MS,
      this.#own.then((client) => client.close(true))
    )
    this.#own = undefined
  }

  /** @param suffix what follows the name of the sessions' collection; empty for that one itself */
  async collection(suffix: string): Promise<Collection> {
    this.checkOpen()
    const { collection, collectionName } = this.#options
    if (collection && suffix === '') return collection as unknown as Collection
    const db = await this.#db()
    if (!db) throw new SessionError('bad-option', 'The collection does not tell which database it is of: hand in the db instead.')
    return db.collection(`${collection?.collectionName ?? collectionName}${suffix}`) as unknown as Collection
  }

  /** Whether it is one server by itself, no replica set and no cluster. */
  async isSingleServer(): Promise<boolean> {
    const db = await this.#db()
    const hello = (await db?.command?.({ hello: 1 } as never)) as { setName?: string; msg?: string } | undefined
    return hello !== undefined && hello.setName === undefined && hello.msg !== 'isdbgrid'
  }

  async #db(): Promise<MongoDb | undefined> {
    const { db, collection, dbName } = this.#options
    if (db ?? collection) return db ?? collection?.db
    return (await this.client()).db(dbName || undefined)
  }

  /** The client that it was given, else its own. */
  async client(): Promise<MongoClientLike> {
    return this.#options.client ?? this.#ownClient()
  }

  /** The store's own client closes. May be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await atMost(
      CLOSE_MS,
      this.#own?.then((client) => client.close(true))
    )
  }

  /** A failure is not remembered. */
  #ownClient(): Promise<OwnClient> {
    this.#own ??= makeClient(this.#options.url, this.#options.mongoOptions).catch((error: unknown) => {
      this.#own = undefined
      throw error
    })
    return this.#own
  }
}

/** It connects at its first use. */
async function makeClient(url: string, given: object): Promise<OwnClient> {
  const options = Object.entries(CLIENT_OPTIONS).filter(([name]) => !new RegExp(`[?&]${name}=`, 'i').test(url))
  const { MongoClient } = await loadDriver()
  try {
    return new MongoClient(url, { ...Object.fromEntries(options), ...given })
  } catch (error) {
    // some releases of the driver tell the URL, which may hold a password
    const why = String((error as Error).message).replaceAll(url, 'the URL')
    throw new SessionError('bad-option', `The MongoDB driver does not take the URL or the options of its client: ${why}.`)
  }
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
    throw new SessionError(
      'not-supported',
      'A mongodb: URL needs the package mongodb: npm install mongodb. Or hand in a client of your own.',
      error
    )
  }
}
