import { createCipheriv, createDecipheriv, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import type { BinaryToTextEncoding, CipherGCM, CipherGCMTypes, DecipherGCM } from 'node:crypto'
import { promisify } from 'node:util'
import { refusal } from './refusal.ts'

/**
 * The form in which connect-mongo 6 stores an encrypted session, which is that of the package kruptein 3.0.8: a DER sequence of octet
 * strings (ciphertext, its MAC, nonce, salt, and for authenticated ciphers tag and associated data), encoded as text; ciphertext, MAC
 * and associated data are texts in that encoding themselves. The plaintext is quoted as JSON once more.
 *
 * Written here instead of taken from there, since that package derives its key within the tick: ten milliseconds for each session
 * that is read or written, in which the process does nothing else.
 */

export interface CryptoOptions {
  /** What sessions are encrypted with; `false`: they are not. */
  readonly secret: false | string
  /** As OpenSSL calls it. Default `aes-256-gcm`. */
  readonly algorithm?: string
  /** Of the key derivation and the MAC. Default `sha512`. */
  readonly hashing?: string
  /** `base64` (default) or `hex`. */
  readonly encodeas?: string
  /** Not used, nor are the next two: the sizes are those of the algorithm, as connect-mongo has them in the end. */
  readonly key_size?: number
  readonly iv_size?: number
  readonly at_size?: number
}

/** Encrypts and decrypts the text of sessions. */
export interface CryptoAdapter {
  encrypt: (unencryptedPayload: string) => Promise<string>
  decrypt: (encryptedPayload: string) => Promise<string>
}

const ROUNDS = 15_000
const SALT_BYTES = 128
const TAG_BYTES = 16
const SEQUENCE = 0x30
const OCTETS = 0x04

const derive = promisify(pbkdf2)

/** @throws SessionError `bad-option` */
export function createKrupteinAdapter(options: CryptoOptions): CryptoAdapter {
  const { secret, algorithm = 'aes-256-gcm', hashing = 'sha512', encodeas = 'base64' } = options
  if (!secret) throw refusal('createKrupteinAdapter requires a non-empty secret')
  if (/ccm|ecb|ocb2|xts/.test(algorithm)) throw refusal(`The cipher mode of ${algorithm} is not supported.`)
  const encoding = encodeas as BinaryToTextEncoding
  const isAuthenticated = /gcm|ocb/.test(algorithm)
  const keyBytes = /128/.test(algorithm) ? 16 : /192/.test(algorithm) ? 24 : 32
  const nonceBytes = isAuthenticated ? 12 : 16
  const keyOf = (salt: Buffer): Promise<Buffer> => derive(secret, salt, ROUNDS, keyBytes, hashing)
  const macOf = (key: Buffer, content: string | Buffer): string => createHmac(hashing, key).update(content).digest(encoding)
  const cipherOptions = { authTagLength: TAG_BYTES }

  return {
    async encrypt(plaintext) {
      const content = Buffer.from(JSON.stringify(plaintext))
      const salt = randomBytes(SALT_BYTES)
      const key = await keyOf(salt)
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(algorithm as CipherGCMTypes, key, nonce, cipherOptions) as CipherGCM
      const associated = macOf(randomBytes(SALT_BYTES), content)
      if (isAuthenticated) cipher.setAAD(Buffer.from(associated, encoding), { plaintextLength: content.length })
      const text = Buffer.concat([cipher.update(content), cipher.final()]).toString(encoding)
      const parts: (string | Buffer)[] = [text, macOf(key, text), nonce, salt]
      if (isAuthenticated) parts.push(cipher.getAuthTag(), associated)
      return sequenceOf(parts.map((part) => Buffer.from(part as string))).toString(encoding)
    },

    async decrypt(stored) {
      const parts = partsOf(Buffer.from(stored, encoding), isAuthenticated ? 6 : 4)
      const [text, mac, nonce, salt, tag, associated] = parts as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
      const key = await keyOf(salt)
      const expected = Buffer.from(macOf(key, text))
      if (expected.length !== mac.length || !timingSafeEqual(expected, mac)) {
        throw new Error('The session was encrypted with another secret, or tampered with.')
      }
      const decipher = createDecipheriv(algorithm as CipherGCMTypes, key, nonce, cipherOptions) as DecipherGCM
      if (isAuthenticated) {
        decipher.setAuthTag(tag)
        decipher.setAAD(Buffer.from(associated.toString(), encoding), { plaintextLength: text.length })
      }
      return Buffer.concat([decipher.update(Buffer.from(text.toString(), encoding)), decipher.final()]).toString()
    }
  }
}

function sequenceOf(parts: readonly Buffer[]): Buffer {
  return element(SEQUENCE, Buffer.concat(parts.map((part) => element(OCTETS, part))))
}

function element(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 128) return Buffer.concat([Buffer.of(tag, length), content])
  const hex = length.toString(16)
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')
  return Buffer.concat([Buffer.of(tag, 0x80 | bytes.length), bytes, content])
}

/** @throws Error for what is no sequence of so many octet strings */
function partsOf(encoded: Buffer, count: number): Buffer[] {
  const parts: Buffer[] = []
  for (let rest = contentOf(SEQUENCE, encoded).content; parts.length < count;) {
    const { content, after } = contentOf(OCTETS, rest)
    parts.push(content)
    rest = after
  }
  return parts
}

function contentOf(tag: number, encoded: Buffer): { content: Buffer; after: Buffer } {
  const first = encoded[1] ?? 0
  const start = first < 0x80 ? 2 : 2 + (first & 0x7f)
  const length = first < 0x80 ? first : start > 2 && start <= 6 ? encoded.readUIntBE(2, start - 2) : NaN
  if (encoded[0] !== tag || !(start + length <= encoded.length))
    throw new Error('The session is not encrypted in the form of connect-mongo.')
  return { content: encoded.subarray(start, start + length), after: encoded.subarray(start + length) }
}
