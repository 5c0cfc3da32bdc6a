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

/**
 * The verified id that a request came with, or `undefined`. The header is asked first, then what cookie-parser found.
 * @param fallback told when the id was found outside of the header
 */
export function requestId(
  req: SessionRequest,
  name: string,
  secrets: readonly Secret[],
  fallback: () => void
): string | undefined {
  const header = req.headers.cookie
  if (header) {
    const id = verified(cookieValue(header, name), secrets)
    if (id) return id
  }
  const signed = req.signedCookies?.[name]
  if (typeof signed === 'string' && signed !== '') {
    fallback()
    return signed
  }
  const id = verified(req.cookies?.[name], secrets)
  if (id) fallback()
  return id || undefined
}

function verified(value: unknown, secrets: readonly Secret[]): string | undefined {
  if (typeof value !== 'string' || value.charCodeAt(0) !== 115 || value.charCodeAt(1) !== 58) return undefined
  return unsign(value.slice(2), secrets as Secret[])
}
