import cookie from 'cookie'
import depd from 'depd'
import { now } from '../core/clock.ts'

const deprecate = depd('express-session')

/** What `cookie.data` and the stored record hold of a cookie, in this order; absent fields are `undefined`. */
export interface CookieData {
  originalMaxAge: number | null
  partitioned?: boolean | undefined
  priority?: 'low' | 'medium' | 'high' | undefined
  expires?: Date | string | false | null | undefined
  secure?: boolean | 'auto' | undefined
  httpOnly?: boolean | undefined
  domain?: string | undefined
  path?: string | undefined
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
}

/** What the `cookie` option takes: anything that becomes a field of the session's cookie. Nothing is checked here. */
export interface CookieOptions {
  originalMaxAge?: number | null | undefined
  /** Milliseconds from now; absent: the cookie goes with the browser. */
  maxAge?: number | null | undefined
  expires?: Date | null | undefined
  path?: string | undefined
  domain?: string | undefined
  httpOnly?: boolean | undefined
  /** `auto`: whether the connection is secure. */
  secure?: boolean | 'auto' | undefined
  /** `auto`: `none` on secure connections, else `lax`. */
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
  partitioned?: boolean | undefined
  priority?: 'low' | 'medium' | 'high' | undefined
  /** Without effect, as in express-session. */
  signed?: boolean | undefined
  /** Without effect, as in express-session. */
  encode?: ((value: string) => string) | undefined
}

/**
 * The cookie of a session, as express-session has it: `expires` and `maxAge` are two views of one time, and
 * `originalMaxAge` is the span that `session.touch()` starts anew.
 */
export class Cookie {
  declare path: string
  declare _expires: Date | string | false | null | undefined
  declare originalMaxAge: number | null
  declare httpOnly: boolean
  declare partitioned?: boolean | undefined
  declare priority?: CookieData['priority']
  declare domain?: string | undefined
  declare secure?: CookieData['secure']
  declare sameSite?: CookieData['sameSite']

  /**
   * @param options all enumerable keys are taken in their order, inherited ones too
   * @throws TypeError when options are given that are no object
   */
  constructor(options?: CookieOptions | Cookie | null) {
    this.path = '/'
    this._expires = null
    this.originalMaxAge = null
    this.httpOnly = true

    if (options) {
      if (typeof options !== 'object') throw new TypeError('argument options must be a object')
      const fields = options as unknown as Record<string, unknown>
      for (const key in fields) {
        // a stored record may hold anything: it must not change what kind of object this is
        if (key !== 'data' && key !== '__proto__') (this as unknown as Record<string, unknown>)[key] = fields[key]
      }
    }
    if (this.originalMaxAge === undefined || this.originalMaxAge === null) this.originalMaxAge = this.maxAge as number | null
  }

  get expires(): Date | string | false | null | undefined {
    return this._expires
  }

  /** Keeps the very object given; the span that remains until then becomes the original one. */
  set expires(date: Date | string | false | null | undefined) {
    this._expires = date
    this.originalMaxAge = this.maxAge as number | null
  }

  /** Milliseconds left; where `expires` is no Date, what it is instead. */
  get maxAge(): number | false | null | undefined {
    const expires = this._expires
    return expires instanceof Date ? expires.valueOf() - now() : (expires as unknown as null)
  }

  /** @throws TypeError for anything truthy that is neither a number of milliseconds nor a Date */
  set maxAge(ms: number | Date | false | null | undefined) {
    if (typeof ms === 'number') {
      this._expires = new Date(now() + ms)
      // exactly what was asked for: reading the clock a second time could lose a millisecond with each request
      this.originalMaxAge = ms
      return
    }
    if (ms && !(ms instanceof Date)) throw new TypeError('maxAge must be a number or Date')
    if (ms instanceof Date) deprecate('maxAge as Date; pass number of milliseconds instead')
    this.expires = ms
  }

  get data(): CookieData {
    return {
      originalMaxAge: this.originalMaxAge,
      partitioned: this.partitioned,
      priority: this.priority,
      expires: this._expires,
      secure: this.secure,
      httpOnly: this.httpOnly,
      domain: this.domain,
      path: this.path,
      sameSite: this.sameSite
    }
  }

  /**
   * The text of a Set-Cookie header.
   * @throws TypeError for a name or a field that a cookie cannot carry
   */
  serialize(name: string, value: string): string {
    return cookie.serialize(name, value, this.data as cookie.CookieSerializeOptions)
  }

  toJSON(): CookieData {
    return this.data
  }
}
