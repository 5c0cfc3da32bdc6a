import cookie from 'cookie'
import { Cookie } from './cookie.ts'

const MAX_AGE = '{"originalMaxAge":'
const EXPIRES = ',"expires":"'
const ISO_LENGTH = 24

/**
 * How cookies are written: their JSON in a record and their text in a header. The settings of an app's cookies are nearly always
 * the same, so what was made of the last ones is kept and only the times are put in. The result is what `JSON.stringify` and
 * the `cookie` package give.
 */
export class CookieForm {
  readonly #name: string
  #partitioned: unknown
  #priority: unknown
  #secure: unknown
  #httpOnly: unknown
  #domain: unknown
  #path: unknown
  #sameSite: unknown
  #isKnown = false
  /** JSON between the two times, and after the second. */
  #jsonBetween = ''
  #jsonAfter = ''
  /** The last JSON, and the times in it. */
  #json = ''
  #maxAge = NaN
  #ms = NaN
  /** Header attributes before and after Expires. */
  #before = ''
  #after = ''
  /** All of the last header's attributes, and the second in it. */
  #attributes = ''
  #second = NaN

  /** @param name the cookie's name */
  constructor(name: string) {
    this.#name = name
  }

  /** As `JSON.stringify(cookie)`. */
  json(of: Cookie): string {
    const { originalMaxAge, _expires: expires } = of
    const isPlain =
      typeof originalMaxAge === 'number' && expires instanceof Date && Number.isFinite(originalMaxAge) && !Number.isNaN(expires.valueOf())
    if (!isPlain || !this.#knows(of)) return JSON.stringify(of)
    const ms = expires.valueOf()
    if (ms !== this.#ms || originalMaxAge !== this.#maxAge) {
      this.#json = `${MAX_AGE}${originalMaxAge}${this.#jsonBetween}${EXPIRES}${expires.toISOString()}"${this.#jsonAfter}`
      this.#ms = ms
      this.#maxAge = originalMaxAge
    }
    return this.#json
  }

  /**
   * The cookie that a text of this form is of, without parsing it.
   * @param expiresAt epoch ms, in place of the time in the text
   * @returns `undefined` where the settings are not those of the last cookie
   */
  read(text: string, expiresAt: number): Cookie | undefined {
    if (!this.#isKnown || !text.startsWith(MAX_AGE)) return undefined
    const afterMaxAge = text.indexOf(',', MAX_AGE.length)
    const originalMaxAge = Number(text.slice(MAX_AGE.length, afterMaxAge))
    const time = afterMaxAge + this.#jsonBetween.length + EXPIRES.length
    const after = time + ISO_LENGTH + 1
    const isSame =
      Number.isInteger(originalMaxAge) &&
      text.length === after + this.#jsonAfter.length &&
      text.startsWith(this.#jsonBetween, afterMaxAge) &&
      text.startsWith(EXPIRES, time - EXPIRES.length) &&
      text.endsWith(this.#jsonAfter)
    if (!isSame) return undefined
    const cookie = new Cookie()
    cookie._expires = new Date(expiresAt)
    cookie.originalMaxAge = originalMaxAge
    // in the order in which a record's fields are taken
    if (this.#partitioned !== undefined) cookie.partitioned = this.#partitioned as boolean
    if (this.#priority !== undefined) cookie.priority = this.#priority as 'low'
    if (this.#secure !== undefined) cookie.secure = this.#secure as boolean
    if (this.#httpOnly !== undefined) cookie.httpOnly = this.#httpOnly as boolean
    if (this.#domain !== undefined) cookie.domain = this.#domain as string
    if (this.#path !== undefined) cookie.path = this.#path as string
    if (this.#sameSite !== undefined) cookie.sameSite = this.#sameSite as boolean
    return cookie
  }

  /**
   * The text of a Set-Cookie header.
   * @param value percent-encoded
   * @throws TypeError for a name or a field that a cookie cannot carry
   */
  header(of: Cookie, value: string): string {
    const { _expires: expires } = of
    const isPlain = !expires || (expires instanceof Date && !Number.isNaN(expires.valueOf()))
    if (!isPlain || !this.#knows(of)) return of.serialize(this.#name, decodeURIComponent(value))
    return `${this.#name}=${value}${expires ? this.#until(expires as Date) : `${this.#before}${this.#after}`}`
  }

  #until(date: Date): string {
    const second = Math.floor(date.valueOf() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#attributes = `${this.#before}; Expires=${date.toUTCString()}${this.#after}`
    }
    return this.#attributes
  }

  /** Whether the settings are those that the parts were made of; makes them anew where they are not. */
  #knows(of: Cookie): boolean {
    const isSame =
      this.#isKnown &&
      this.#path === of.path &&
      this.#httpOnly === of.httpOnly &&
      this.#secure === of.secure &&
      this.#sameSite === of.sameSite &&
      this.#domain === of.domain &&
      this.#partitioned === of.partitioned &&
      this.#priority === of.priority
    return isSame || this.#learn(of)
  }

  #learn(of: Cookie): boolean {
    const { partitioned, priority, secure, httpOnly, domain, path, sameSite } = of
    this.#isKnown = false
    this.#ms = NaN
    this.#second = NaN
    try {
      this.#before = cookie.serialize(this.#name, '', { domain, path }).slice(this.#name.length + 1)
      this.#after = cookie.serialize(this.#name, '', { httpOnly, secure, partitioned, priority, sameSite }).slice(this.#name.length + 1)
    } catch {
      return false
    }
    this.#jsonBetween = members({ partitioned, priority })
    this.#jsonAfter = `${members({ secure, httpOnly, domain, path, sameSite })}}`
    this.#partitioned = partitioned
    this.#priority = priority
    this.#secure = secure
    this.#httpOnly = httpOnly
    this.#domain = domain
    this.#path = path
    this.#sameSite = sameSite
    this.#isKnown = true
    return true
  }
}

/** The members of an object as JSON, each with a comma before it. */
function members(of: object): string {
  const inner = JSON.stringify(of).slice(1, -1)
  return inner === '' ? '' : `,${inner}`
}
