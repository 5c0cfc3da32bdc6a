import type { IncomingMessage, ServerResponse } from 'node:http'
import type { MaybePromise, SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'
import type { Secrets } from '../core/signatures.ts'
import type { SignalChange, SignalVerdict } from './signals.ts'

/** A request as Node, Connect or Express have it. */
export type HttpRequest = IncomingMessage & { readonly originalUrl?: string; readonly session?: unknown }

/** A middleware for Express 4 and 5, Connect, or a plain server. */
export type Middleware<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse> = (
  req: Req,
  res: Res,
  next: (error?: unknown) => void
) => void

/** What a guard answers when it lets nobody through: the JSON that is sent, and its status. */
export interface Refusal {
  readonly status: 401 | 403
  /** The text for people. */
  readonly error: string
  /** The stable word for programs. */
  readonly code: string
}

/** What `crossSite` takes. */
export interface CrossSiteOptions<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse> {
  /** Other origins whose pages may send requests, written as a browser does: `https://shop.example`. Default: none. */
  origins?: readonly string[]
  /** Answers a refused request in place of the JSON: with a page, say. */
  onRefused?: (req: Req, res: Res, next: (error?: unknown) => void) => void
}

/** What `csrf` takes. */
export interface CsrfOptions<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse> {
  /** What tokens are made with, by a key derived from it: the session's own will do. In a list the first makes, all are accepted. */
  secret: Secrets
  /** The form field that carries the token. Default: `_csrf`. */
  field?: string
  /** The header that carries it instead, from scripts. Default: `x-csrf-token`. */
  header?: string
  /** Other origins whose pages may send requests, with a token all the same. Default: none. */
  origins?: readonly string[]
  /** Answers a refused request in place of the JSON: with a page, say. */
  onRefused?: (req: Req, res: Res, next: (error?: unknown) => void) => void
}

/** What `signals` needs to know of a session; `sessions.describe(req)` says it. */
export interface SignalledSession {
  readonly handle: string
  readonly userId?: string | undefined
  readonly signedInAt?: number | undefined
  readonly attributes: Readonly<Record<string, unknown>>
}

/** What `signals` takes. */
export interface SignalsOptions<Req extends HttpRequest = HttpRequest> {
  /** The manager that `session()` returned. */
  sessions: { describe(req: Req): SignalledSession | undefined }
  /** Says what follows from a change, and may write it into a log: `log`, `step-up` or `end`; `strictSignals` is one. */
  policy: (change: SignalChange, req: Req) => MaybePromise<SignalVerdict>
  /** Bits of an IPv4 address that are one network. Default: 24. */
  ipv4Prefix?: number
  /** Bits of an IPv6 address that are one network. Default: 48. */
  ipv6Prefix?: number
}

/** How many failures are let through, and in what time. */
export interface Limit {
  /** Failures that are let through. */
  points: number
  /** Counted in this time from the first failure; for `account`: forgotten after this time without a failure. */
  duration: Duration
}

/** What `loginThrottle` takes. */
export interface ThrottleOptions {
  /** The store the counters live in, beside the sessions: `sessions.backend`. */
  backend?: SessionBackend
  /** The space itself, in place of `backend`. */
  space?: SessionBackend
  /**
   * Keeps account names and addresses out of the store: what they are counted under is an HMAC with a key derived from the
   * (first) secret. Without one it is a plain hash, which can be guessed.
   */
  secret?: Secrets
  /** Failures of one account from one address. */
  pair?: Limit
  /** Failures from one address, whatever the account. */
  address?: Limit
  /** Failures in a row of one account from anywhere. Past it, only devices that it signed in from before are let through. */
  account?: Limit
  /** How long a device that signed in stays known. */
  deviceMemory?: Duration
  /** Bits of an IPv6 address that count as one visitor. */
  ipv6Prefix?: number
  /** An attempt fails with `store-timeout` when the store takes longer. */
  storeTimeout?: Duration
}

/** The defaults of `loginThrottle`. */
export const THROTTLE_DEFAULTS = {
  pair: { points: 5, duration: '15m' },
  address: { points: 100, duration: '15m' },
  account: { points: 100, duration: '30d' },
  deviceMemory: '180d',
  ipv6Prefix: 64,
  storeTimeout: '2s'
} as const satisfies ThrottleOptions

/** A limit with its time in ms. */
export interface ResolvedLimit {
  readonly points: number
  readonly durationMs: number
}

/** `ThrottleOptions`, checked, with durations in ms. */
export interface ResolvedThrottle {
  readonly space: SessionBackend
  readonly backend: SessionBackend | undefined
  readonly secret: Secrets | undefined
  readonly pair: ResolvedLimit
  readonly address: ResolvedLimit
  readonly account: ResolvedLimit
  readonly deviceMemoryMs: number
  readonly ipv6Prefix: number
  readonly storeTimeoutMs: number
}

function resolveLimit(name: string, limit: Limit): ResolvedLimit {
  if (!Number.isSafeInteger(limit.points) || limit.points < 1) {
    throw new SessionError('bad-option', `${name}.points must be a whole number above 0.`)
  }
  return Object.freeze({ points: limit.points, durationMs: milliseconds(`${name}.duration`, limit.duration) })
}

type Known = ThrottleOptions & Required<Omit<ThrottleOptions, 'backend' | 'space' | 'secret'>>

/** @throws SessionError `bad-option`, or `not-supported` when the store has no room beside the sessions */
export function resolveThrottle(given: ThrottleOptions): ResolvedThrottle {
  const known = [...Object.keys(THROTTLE_DEFAULTS), 'backend', 'space', 'secret']
  const options = resolveOptions<Known>('loginThrottle', THROTTLE_DEFAULTS, given as Partial<Known>, known)
  const space = options.space ?? spaceOf(options.backend)
  const prefix = options.ipv6Prefix
  if (!Number.isInteger(prefix) || prefix < 16 || prefix > 128) {
    throw new SessionError('bad-option', 'ipv6Prefix must be a whole number from 16 to 128.')
  }
  return Object.freeze({
    space,
    backend: options.space ? undefined : options.backend,
    secret: options.secret,
    pair: resolveLimit('pair', options.pair),
    address: resolveLimit('address', options.address),
    account: resolveLimit('account', options.account),
    deviceMemoryMs: milliseconds('deviceMemory', options.deviceMemory),
    ipv6Prefix: prefix,
    storeTimeoutMs: milliseconds('storeTimeout', options.storeTimeout)
  })
}

function spaceOf(backend: SessionBackend | undefined): SessionBackend {
  if (!backend) throw new SessionError('bad-option', 'loginThrottle needs a backend (sessions.backend) or a space to count in.')
  if (!backend.space) {
    const instead = 'give loginThrottle a space of another store, such as memoryStore().'
    throw new SessionError('not-supported', `The store ${backend.name} has no room beside the sessions; ${instead}`)
  }
  return backend.space('throttle')
}
