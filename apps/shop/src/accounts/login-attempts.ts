import { parse as parseCookies } from 'cookie'
import type { CookieOptions, Request, Response } from 'express'
import type { AllowedAttempt, LoginThrottle } from 'sessile/security'
import type { Note } from '../audit-events.ts'
import { HttpError } from '../http.ts'
import type { CountedAccount } from './accounts.ts'

/** What a password is asked for: to sign in, or to prove once more who one is. */
export type Purpose = 'login' | 'step-up'

/** What a right password leads to. */
export interface Passed<T> {
  readonly result: T
  /** Failures of the account since it was last signed in to: its owner may want to know. */
  readonly failures: number
  /** The number of the device, which is in its cookie now. */
  readonly device: string
}

/** Lets passwords be tried, a limited number of times, and knows again the devices that once had the right one. */
export class LoginAttempts {
  readonly #throttle: LoginThrottle
  readonly #note: Note
  readonly #cookieName: string
  readonly #cookie: CookieOptions

  /** @param secure whether cookies are `Secure` */
  constructor(throttle: LoginThrottle, note: Note, secure: boolean) {
    this.#throttle = throttle
    this.#note = note
    this.#cookieName = secure ? '__Host-device' : 'device'
    this.#cookie = { httpOnly: true, sameSite: 'strict', secure, path: '/', maxAge: throttle.deviceMemoryMs }
  }

  /**
   * @param account whose password it is
   * @param check looks at it: what it leads to, or, in a word for the audit log, why it does not
   * @throws HttpError 401 `Invalid credentials`, 429 when there were too many failures
   */
  async tried<T extends object>(
    req: Request,
    res: Response,
    purpose: Purpose,
    account: CountedAccount,
    check: () => Promise<T | string>
  ): Promise<Passed<T>> {
    const device = this.deviceOf(req)
    const attempt = await this.#throttle.attempt({ account: account.key, address: req.ip, device })
    res.set(attempt.headers)
    if (!attempt.allowed) {
      this.#told(res, 'login.locked', account, { purpose, limit: attempt.limit })
      throw new HttpError(429, 'Too many login attempts, please try again later', {
        code: 'too-many-login-attempts',
        headers: attempt.headers
      })
    }
    let result: T | string
    try {
      result = await check()
    } catch (error) {
      // Nobody's guess was wrong, so nobody's is counted. That this fails as well is not what is to be told.
      await attempt.withdraw().catch(() => {})
      throw error
    }
    if (typeof result === 'string') {
      this.#told(res, `${purpose}.failed`, account, { reason: result })
      throw new HttpError(401, 'Invalid credentials')
    }
    return { result, ...(await this.#succeeded(res, attempt, device)) }
  }

  /** Notes that an account signed in from this device without a password's having been asked for: at its registration. */
  async remember(req: Request, res: Response, account: CountedAccount): Promise<string | undefined> {
    const device = this.deviceOf(req)
    const attempt = await this.#throttle.attempt({ account: account.key, address: req.ip, device })
    return attempt.allowed ? (await this.#succeeded(res, attempt, device)).device : undefined
  }

  /** The number that the device brought. */
  deviceOf(req: Request): string | undefined {
    return parseCookies(req.headers.cookie ?? '')[this.#cookieName]
  }

  #told(
    res: Response,
    event: 'login.locked' | 'login.failed' | 'step-up.failed',
    account: CountedAccount,
    details: Record<string, string>
  ) {
    this.#note(event, { userId: account.userId, details })
    // The refusal that follows is the same event.
    res.locals['noted'] = true
  }

  async #succeeded(res: Response, attempt: AllowedAttempt, device: string | undefined): Promise<{ failures: number; device: string }> {
    const { failures, device: known } = await attempt.succeeded()
    if (known !== device) res.cookie(this.#cookieName, known, this.#cookie)
    return { failures, device: known }
  }
}
