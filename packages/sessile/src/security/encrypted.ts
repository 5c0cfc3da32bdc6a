import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { supports, wrapBackend, type NewRecord, type SessionBackend, type StoredRecord } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { chain } from '../core/maybe.ts'
import { derive, secretList, type Secret, type Secrets } from '../core/signatures.ts'
import { backendByUrl } from '../stores/by-url.ts'
import { weakness } from '../express/review.ts'

/** What `encrypted` takes. */
export interface EncryptionOptions {
  /**
   * What records are encrypted with, by a key derived from it: 32 random bytes, or a text of 32 characters at least. In a list the
   * first encrypts and all decrypt; it is held by reference, so secrets may rotate while running.
   */
  secret: Secrets
  /**
   * Take records that are not encrypted as well; each is encrypted when it is written next. For the time of the change only: while
   * it is on, whoever can write to the store can plant a session of his own making. Default: false.
   */
  migrate?: boolean
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
/** To older readers an empty session, and JSON, which some stores ask for. */
const BEFORE = '{"cookie":{},"~":{"e":"'
const AFTER = '"}}'

const made = new WeakSet<object>()

/**
 * A store whose records are encrypted: `store: encrypted('redis://localhost', { secret })`. Whoever reads the store, its backups or its
 * traffic sees of a session its key (give `hashIds: true`), its user's id, when it ends and how long its text is; whoever writes to it can
 * neither change a record nor put one in another's place, only take it away or put back an older state of the same session. What
 * does not decrypt is no session, as any record that cannot be read (event `unreadable-record`). What is kept beside the sessions
 * (counters, marks, the monitor's log) holds none of their data and stays as it is.
 *
 * AES-256-GCM with a fresh nonce for each write, under a key of the record's own: random nonces are good for 2^32 writes under one key
 * (NIST SP 800-38D, 8.3), which all sessions of a busy site together would reach.
 * @param store a URL, or a backend of ours; stores written for express-session take objects, not text
 * @throws SessionError `bad-option`
 */
export function encrypted(store: string | SessionBackend, { secret, migrate = false }: EncryptionOptions): SessionBackend {
  const backend = typeof store === 'string' ? backendByUrl(store) : store
  if (typeof backend?.read !== 'function' || typeof backend.swap !== 'function') {
    throw new SessionError('bad-option', 'encrypted() takes a URL or a store of sessile: those written for express-session take objects.')
  }
  for (const one of secretList(secret ?? '')) {
    const fault = weakness(one)
    if (fault) throw new SessionError('bad-option', `The secret of encrypted() ${fault}.`)
  }
  const ring = new Ring(secret)
  const sealed = (key: string, { data, expiresAt, userId }: NewRecord): NewRecord => ({ data: ring.seal(key, data), expiresAt, userId })
  const opened = (key: string, record: StoredRecord): StoredRecord => {
    const { object: _, ...plain } = record
    const text = ring.open(key, record.data)
    if (typeof text === 'string') return { ...plain, data: text }
    if (text.plain && migrate) return record
    return { ...plain, data: '', unreadable: text.reason }
  }
  const ifAny = (key: string) => (record: StoredRecord | undefined) => record && opened(key, record)
  // the version stays the store's: where that is the stored text, it is the encrypted one
  const wrapped: SessionBackend = {
    ...wrapBackend(backend, (_, call) => call()),
    read: (key) => chain(backend.read(key), ifAny(key)),
    create: (key, next) => backend.create(key, sealed(key, next)),
    swap: (key, expected, next) => backend.swap(key, expected, sealed(key, next)),
    remove: (key) => chain(backend.remove(key), ifAny(key))
  }
  if (supports(backend, 'space')) wrapped.space = (name) => backend.space(name)
  if (supports(backend, 'scan')) {
    wrapped.scan = (cursor, limit) =>
      chain(backend.scan(cursor, limit), (page) => ({
        ...page,
        records: page.records.map(({ key, record }) => ({ key, record: opened(key, record) }))
      }))
  }
  if (supports(backend, 'removeExpired')) {
    wrapped.removeExpired = (limit) =>
      chain(backend.removeExpired(limit), (expired) =>
        expired.map((one) => {
          const text = ring.open(one.key, one.data)
          return typeof text === 'string' ? { ...one, data: text } : text.plain && migrate ? one : { ...one, data: '' }
        })
      )
  }
  made.add(wrapped)
  return wrapped
}

/** Whether what was given to `session()` as its store is encrypted. */
export function isEncrypted(store: unknown): boolean {
  const { backend } = (store ?? {}) as { backend?: unknown }
  return [store, backend].some((one) => typeof one === 'object' && one !== null && made.has(one))
}

/** Why a stored text was not decrypted. */
interface Unopened {
  readonly reason: string
  /** Whether it never was encrypted. */
  readonly plain: boolean
}

interface RingKey {
  /** Eight characters, in each record that was encrypted with it. */
  readonly id: string
  readonly bytes: Buffer
}

/** The keys of the secrets, made once each. */
class Ring {
  readonly #secrets: Secrets
  readonly #keys = new Map<Secret, RingKey>()

  constructor(secrets: Secrets) {
    this.#secrets = secrets
  }

  #keyOf(secret: Secret): RingKey {
    let key = this.#keys.get(secret)
    if (!key) {
      const bytes = derive(secret, 'records', 38)
      key = { id: bytes.toString('base64url', 32), bytes: bytes.subarray(0, 32) }
      this.#keys.set(secret, key)
    }
    return key
  }

  seal(place: string, text: string): string {
    const { id, bytes } = this.#keyOf(secretList(this.#secrets)[0]!)
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', keyAt(bytes, place), nonce).setAAD(Buffer.from(place))
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return `${BEFORE}${id}.${sealed.toString('base64url')}${AFTER}`
  }

  open(place: string, stored: string): string | Unopened {
    const [id, body] = sealedIn(stored)
    if (id === undefined || body === undefined) return { reason: 'It is not encrypted.', plain: true }
    const secret = secretList(this.#secrets).find((one) => this.#keyOf(one).id === id)
    if (secret === undefined) return { reason: 'It was encrypted with a secret that is not in the list.', plain: false }
    try {
      const sealed = Buffer.from(body, 'base64url')
      const nonce = sealed.subarray(0, NONCE_BYTES)
      const options = { authTagLength: TAG_BYTES }
      const decipher = createDecipheriv('aes-256-gcm', keyAt(this.#keyOf(secret).bytes, place), nonce, options)
      decipher.setAAD(Buffer.from(place)).setAuthTag(sealed.subarray(-TAG_BYTES))
      return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    } catch {
      return { reason: 'It was changed, or put here from another place.', plain: false }
    }
  }
}

/** The key of one record. */
function keyAt(key: Buffer, place: string): Buffer {
  return createHmac('sha256', key).update(place).digest()
}

/** Key id and body of an encrypted record; stores that keep objects may have written its members anew. */
function sealedIn(stored: string): (string | undefined)[] {
  if (stored.startsWith(BEFORE) && stored.endsWith(AFTER)) return stored.slice(BEFORE.length, -AFTER.length).split('.')
  try {
    const { '~': meta } = JSON.parse(stored) as { '~'?: { e?: unknown } }
    return typeof meta?.e === 'string' ? meta.e.split('.') : []
  } catch {
    return []
  }
}
