import type { CryptoAdapter, CryptoOptions } from '../../stores/mongodb/kruptein.ts'
import { createKrupteinAdapter } from '../../stores/mongodb/kruptein.ts'
import { encryptedForm, plainForm, serializedForm, type SessionForm } from '../../stores/mongodb/forms.ts'
import type { MongoClientLike } from '../../stores/mongodb/client.ts'
import { refusal } from '../../stores/mongodb/refusal.ts'

/** What people's own functions take and give, which is typed on their side. */
// oxlint-disable-next-line typescript/no-explicit-any -- with unknown, no function that names a type would fit
export type Theirs = any

/** What `MongoStore` takes: the options of connect-mongo 6. One of `mongoUrl`, `client` and `clientPromise` is needed. */
export interface ConnectMongoOptions<T extends object = Theirs> {
  mongoUrl?: string | undefined
  /** `close` closes it. */
  client?: MongoClientLike | undefined
  clientPromise?: Promise<MongoClientLike> | undefined
  /** Of the client that is made for `mongoUrl`. */
  mongoOptions?: object
  dbName?: string
  /** Default `sessions`. */
  collectionName?: string
  /** Seconds that a session lives whose cookie does not say it. Default 14 days. */
  ttl?: number
  /**
   * A session that was written less than so many seconds ago is not touched; under express-session it ends so much earlier, as with
   * connect-mongo. Sessile's own middleware takes it for its `touchSlack`: no session ends early, some that much later. Default 0.
   */
  touchAfter?: number
  /** Whether sessions are stored as text or as objects. Default true: as text. */
  stringify?: boolean
  /** No longer an option of connect-mongo; refused, as it does. */
  createAutoRemoveIdx?: boolean
  /** What deletes expired sessions: an index of MongoDB's, this process, or nothing. Default `native`. */
  autoRemove?: 'native' | 'interval' | 'disabled'
  /** Minutes, for `interval`. Default 10. */
  autoRemoveInterval?: number
  /** In place of JSON: what is to be stored of a session, text or an object. */
  serialize?: (session: T) => Theirs
  unserialize?: (stored: Theirs) => T
  /** Write concern. Default: by a majority. */
  writeOperationOptions?: object
  /** What a session is stored under, made of its id. */
  transformId?: (sid: string) => string
  /** Encrypts sessions as connect-mongo does. */
  crypto?: CryptoOptions
  /** Encrypts them in a form of your own. */
  cryptoAdapter?: CryptoAdapter
  /** Keep `createdAt` and `updatedAt` in each document. Default false. */
  timestamps?: boolean
}

/** The options with their defaults. */
export interface ResolvedConnectMongoOptions extends Omit<ConnectMongoOptions, 'cryptoAdapter'> {
  collectionName: string
  ttl: number
  mongoOptions: object
  autoRemove: 'native' | 'interval' | 'disabled'
  autoRemoveInterval: number
  touchAfter: number
  stringify: boolean
  timestamps: boolean
  cryptoAdapter: CryptoAdapter | null
}

const FORTNIGHT_S = 1_209_600
/** A Node timer takes 2^31 - 1 ms. */
const LONGEST_INTERVAL_MIN = 71_582

/** @throws SessionError `bad-option` */
export function resolveConnectMongoOptions(given: ConnectMongoOptions): ResolvedConnectMongoOptions {
  const options = {
    collectionName: 'sessions',
    ttl: FORTNIGHT_S,
    mongoOptions: {},
    autoRemove: 'native' as const,
    autoRemoveInterval: 10,
    touchAfter: 0,
    stringify: true,
    timestamps: false,
    ...withoutUndefined(given)
  }
  if (!options.mongoUrl && !options.clientPromise && !options.client)
    throw refusal('You must provide either mongoUrl|clientPromise|client in options')
  if (options.createAutoRemoveIdx != null)
    throw refusal('options.createAutoRemoveIdx has been reverted to autoRemove and autoRemoveInterval')
  if (options.autoRemoveInterval > LONGEST_INTERVAL_MIN)
    throw refusal('autoRemoveInterval is too large. options.autoRemoveInterval is in minutes but not seconds nor mills')
  if (options.crypto && options.cryptoAdapter) throw refusal('Provide either the legacy crypto option or cryptoAdapter, not both')
  const isEncrypted = options.crypto !== undefined && options.crypto.secret !== false
  return { ...options, cryptoAdapter: options.cryptoAdapter ?? (isEncrypted ? createKrupteinAdapter(options.crypto!) : null) }
}

function withoutUndefined(given: ConnectMongoOptions): ConnectMongoOptions {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ConnectMongoOptions
}

/** How sessions stand in their documents. */
export function formOf({ serialize, unserialize, stringify, cryptoAdapter }: ResolvedConnectMongoOptions): SessionForm {
  if (serialize || unserialize) {
    return serializedForm({
      serialize: (serialize ?? plainOf) as (session: never) => unknown,
      unserialize: (unserialize ?? ((stored: unknown) => stored)) as (stored: never) => unknown,
      stringify,
      adapter: cryptoAdapter ?? undefined
    })
  }
  return cryptoAdapter ? encryptedForm(cryptoAdapter) : plainForm(stringify)
}

/** What connect-mongo stores of a session where it is not text: its attributes and its cookie's. */
function plainOf(session: { cookie?: { toJSON?: () => unknown } }): object {
  const { cookie } = session
  return { ...session, cookie: typeof cookie?.toJSON === 'function' ? cookie.toJSON() : cookie }
}
