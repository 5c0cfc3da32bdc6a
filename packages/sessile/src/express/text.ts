import { isSessionError } from '../core/errors.ts'
import type { CookieData } from './cookie.ts'
import { unstorable } from './storable.ts'
import { TRACKED } from './types.ts'

/** How express-session and its stores begin a record. Every other text is taken for what it parses to. */
const OPENING = '{"cookie":{'
const MAX_AGE = '"originalMaxAge":'
const COMMA = 44
const QUOTE = 34
const BACKSLASH = 92
const OPEN = 123
const CLOSE = 125

/** Whether the cookie comes first, as in every record that express-session or this package wrote. */
export function cookieFirst(text: string): boolean {
  return text.startsWith(OPENING)
}

/** Where the cookie's object ends in a text of which `cookieFirst` holds. */
function cookieEnd(text: string): number {
  let depth = 1
  let quoted = false
  for (let at = OPENING.length; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (quoted) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) quoted = false
    } else if (code === QUOTE) quoted = true
    else if (code === OPEN) depth++
    else if (code === CLOSE && --depth === 0) return at + 1
  }
  return text.length
}

/**
 * A stored session's attributes as text, without the opening brace: what is compared to tell whether a session was modified. Key
 * order counts; what JSON drops does not. Long texts are compared as they stand, so that nothing of them is copied.
 */
export function attributesText(text: string): string {
  if (!cookieFirst(text)) return copiedAttributesOf(JSON.parse(text) as object)
  const end = cookieEnd(text)
  return text.charCodeAt(end) === COMMA ? text.slice(end + 1) : '}'
}

/**
 * The attributes of a session as text, in the same form. The cookie is taken off while it is written: a copy without it would cost
 * more than the writing.
 * @throws SessionError `not-storable` for what JSON cannot hold
 */
export function attributesOf(session: object): string {
  const fields = session as { cookie?: unknown; [TRACKED]?: { readonly proxy: object; attributes(): string } }
  const tracked = fields[TRACKED]
  if (tracked) {
    try {
      return tracked.attributes()
    } catch (error) {
      throw isSessionError(error) ? error : unstorable(tracked.proxy, error)
    }
  }
  const { cookie } = fields
  if (cookie === undefined || Object.isFrozen(session)) return copiedAttributesOf(session)
  fields.cookie = undefined
  try {
    return JSON.stringify(session).slice(1)
  } catch (error) {
    throw unstorable(session, error)
  } finally {
    fields.cookie = cookie
  }
}

function copiedAttributesOf(session: object): string {
  try {
    const { cookie: _, ...attributes } = session as Record<string, unknown>
    return JSON.stringify(attributes).slice(1)
  } catch (error) {
    throw unstorable(session, error)
  }
}

/** A session's text. @param cookie its JSON. @param attributes as `attributesOf` gives them */
export function textOf(cookie: string, attributes: string): string {
  return `{"cookie":${cookie}${attributes === '}' ? '' : ','}${attributes}`
}

/** The span that the cookie in a session's text is renewed by, without parsing it where it stands where it always does. None in what is broken. */
export function maxAgeOf(text: string): number | undefined {
  if (text.startsWith(MAX_AGE, OPENING.length)) {
    const start = OPENING.length + MAX_AGE.length
    if (text.startsWith('null', start)) return undefined
    const value = Number(text.slice(start, text.indexOf(',', start)))
    if (!Number.isNaN(value)) return value
  }
  try {
    const cookie = cookieFirst(text)
      ? text.slice(OPENING.length - 1, cookieEnd(text))
      : JSON.stringify((JSON.parse(text) as { cookie?: unknown }).cookie ?? {})
    const { originalMaxAge } = JSON.parse(cookie) as { originalMaxAge?: unknown }
    return typeof originalMaxAge === 'number' ? originalMaxAge : undefined
  } catch {
    return undefined
  }
}

/** Whether two cookies, as they stand in a text, differ in more than their time. */
export function settingsDiffer(one: Partial<CookieData>, other: Partial<CookieData>): boolean {
  return (
    one.originalMaxAge !== other.originalMaxAge ||
    Boolean(one.expires) !== Boolean(other.expires) ||
    one.secure !== other.secure ||
    one.httpOnly !== other.httpOnly ||
    one.path !== other.path ||
    one.domain !== other.domain ||
    one.sameSite !== other.sameSite ||
    one.partitioned !== other.partitioned ||
    one.priority !== other.priority
  )
}
