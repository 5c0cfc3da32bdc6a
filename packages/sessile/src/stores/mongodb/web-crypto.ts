import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from 'node:crypto'
import type { CipherGCM, CipherGCMTypes, DecipherGCM } from 'node:crypto'
import { promisify } from 'node:util'
import type { CryptoAdapter } from './kruptein.ts'
import { refusal } from './refusal.ts'

/** The form that connect-mongo 6 stores with its Web Crypto adapter: nonce, ciphertext and tag, one after the other, encoded as text. */

type Bytes = string | ArrayBuffer | ArrayBufferView

export interface WebCryptoAdapterOptions {
  readonly secret: Bytes
  /** Default 12 for AES-GCM, 16 for AES-CBC. */
  readonly ivLength?: number
  /** Default `base64`. */
  readonly encoding?: 'base64' | 'base64url' | 'hex'
  /** Default `AES-GCM`. */
  readonly algorithm?: 'AES-GCM' | 'AES-CBC'
  readonly salt?: Bytes
  /** Of PBKDF2 with SHA-256. Default 310000. */
  readonly iterations?: number
}

const DEFAULT_SALT = 'connect-mongo:webcrypto-default-salt'
const KEY_BYTES = 32
const TAG_BYTES = 16

const derive = promisify(pbkdf2)

/** The key is derived once, beside the process's work. @throws SessionError `bad-option` */
export function createWebCryptoAdapter(options: WebCryptoAdapterOptions): CryptoAdapter {
  const { secret, encoding = 'base64', algorithm = 'AES-GCM', salt = DEFAULT_SALT, iterations = 310_000 } = options
  if (!secret) throw refusal('createWebCryptoAdapter requires a secret')
  const isAuthenticated = algorithm === 'AES-GCM'
  const name = (isAuthenticated ? 'aes-256-gcm' : 'aes-256-cbc') as CipherGCMTypes
  const nonceBytes = options.ivLength ?? (isAuthenticated ? 12 : 16)
  const tagBytes = isAuthenticated ? TAG_BYTES : 0
  const key = derive(bytesOf(secret), bytesOf(salt), iterations, KEY_BYTES, 'sha256')
  key.catch(() => {})

  return {
    async encrypt(plaintext) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv(name, await key, nonce) as CipherGCM
      const parts = [nonce, cipher.update(plaintext, 'utf8'), cipher.final()]
      if (isAuthenticated) parts.push(cipher.getAuthTag())
      return Buffer.concat(parts).toString(encoding)
    },

    async decrypt(stored) {
      const bytes = Buffer.from(stored, encoding)
      const decipher = createDecipheriv(name, await key, bytes.subarray(0, nonceBytes)) as DecipherGCM
      if (isAuthenticated) decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      const content = bytes.subarray(nonceBytes, bytes.length - tagBytes)
      return Buffer.concat([decipher.update(content), decipher.final()]).toString()
    }
  }
}

function bytesOf(value: Bytes): Uint8Array | string {
  if (typeof value === 'string') return value
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value)
}
