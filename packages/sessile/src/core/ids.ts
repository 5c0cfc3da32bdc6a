import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  randomFillSync,
  timingSafeEqual,
  type KeyObject
} from 'node:crypto'
import { Recent } from './recent.ts'
import { derive, secretList, type Secret, type Secrets } from './signatures.ts'

const ID_BYTES = 24
const pool = Buffer.alloc(ID_BYTES * 128)
const words = new Uint32Array(pool.buffer, pool.byteOffset, pool.length / 4)
let used = pool.length

/** A new id: 24 random bytes as 32 characters of base64url. Random bytes are fetched in bulk, which is 18 times cheaper. */
export function newId(): string {
  if (used >= pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const start = used
  used += ID_BYTES
  const id = pool.toString('base64url', start, used)
  // what has become an id must not stay readable in memory dumps longer than needed
  for (let at = start / 4; at < used / 4; at++) words[at] = 0
  return id
}

/** A short tag that no other write carries. */
export function newTag(): string {
  return newId().slice(0, 12)
}

/** What is stored in place of an id where ids are hashed: SHA-256, base64url. */
export function hashId(id: string): string {
  return hash('sha256', id, 'base64url')
}

const IV_BYTES = 16
const PACKED = 1
const PLAIN = 0
const handleKeys = new WeakMap<object, HandleKeys>()
const handleKeysOfText = new Map<string, HandleKeys>()
/** A busy session's handle is asked for at each of its requests, and making one costs ten times as much as finding it here. */
const HANDLES_KEPT = 10_000
interface HandleKeys {
  readonly mac: KeyObject
  readonly cipher: KeyObject
  readonly handles: Recent<string>
}

function keysOf(secret: Secret): HandleKeys {
  const known = typeof secret === 'string' ? handleKeysOfText.get(secret) : handleKeys.get(secret)
  if (known) return known
  const bytes = derive(secret, 'handle', 64)
  // key objects: with the bytes themselves each use takes five times as long
  const keys = {
    mac: createSecretKey(bytes.subarray(0, 32)),
    cipher: createSecretKey(bytes.subarray(32)),
    handles: new Recent<string>(HANDLES_KEPT)
  }
  if (typeof secret === 'string') handleKeysOfText.set(secret, keys)
  else handleKeys.set(secret, keys)
  return keys
}

/**
 * The handle of a stored key: what people, logs and APIs see in place of an id. The same key has the same handle as long as
 * the first secret stays; it leads back to the key without a search, and is useless as a cookie.
 * Deterministic encryption: the nonce is an HMAC of the key, which is checked again when a handle is opened.
 */
export function handleOf(key: string, secrets: Secrets): string {
  const { mac, cipher, handles } = keysOf(secretList(secrets)[0]!)
  const known = handles.get(key)
  if (known !== undefined) return known
  const packed = Buffer.from(key, 'base64url')
  const isPacked = packed.toString('base64url') === key
  const plain = Buffer.concat([Buffer.of(isPacked ? PACKED : PLAIN), isPacked ? packed : Buffer.from(key)])
  const iv = createHmac('sha256', mac).update(plain).digest().subarray(0, IV_BYTES)
  const encrypt = createCipheriv('aes-256-ctr', cipher, iv)
  const handle = Buffer.concat([iv, encrypt.update(plain), encrypt.final()]).toString('base64url')
  handles.set(key, handle)
  return handle
}

/** The key that a handle stands for, or `undefined` when it is not a handle made with one of these secrets. */
export function keyOfHandle(handle: unknown, secrets: Secrets): string | undefined {
  if (typeof handle !== 'string' || handle.length > 1000 || !/^[\w-]+$/.test(handle)) return undefined
  const bytes = Buffer.from(handle, 'base64url')
  if (bytes.length <= IV_BYTES + 1) return undefined
  const iv = bytes.subarray(0, IV_BYTES)
  for (const secret of secretList(secrets)) {
    const { mac, cipher } = keysOf(secret)
    const decrypt = createDecipheriv('aes-256-ctr', cipher, iv)
    const plain = Buffer.concat([decrypt.update(bytes.subarray(IV_BYTES)), decrypt.final()])
    const expected = createHmac('sha256', mac).update(plain).digest().subarray(0, IV_BYTES)
    if (timingSafeEqual(expected, iv)) return plain.toString(plain[0] === PACKED ? 'base64url' : 'utf8', 1)
  }
  return undefined
}
