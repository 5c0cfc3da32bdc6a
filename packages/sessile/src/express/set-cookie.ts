import type { Cookie } from './cookie.ts'
import type { CookieForm } from './cookie-form.ts'
import type { SessionResponse } from './types.ts'

/**
 * Adds the session's cookie after those that are there.
 * @param value percent-encoded
 * @returns the header's text
 * @throws TypeError for a name or a field that a cookie cannot carry
 */
export function sendCookie(res: SessionResponse, form: CookieForm, value: string, cookie: Cookie): string {
  return add(res, form.header(cookie, value))
}

/** Has the browser forget the cookie: same name, path, domain and flags, long expired. */
export function clearCookie(res: SessionResponse, name: string, cookie: Cookie): void {
  cookie._expires = new Date(0)
  add(res, cookie.serialize(name, ''))
}

function add(res: SessionResponse, text: string): string {
  const before = res.getHeader('Set-Cookie')
  const list = before === undefined ? text : Array.isArray(before) ? [...before, text] : [String(before), text]
  res.setHeader('Set-Cookie', list)
  return text
}

/**
 * Takes a cookie out of a head that is committed but has not left yet: the session has just turned out to be over.
 * HTTP/1 keeps the head as text until the body's first byte; where it does not, the cookie goes out and names nothing.
 */
export function retractCookie(res: SessionResponse, text: string): void {
  const head = res as unknown as { _header?: unknown; _headerSent?: boolean }
  if (typeof head._header !== 'string' || head._headerSent) {
    if (!res.headersSent) removeFromHeaders(res, text)
    return
  }
  head._header = head._header.replace(new RegExp(`^Set-Cookie: ${escaped(text)}\r\n`, 'im'), '')
}

function removeFromHeaders(res: SessionResponse, text: string): void {
  const before = res.getHeader('Set-Cookie')
  const rest = (Array.isArray(before) ? before : [before]).filter((one) => one !== undefined && one !== text) as string[]
  if (rest.length === 0) res.removeHeader('Set-Cookie')
  else res.setHeader('Set-Cookie', rest)
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
