import { createHash, createHmac } from 'node:crypto'
import { addressBucket } from '../core/addresses.ts'
import { StoreCalls } from '../core/calls.ts'
import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { newId } from '../core/ids.ts'
import { derive, secretList, type Secret } from '../core/signatures.ts'
import { Limiter, type Usage } from './limiter.ts'
import { resolveThrottle, type ResolvedThrottle, type ThrottleOptions } from './options.ts'

/** Who tries to sign in. */
export interface LoginAttempt {
  /** The account, in one spelling: its user id, or for names that nobody has the name in lower case. Such names are limited alike. */
  readonly account: string
  /** Where from: `req.ip`. */
  readonly address: string | undefined
  /** What the device brought of an earlier `succeeded()`: the value of a long-lived cookie. */
  readonly device?: string | undefined
}

/** `RateLimit` and `Retry-After`, to be set on the response as they are. */
export type LimitHeaders = Readonly<Record<string, string>>

/** An attempt that may be made. It counts as a failure until it is said to be something else. */
export interface AllowedAttempt {
  readonly allowed: true
  readonly headers: LimitHeaders
  /** The password was right: the account's count begins anew. */
  succeeded(): Promise<LoginSuccess>
  /** The password was not looked at (a fault of ours): the attempt does not count. */
  withdraw(): Promise<void>
}

/** An attempt that must not be made: answer 429. Nothing was counted. */
export interface RefusedAttempt {
  readonly allowed: false
  /** Which limit it was: not to be told to the client. */
  readonly limit: 'pair' | 'address' | 'account'
  readonly retryAfterSeconds: number
  readonly headers: LimitHeaders
}

export interface LoginSuccess {
  /** To be kept on the device in a long-lived cookie and brought again with the next attempt. Says nothing, and signs nobody in. */
  readonly device: string
  /** Failures of the account since its last success: worth telling its owner. */
  readonly failures: number
}

export interface LoginThrottle {
  /**
   * Asks whether an attempt may be made, before the password is looked at.
   * @throws SessionError when the store cannot answer; nobody is let through then
   */
  attempt(who: LoginAttempt): Promise<AllowedAttempt | RefusedAttempt>
  /** Forgets the failures in a row of an account, as after a reset of its password. */
  clear(account: string): Promise<void>
  /** How long a device is known, ms: the `Max-Age` of its cookie. */
  readonly deviceMemoryMs: number
}

/** A point that was taken. */
interface Reservation {
  readonly limiter: Limiter
  readonly key: string
  readonly usage: Usage
}

const DEVICE = /^[\w-]{32}$/

/**
 * Slows the guessing of passwords: 5 failures in 15 minutes of one account from one address, 100 from one address, 100 in a
 * row of one account from anywhere, after which only devices that it signed in from before are let through.
 * Each attempt takes its place before the password is looked at, so attempts sent at once are tried no more than the limit says.
 * @throws SessionError `bad-option`, `not-supported`
 */
export function loginThrottle(given: ThrottleOptions): LoginThrottle {
  return new Throttle(resolveThrottle(given))
}

class Throttle implements LoginThrottle {
  readonly deviceMemoryMs: number
  readonly #options: ResolvedThrottle
  readonly #calls: StoreCalls
  readonly #pair: Limiter
  readonly #address: Limiter
  readonly #account: Limiter
  readonly #device: Limiter
  #keyed: { readonly secret: Secret; readonly key: Buffer } | undefined

  constructor(options: ResolvedThrottle) {
    this.deviceMemoryMs = options.deviceMemoryMs
    this.#options = options
    const { space } = options
    this.#calls = new StoreCalls(options.backend ?? space, { deadlineMs: options.storeTimeoutMs, passErrors: false })
    this.#pair = new Limiter('pair', options.pair, space, this.#calls, false)
    this.#address = new Limiter('address', options.address, space, this.#calls, false)
    this.#account = new Limiter('account', options.account, space, this.#calls, true)
    this.#device = new Limiter('device', options.account, space, this.#calls, true)
  }

