import { createSecretKey, hkdfSync, KeyObject } from 'node:crypto'
import signature from 'cookie-signature'

/** One secret: text, bytes, or a key made by `node:crypto`. */
export type Secret = string | NodeJS.ArrayBufferView | KeyObject

/** One secret, or several: the first signs, all are accepted. A list is held by reference, so secrets may rotate while running. */
export type Secrets = Secret | Secret[]

const byText = new Map<string, KeyObject>()
const byReference = new WeakMap<object, KeyObject>()

/** The key of a secret, made once: signing with text would make it again at every call. */
export function keyObject(secret: Secret): KeyObject {
  if (secret instanceof KeyObject) return secret
  const known = typeof secret === 'string' ? byText.get(secret) : byReference.get(secret)
  if (known) return known
  const made = createSecretKey(typeof secret === 'string' ? Buffer.from(secret) : secret)
  if (typeof secret === 'string') byText.set(secret, made)
  else byReference.set(secret, made)
  return made
}

/** The secrets as a list; only true arrays are lists. */
export function secretList(secrets: Secrets): readonly Secret[] {
  return Array.isArray(secrets) ? secrets : [secrets]
}

/** `id.mac`, as express-session signs; with a key that is made only once. */
export function sign(id: string, secret: Secret): string {
  return signature.sign(id, keyObject(secret))
}

/**
 * The id of a signed value, or `undefined` when no secret signed it.
 * Compared in constant time, one secret after the other; the id ends at the last dot.
 */
export function unsign(signed: string, secrets: Secrets): string | undefined {
  for (const secret of secretList(secrets)) {
    const id = signature.unsign(signed, keyObject(secret))
    if (id !== false) return id
  }
  return undefined
}

/**
 * Bytes for one purpose, derived from a secret (HKDF-SHA256): knowing those of one purpose tells nothing of another's.
 * @param purpose a fixed label, such as `handle`
 */
export function derive(secret: Secret, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', keyObject(secret), '', `sessile ${purpose}`, bytes))
}
