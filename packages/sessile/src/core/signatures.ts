import { createSecretKey, hkdfSync, KeyObject } from 'node:crypto'
import { Mac } from './mac.ts'

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

const macs = new WeakMap<KeyObject, Mac>()

function macOf(secret: Secret): Mac {
  const key = keyObject(secret)
  let mac = macs.get(key)
  if (!mac) {
    mac = new Mac(key)
    macs.set(key, mac)
  }
  return mac
}

/** `id.mac`, as express-session signs (and `cookie-signature`). */
export function sign(id: string, secret: Secret): string {
  return `${id}.${macOf(secret).of(id)}`
}

/**
 * The id of a signed value, or `undefined` when no secret signed it.
 * Compared in constant time, one secret after the other; the id ends at the last dot.
 */
export function unsign(signed: string, secrets: Secrets): string | undefined {
  const dot = signed.lastIndexOf('.')
  if (dot === -1) return undefined
  const id = signed.slice(0, dot)
  const mac = signed.slice(dot + 1)
  for (const secret of secretList(secrets)) {
    if (macOf(secret).verifies(id, mac)) return id
  }
  return undefined
}

/**
 * Whether a part of a text, from `from` to `to`, is the percent-encoded MAC of an id, as cookies are sent.
 * @returns false also where it has to be decoded to be told
 */
export function isMacOf(id: string, text: string, from: number, to: number, secret: Secret): boolean {
  return macOf(secret).verifiesEncoded(id, text, from, to)
}

/**
 * Bytes for one purpose, derived from a secret (HKDF-SHA256): knowing those of one purpose tells nothing of another's.
 * @param purpose a fixed label, such as `handle`
 */
export function derive(secret: Secret, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', keyObject(secret), '', `sessile ${purpose}`, bytes))
}
