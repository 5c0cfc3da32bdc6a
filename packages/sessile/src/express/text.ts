import type { CookieData } from './cookie.ts'

/** How express-session and its stores begin a record. Every other text is taken for what it parses to. */
const OPENING = '{"cookie":{'
const OPENING_COOKIE = '{"cookie":'
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
  if (!cookieFirst(text)) return attributesOf(JSON.parse(text) as object)
  const end = cookieEnd(text)
  return text.charCodeAt(end) === COMMA ? text.slice(end + 1) : '}'
}

/** The attributes of a session as text, in the same form. @throws TypeError for what JSON cannot hold */
export function attributesOf(session: object): string {
  const { cookie: _, ...attributes } = session as Record<string, unknown>
  return JSON.stringify(attributes).slice(1)
}

/** A session's text. @param attributes as `attributesOf` gives them */
export function textOf(cookie: unknown, attributes: string): string {
  return `${OPENING_COOKIE}${JSON.stringify(cookie)}${attributes === '}' ? '' : ','}${attributes}`
}

/** The cookie in a session's text, without parsing the rest. */
export function cookieOf(text: string): Partial<CookieData> | undefined {
  if (cookieFirst(text)) return JSON.parse(text.slice(OPENING.length - 1, cookieEnd(text))) as Partial<CookieData>
  return (JSON.parse(text) as { cookie?: Partial<CookieData> }).cookie
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
