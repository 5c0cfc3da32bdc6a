import { endsInMacOf, sign, unsign, type Secret } from '../core/signatures.ts'
import type { SessionRequest } from './types.ts'

const QUOTE = 34

/** The value of the first cookie of that name in a Cookie header: quotes removed, percent-decoded where that works. */
export function cookieValue(header: string, name: string): string | undefined {
  const sent = sentValue(header, name)
  return sent === undefined ? undefined : decoded(sent)
}

function sentValue(header: string, name: string): string | undefined {
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
    if (length === name.length && header.startsWith(name, start)) return unquoted(header, equals + 1, end)
    index = end + 1
  }
  return undefined
}

function unquoted(header: string, from: number, to: number): string {
  let start = firstOther(header, from, to)
  let end = afterLastOther(header, to, start)
  if (header.charCodeAt(start) === QUOTE && header.charCodeAt(end - 1) === QUOTE) {
    start++
    end--
  }
  return header.slice(start, end)
}

function decoded(value: string): string {
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

/** What a cookie carries, percent-encoded: `s:` and the id, signed. */
export function valueFor(id: string, secret: Secret): string {
  return encodeURIComponent(`s:${sign(id, secret)}`)
}

/** What a request brought. */
export interface RequestCookie {
  /** The verified id. */
  readonly id: string | undefined
  /** The value as it was sent, if the first secret signed it. */
  readonly sent: string | undefined
}

const NOTHING: RequestCookie = Object.freeze({ id: undefined, sent: undefined })
/** How `s:` is sent. */
const ENCODED = 's%3A'
const AS_WE_SEND = /^s%3A[\w-]+\.(?:\w|%2B|%2F)+$/

/**
 * The verified id that a request came with. The header is asked first, then what cookie-parser found.
 * @param fallback told when the id was found outside of the header
 */
export function requestCookie(req: SessionRequest, name: string, secrets: readonly Secret[], fallback: () => void): RequestCookie {
  const header = req.headers.cookie
  if (header) {
    const sent = sentValue(header, name)
    const found = sent === undefined ? undefined : (unchanged(sent, secrets[0]!) ?? verified(decoded(sent), secrets))
    if (found) return found
  }
  const signed = req.signedCookies?.[name]
  if (typeof signed === 'string' && signed !== '') {
    fallback()
    return { id: signed, sent: undefined }
  }
  const found = verified(req.cookies?.[name], secrets)
  if (found) fallback()
  return found ?? NOTHING
}

/** The value for the id that a request came with: nothing is signed again that was sent just so. */
export function valueAgain({ id, sent }: RequestCookie, secret: Secret): string {
  return sent !== undefined && AS_WE_SEND.test(sent) ? sent : valueFor(id!, secret)
}

/** A value as we send it, from a browser that did not change it: nearly all are, and need no decoding. */
function unchanged(sent: string, secret: Secret): RequestCookie | undefined {
  const dot = sent.lastIndexOf('.')
  if (dot <= ENCODED.length || !sent.startsWith(ENCODED)) return undefined
  const id = sent.slice(ENCODED.length, dot)
  return !id.includes('%') && endsInMacOf(id, sent, dot + 1, secret) ? { id, sent } : undefined
}

function verified(value: unknown, secrets: readonly Secret[]): RequestCookie | undefined {
  if (typeof value !== 'string' || !value.startsWith('s:')) return undefined
  // an empty id counts as none
  const id = unsign(value.slice(2), secrets as Secret[])
  return id ? { id, sent: undefined } : undefined
}
