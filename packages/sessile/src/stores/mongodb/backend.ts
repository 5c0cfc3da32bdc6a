import type { SessionBackend } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { Collections } from './client.ts'
import type { Collection, MongoClientLike } from './client.ts'
import { MongoDocuments } from './documents.ts'
import { plainForm } from './forms.ts'
import type { SessionForm } from './forms.ts'
import type { IndexWish } from './indexes.ts'
import { resolveMongodbOptions } from './options.ts'
import type { MongodbStoreOptions, ResolvedMongodbOptions } from './options.ts'
import { EXPIRY_INDEX, ofUser, USER_INDEX } from './statements.ts'
import type { Stamps } from './statements.ts'

const EXPIRY: IndexWish = { index: EXPIRY_INDEX, without: 'Expired sessions stay in MongoDB until something else deletes them' }
const USERS: IndexWish = { index: USER_INDEX, without: 'Finding the sessions of a user reads all sessions' }

const NO_STAMPS: Stamps = { lastModified: false, timestamps: false }

/** What `MongoStore` asks for beside the options of `mongodbStore`. */
export interface MongoDetails {
  readonly form?: SessionForm
  readonly stamps?: Stamps
  /** In place of the store's own. */
  readonly writeConcern?: object | undefined
  /** Whether MongoDB deletes what has expired. Default true. */
  readonly expires?: boolean
}

/** Sessions in a MongoDB collection, the one that connect-mongo uses. MongoDB itself deletes what has expired. */
export class MongoBackend extends MongoDocuments {
  /** Only where the index is wanted: what is there is what is promised. */
  keysOfUser?: (userId: string) => Promise<readonly string[]>
  readonly #journal: boolean
  readonly #spaces = new Map<string, MongoDocuments>()

  constructor(options: ResolvedMongodbOptions, details: MongoDetails = {}) {
    const { form = plainForm(options.stringify), stamps = NO_STAMPS, writeConcern, expires = true } = details
    const { journal, userIndex } = options
    const indexes = [...(expires ? [EXPIRY] : []), ...(userIndex ? [USERS] : [])]
    super(new Collections(options), { suffix: '', form, stamps, journal, indexes, writeConcern })
    this.#journal = journal
    if (userIndex) this.keysOfUser = (userId) => this.#keysOfUser(userId)
  }

  async #keysOfUser(userId: string): Promise<readonly string[]> {
    const options = { projection: { _id: 1 }, readPreference: 'primary' }
    const found = await this.ask((collection) => collection.find(ofUser(userId, now()), options).toArray())
    return found.map(({ _id }) => _id)
  }

  /** A collection beside this one, with the name of both; it closes with this store. */
  space(name: string): SessionBackend {
    if (!/^\w{1,40}$/.test(name))
      throw new SessionError('bad-argument', `The name of a space must be letters, digits and _, not ${JSON.stringify(name)}.`)
    let space = this.#spaces.get(name)
    if (!space) {
      space = new MongoDocuments(this.collections, {
        suffix: `_${name}`,
        form: plainForm(true),
        stamps: NO_STAMPS,
        journal: this.#journal,
        indexes: [EXPIRY],
        writeConcern: undefined
      })
      this.#spaces.set(name, space)
    }
    return space
  }

  /** The client that it was given, else its own. */
  client(): Promise<MongoClientLike> {
    return this.collections.client()
  }

  /** The driver's collection. */
  collection(): Promise<Collection> {
    return this.ask(async (collection) => collection)
  }

  /** How many documents there are, expired ones that nothing has deleted yet among them. */
  count(): Promise<number> {
    return this.ask((collection) => collection.countDocuments())
  }

  /** Deletes every session. */
  async clear(): Promise<void> {
    await this.ask((collection) => collection.deleteMany({}, this.options))
  }

  async ping(): Promise<void> {
    await this.ask((collection) => collection.findOne({ _id: '' }, { projection: { _id: 1 }, readPreference: 'primary' }))
  }

  async close(): Promise<void> {
    await this.collections.close()
  }
}

/**
 * A store in MongoDB 4.4 or later, on connect-mongo's collection: its sessions are found, text or objects, and it finds these.
 * Nothing is connected before the first use. Reads are from the primary, writes are acknowledged by a majority. Expired sessions
 * are not told of: MongoDB deletes them by itself, and says nothing.
 * @throws SessionError `bad-option`
 */
export function mongodbStore(options: MongodbStoreOptions): SessionBackend {
  return new MongoBackend(resolveMongodbOptions(options))
}