  async attempt(who: LoginAttempt): Promise<AllowedAttempt | RefusedAttempt> {
    const account = this.#accountOf(who.account)
    const address = addressBucket(who.address, this.#options.ipv6Prefix)
    const taken: Reservation[] = []
    const take = async (limiter: Limiter, key: string): Promise<Usage | undefined> => {
      const usage = await limiter.take(key)
      if (!usage.allowed) return usage
      taken.push({ limiter, key, usage })
      return undefined
    }
    // one after the other, the narrowest first: what is going to be refused takes no place from anybody else
    const pair = await take(this.#pair, this.#hidden(account, address))
    if (pair) return this.#refuse('pair', pair, taken)
    const row = await take(this.#account, this.#hidden(account))
    if (row) {
      const locked = (await this.#isKnown(account, who.device)) ? await take(this.#device, this.#hidden(account, who.device!)) : row
      if (locked) return this.#refuse('account', locked, taken)
    }
    const crowd = await take(this.#address, this.#hidden(address))
    if (crowd) return this.#refuse('address', crowd, taken)
    let settled = false
    const once = <T>(settle: () => Promise<T>): Promise<T> => {
      if (settled) return Promise.reject(new SessionError('bad-argument', 'An attempt to sign in is settled once.'))
      settled = true
      return settle()
    }
    return {
      allowed: true,
      headers: limitHeaders(taken[0]!.usage),
      succeeded: () => once(() => this.#succeeded(account, who.device, taken, row?.used ?? 0)),
      withdraw: () => once(() => giveBack(taken))
    }
  }

  async clear(account: string): Promise<void> {
    await this.#account.delete(this.#hidden(this.#accountOf(account)))
  }

  /** Whether the account signed in from this device before: past the account's limit it has a count of its own. */
  async #isKnown(account: string, device: string | undefined): Promise<boolean> {
    if (device === undefined || !DEVICE.test(device)) return false
    const known = await this.#calls.run('read', () => this.#options.space.read(deviceKey(account, device)))
    return known !== undefined && known.expiresAt > now()
  }

  async #refuse(limit: RefusedAttempt['limit'], usage: Usage, taken: readonly Reservation[]): Promise<RefusedAttempt> {
    await giveBack(taken)
    const retryAfterSeconds = Math.max(1, Math.ceil(usage.msLeft / 1000))
    return { allowed: false, limit, retryAfterSeconds, headers: { 'Retry-After': String(retryAfterSeconds), ...limitHeaders(usage) } }
  }

  /** @param locked failures that locked the account for devices that it does not know */
  async #succeeded(account: string, device: string | undefined, taken: readonly Reservation[], locked: number): Promise<LoginSuccess> {
    const own = device !== undefined && DEVICE.test(device) ? device : newId()
    const counted = taken.find(({ limiter }) => limiter === this.#account || limiter === this.#device)!
    await Promise.all([
      ...taken.map(({ limiter, key }) => (limiter === this.#address ? limiter.giveBack(key) : limiter.delete(key))),
      counted.limiter === this.#account ? undefined : this.#account.delete(this.#hidden(account)),
      this.#remember(account, own)
    ])
    return { device: own, failures: locked + counted.usage.used - 1 }
  }

  /** Notes that the account signed in from a device. It is known for `deviceMemory` from now on. */
  async #remember(account: string, device: string): Promise<void> {
    const { space } = this.#options
    const key = deviceKey(account, device)
    const expiresAt = now() + this.deviceMemoryMs
    const { outcome } = await this.#calls.run('create', () => space.create(key, { data: '{"known":true}', expiresAt }))
    if (outcome === 'taken') await this.#calls.run('extend', () => space.extend(key, expiresAt))
  }

  /** The key of the first secret, which may change while running. */
  #key(): Buffer | undefined {
    const secret = this.#options.secret === undefined ? undefined : secretList(this.#options.secret)[0]
    if (secret !== this.#keyed?.secret) this.#keyed = secret === undefined ? undefined : { secret, key: derive(secret, 'throttle', 32) }
    return this.#keyed?.key
  }

  #accountOf(account: string): string {
    if (typeof account === 'string' && account !== '') return account
    throw new SessionError('bad-argument', 'The throttle needs an account: text that is not empty.')
  }

  /** What is counted under: tells neither the account nor the address. Its length is the same for all. */
  #hidden(...parts: string[]): string {
    const text = JSON.stringify(parts)
    const key = this.#key()
    return (key ? createHmac('sha256', key) : createHash('sha256')).update(text).digest('base64url')
  }
}

/** A device's number cannot be guessed, so this needs no secret, and devices stay known when secrets change. */
function deviceKey(account: string, device: string): string {
  return `known:${createHash('sha256')
    .update(JSON.stringify([account, device]))
    .digest('base64url')}`
}

async function giveBack(taken: readonly Reservation[]): Promise<void> {
  await Promise.all(taken.map(({ limiter, key }) => limiter.giveBack(key)))
}

/**
 * The names of draft 6, which most clients read, and the one field of draft 8.
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
function limitHeaders({ limit, used, msLeft }: Usage): LimitHeaders {
  const remaining = Math.max(0, limit.points - used)
  const reset = Math.max(0, Math.ceil(msLeft / 1000))
  return {
    'RateLimit-Policy': `"login";q=${limit.points};w=${Math.ceil(limit.durationMs / 1000)}`,
    'RateLimit-Limit': String(limit.points),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': String(reset),
    RateLimit: `"login";r=${remaining};t=${reset}`
  }
}
