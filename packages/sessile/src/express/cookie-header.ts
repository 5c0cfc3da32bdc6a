import { isMacOf, sign, unsign, type Secret } from '../core/signatures.ts'
import type { SessionRequest } from './types.ts'

const QUOTE = 34
const EQUALS = 61

/** The value of the first cookie of that name in a Cookie header: quotes removed, percent-decoded where that works. */
export function cookieValue(header: string, name: string): string | undefined {
  return find(header, name) ? decoded(header.slice(found.start, found.end)) : undefined
}

/** Where `find` found a value: kept here, so that looking makes no object. */
const found = { start: 0, end: 0 }

function find(header: string, name: string): boolean {
  // often it is the only one, or the first
  if (header.startsWith(name) && header.charCodeAt(name.length) === EQUALS) {
    const end = header.indexOf(';', name.length)
    unquote(header, name.length + 1, end === -1 ? header.length : end)
    return true
  }
  let index = 0
  while (index < header.length) {
    const equals = header.indexOf('=', index)
    if (equals === -1) return false
    let end = header.indexOf(';', index)
    if (end === -1) end = header.length
    if (equals > end) {
      // a part without '='
      index = header.lastIndexOf(';', equals - 1) + 1
      continue
    }
    const start = firstOther(header, index, equals)
    const length = afterLastOther(header, equals, start) - start
    if (length === name.length && header.startsWith(name, start)) {
      unquote(header, equals + 1, end)
      return true
    }
    index = end + 1
  }
  return false
}

function unquote(header: string, from: number, to: number): void {
  let start = firstOther(header, from, to)
  let end = afterLastOther(header, to, start)
  if (header.charCodeAt(start) === QUOTE && header.charCodeAt(end - 1) === QUOTE) {
    start++
    end--
  }
  found.start = start
  found.end = end
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
  if (header && find(header, name)) {
    const { start, end } = found
    const cookie = unchanged(header, start, end, secrets[0]!) ?? verified(decoded(header.slice(start, end)), secrets)
    if (cookie) return cookie
  }
  const signed = req.signedCookies?.[name]
  if (typeof signed === 'string' && signed !== '') {
    fallback()
    return { id: signed, sent: undefined }
  }
  const cookie = verified(req.cookies?.[name], secrets)
  if (cookie) fallback()
  return cookie ?? NOTHING
}

/** The value for the id that a request came with: nothing is signed again that was sent just so. */
export function valueAgain(cookie: RequestCookie, secret: Secret): string {
  const { id, sent } = cookie
  return sent !== undefined && AS_WE_SEND.test(sent) ? sent : valueFor(id!, secret)
}

/** A value as we send it, from a browser that did not change it: nearly all are, and need no decoding. */
function unchanged(header: string, start: number, end: number, secret: Secret): RequestCookie | undefined {
  if (!header.startsWith(ENCODED, start)) return undefined
  const idStart = start + ENCODED.length
  // an id with a dot of its own takes the other way: no MAC has one
  const dot = header.indexOf('.', idStart)
  if (dot === idStart || dot === -1 || dot >= end) return undefined
  const percent = header.indexOf('%', idStart)
  if (percent !== -1 && percent < dot) return undefined
  const id = header.slice(idStart, dot)
  return isMacOf(id, header, dot + 1, end, secret) ? new SentCookie(id, header, start, end) : undefined
}

/** Cuts its value out of the header only when it is to be sent again. */
class SentCookie implements RequestCookie {
  readonly id: string
  readonly #header: string
  readonly #start: number
  readonly #end: number

  constructor(id: string, header: string, start: number, end: number) {
    this.id = id
    this.#header = header
    this.#start = start
    this.#end = end
  }

  get sent(): string {
    return this.#header.slice(this.#start, this.#end)
  }
}

function verified(value: unknown, secrets: readonly Secret[]): RequestCookie | undefined {
  if (typeof value !== 'string' || !value.startsWith('s:')) return undefined
  // an empty id counts as none
  const id = unsign(value.slice(2), secrets as Secret[])
  return id ? { id, sent: undefined } : undefined
}
