import { sign, unsign, type Secret } from '../core/signatures.ts'
import type { SessionRequest } from './types.ts'

const QUOTE = 34

/** The value of the first cookie of that name in a Cookie header: quotes removed, percent-decoded where that works. */
export function cookieValue(header: string, name: string): string | undefined {
  let index = 0
  while (index < header.length) {
    const equals = header.indexOf('=', index)
    if (equals === -1) return undefined
    let end = header.indexOf(';', index)
    if (end === -1) end = header.length
    if (equals > end) {
      // a part without '='
      index = header.lastIndexOf(';', equals - 1) + 1
      continue
    }
    const start = firstOther(header, index, equals)
    const length = afterLastOther(header, equals, start) - start
    if (length === name.length && header.startsWith(name, start)) return decoded(header, equals + 1, end)
    index = end + 1
  }
  return undefined
}

function decoded(header: string, from: number, to: number): string {
  let start = firstOther(header, from, to)
  let end = afterLastOther(header, to, start)
  if (header.charCodeAt(start) === QUOTE && header.charCodeAt(end - 1) === QUOTE) {
    start++
    end--
  }
  const value = header.slice(start, end)
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** Space and tab alone are space here: a wider trim would let a name pass for another one. */
function isSpace(code: number): boolean {
  return code === 32 || code === 9
}

function firstOther(text: string, from: number, to: number): number {
  let at = from
  while (at < to && isSpace(text.charCodeAt(at))) at++
  return at
}

function afterLastOther(text: string, from: number, to: number): number {
  let at = from
  while (at > to && isSpace(text.charCodeAt(at - 1))) at--
  return at
}

/** What a cookie carries: `s:` and the id, signed. */
export function signedValue(id: string, secret: Secret): string {
  return `s:${sign(id, secret)}`
}

/** What a request brought. */
export interface RequestCookie {
  /** The verified id. */
  readonly id: string | undefined
  /** The signed value, if it is just what would be sent now. */
  readonly signed: string | undefined
}

const NOTHING: RequestCookie = Object.freeze({ id: undefined, signed: undefined })

/**
 * The verified id that a request came with. The header is asked first, then what cookie-parser found.
 * @param fallback told when the id was found outside of the header
 */
export function requestCookie(req: SessionRequest, name: string, secrets: readonly Secret[], fallback: () => void): RequestCookie {
  const header = req.headers.cookie
  if (header) {
    const found = verified(cookieValue(header, name), secrets)
    if (found) return found
  }
  const signed = req.signedCookies?.[name]
  if (typeof signed === 'string' && signed !== '') {
    fallback()
    return { id: signed, signed: undefined }
  }
  const found = verified(req.cookies?.[name], secrets)
  if (found) fallback()
  return found ?? NOTHING
}

function verified(value: unknown, secrets: readonly Secret[]): RequestCookie | undefined {
  if (typeof value !== 'string' || !value.startsWith('s:')) return undefined
  const text = value.slice(2)
  const first = unsign(text, secrets[0]!)
  // an empty id counts as none
  if (first !== undefined) return first === '' ? undefined : { id: first, signed: value }
  if (secrets.length < 2) return undefined
  const id = unsign(text, secrets.slice(1))
  return id ? { id, signed: undefined } : undefined
}
