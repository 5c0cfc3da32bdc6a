import type { CookieData } from './cookie.ts'

/** How express-session and its stores begin a record. Every other text is taken for what it parses to. */
const OPENING = '{"cookie":{'
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
 * A session's text apart from its cookie: what is compared to tell whether it was modified. Key order counts; what JSON drops
 * does not. Two of these are only compared with each other, their form is nobody's business.
 */
export function attributesText(text: string): string {
  if (cookieFirst(text)) return text.slice(cookieEnd(text))
  const { cookie: _, ...attributes } = JSON.parse(text) as Record<string, unknown>
  const rest = JSON.stringify(attributes)
  return rest === '{}' ? '}' : `,${rest.slice(1)}`
}

/** The cookie in a session's text, without parsing the rest. */
export function cookieOf(text: string): Partial<CookieData> | undefined {
  if (cookieFirst(text)) return JSON.parse(text.slice(OPENING.length - 1, cookieEnd(text))) as Partial<CookieData>
  return (JSON.parse(text) as { cookie?: Partial<CookieData> }).cookie
}

/** A session's text with another cookie. */
export function withCookie(text: string, cookie: unknown): string {
  return `{"cookie":${JSON.stringify(cookie)}${attributesText(text)}`
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
