import type { SessionBackend } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { Collections } from './client.ts'
import { MongoDocuments } from './documents.ts'
import type { IndexWish } from './indexes.ts'
import { resolveMongodbOptions } from './options.ts'
import type { MongodbStoreOptions, ResolvedMongodbOptions } from './options.ts'
import { EXPIRY_INDEX, ofUser, USER_INDEX } from './statements.ts'

const EXPIRY: IndexWish = { index: EXPIRY_INDEX, without: 'Expired sessions stay in MongoDB until something deletes them' }
const USERS: IndexWish = { index: USER_INDEX, without: 'Finding the sessions of a user reads all sessions' }

/** Sessions in a MongoDB collection, the one that connect-mongo uses. MongoDB itself deletes what has expired. */
class MongoBackend extends MongoDocuments {
  /** Only where the index is wanted: what is there is what is promised. */
  keysOfUser?: (userId: string) => Promise<readonly string[]>
  readonly #journal: boolean
  readonly #spaces = new Map<string, MongoDocuments>()

  constructor({ stringify, journal, userIndex, ...where }: ResolvedMongodbOptions) {
    const indexes = userIndex ? [EXPIRY, USERS] : [EXPIRY]
    super(new Collections({ stringify, journal, userIndex, ...where }), { suffix: '', stringify, journal, indexes })
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
      space = new MongoDocuments(this.collections, { suffix: `_${name}`, stringify: true, journal: this.#journal, indexes: [EXPIRY] })
      this.#spaces.set(name, space)
    }
    return space
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
