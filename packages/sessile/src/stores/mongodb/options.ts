import { SessionError } from '../../core/errors.ts'
import { resolveOptions } from '../../core/options.ts'
import type { MongoClientLike, MongoCollection, MongoDb } from './client.ts'

/** What `mongodbStore` takes: where the sessions are, by one of `url`, `client`, `db` and `collection`, and how they are written. */
export interface MongodbStoreOptions {
  /** `mongodb://` or `mongodb+srv://`. The store then makes its own client, and closes it in `close`. Needs the package `mongodb`. */
  readonly url?: string
  /** Your own `MongoClient`, which stays open. */
  readonly client?: MongoClientLike
  /** A database of your own client. */
  readonly db?: MongoDb
  /** A collection of your own client. */
  readonly collection?: MongoCollection
  /** The database, with `url` or `client`. Default: the one of the URL. */
  readonly dbName?: string
  /** Name of the collection, as connect-mongo has it. Default `sessions`. */
  readonly collectionName?: string
  /**
   * Whether new sessions are written as JSON text, connect-mongo's default, or as objects that can be searched. Those that are
   * there stay in the form they have. Default true.
   */
  readonly stringify?: boolean
  /**
   * Whether a write is answered when it is in the journal. A majority of a replica set has it there anyway; a single server may
   * lose the last tenth of a second in a crash without. Default false.
   */
  readonly journal?: boolean
  /** Whether sessions are found by user, through a field `sessileUser`, its index, and a collection beside the sessions. Default true. */
  readonly userIndex?: boolean
}

/** The options as the backend uses them. */
export interface ResolvedMongodbOptions {
  readonly url: string
  /** Of the store's own client. */
  readonly mongoOptions: object
  readonly client: MongoClientLike | Promise<MongoClientLike> | undefined
  readonly db: MongoDb | undefined
  readonly collection: MongoCollection | undefined
  readonly dbName: string
  readonly collectionName: string
  readonly stringify: boolean
  readonly journal: boolean
  readonly userIndex: boolean
}

export const MONGODB_DEFAULTS: ResolvedMongodbOptions = {
  url: '',
  mongoOptions: {},
  client: undefined,
  db: undefined,
  collection: undefined,
  dbName: '',
  collectionName: 'sessions',
  stringify: true,
  journal: false,
  userIndex: true
}

const KNOWN = Object.keys(MONGODB_DEFAULTS).filter((name) => name !== 'mongoOptions')

/** @throws SessionError `bad-option` */
export function resolveMongodbOptions(given: MongodbStoreOptions): ResolvedMongodbOptions {
  const options = resolveOptions<ResolvedMongodbOptions>('mongodbStore', MONGODB_DEFAULTS, given as Partial<ResolvedMongodbOptions>, KNOWN)
  const { url, client, db, collection } = options
  if ([url || undefined, client, db, collection].filter((one) => one !== undefined).length !== 1) {
    throw bad('mongodbStore needs one of url, client, db and collection.')
  }
  if (client && typeof (client as MongoClientLike).db !== 'function') throw bad('client must be a MongoClient: it has no method db.')
  if (db && typeof db.collection !== 'function') throw bad('db must be a database of a MongoClient: it has no method collection.')
  if (collection && typeof collection.findOne !== 'function')
    throw bad('collection must be a collection of a MongoClient: it has no method findOne.')
  if (options.dbName !== '') checkDbName(options.dbName)
  checkCollectionName(options.collectionName)
  return options
}

/** What MongoDB takes as the name of a database. */
function checkDbName(name: unknown): void {
  if (typeof name === 'string' && /^[^/\\. "$\0]+$/.test(name) && Buffer.byteLength(name) < 64) return
  throw bad(`dbName must be text of 1 to 63 bytes without / \\ . " $ and blanks, not ${JSON.stringify(name)}.`)
}

/** What MongoDB takes as the name of a collection, and room for the name of a space after it. */
export function checkCollectionName(name: unknown): void {
  if (typeof name === 'string' && /^[^$\0.][^$\0]*$/.test(name) && !name.startsWith('system.') && Buffer.byteLength(name) <= 120) return
  throw bad(`collectionName must be text of 1 to 120 bytes without "$" and NUL, not ${JSON.stringify(name)}.`)
}

function bad(detail: string): SessionError {
  return new SessionError('bad-option', detail)
}
