import { parse as parseCookies } from 'cookie'
import type { CookieOptions, Request, Response } from 'express'
import type { AllowedAttempt, LoginThrottle } from 'sessile/security'
import { HttpError } from '../http.ts'

/** What a right password leads to. */
export interface Passed<T> {
  readonly result: T
  /** Failures of the account since it was last signed in to: its owner may want to know. */
  readonly failures: number
}

/** Lets passwords be tried, a limited number of times, and knows again the devices that once had the right one. */
export class LoginAttempts {
  readonly #throttle: LoginThrottle
  readonly #cookieName: string
  readonly #cookie: CookieOptions

  /** @param secure whether cookies are `Secure` */
  constructor(throttle: LoginThrottle, secure: boolean) {
    this.#throttle = throttle
    this.#cookieName = secure ? '__Host-device' : 'device'
    this.#cookie = { httpOnly: true, sameSite: 'strict', secure, path: '/', maxAge: throttle.deviceMemoryMs }
  }

  /**
   * @param account whose password it is, see `Accounts.accountOf`
   * @param check whether the password is right: `undefined` when it is not
   * @throws HttpError 401 `Invalid credentials`, 429 when there were too many failures
   */
  async tried<T>(req: Request, res: Response, account: string, check: () => Promise<T | undefined>): Promise<Passed<T>> {
    const device = this.#deviceOf(req)
    const attempt = await this.#throttle.attempt({ account, address: req.ip, device })
    res.set(attempt.headers)
    if (!attempt.allowed) {
      throw new HttpError(429, 'Too many login attempts, please try again later', {
        code: 'too-many-login-attempts',
        headers: attempt.headers
      })
    }
    let result: T | undefined
    try {
      result = await check()
    } catch (error) {
      // Nobody's guess was wrong, so nobody's is counted. That this fails as well is not what is to be told.
      await attempt.withdraw().catch(() => {})
      throw error
    }
    if (result === undefined) throw new HttpError(401, 'Invalid credentials')
    return { result, failures: await this.#succeeded(res, attempt, device) }
  }

  /** Notes that an account signed in from this device without a password's having been asked for: at its registration. */
  async remember(req: Request, res: Response, account: string): Promise<void> {
    const device = this.#deviceOf(req)
    const attempt = await this.#throttle.attempt({ account, address: req.ip, device })
    if (attempt.allowed) await this.#succeeded(res, attempt, device)
  }

  #deviceOf(req: Request): string | undefined {
    return parseCookies(req.headers.cookie ?? '')[this.#cookieName]
  }

  async #succeeded(res: Response, attempt: AllowedAttempt, device: string | undefined): Promise<number> {
    const { failures, device: known } = await attempt.succeeded()
    if (known !== device) res.cookie(this.#cookieName, known, this.#cookie)
    return failures
  }
}
