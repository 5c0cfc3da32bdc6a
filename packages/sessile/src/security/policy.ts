import type { SessionBackend } from '../core/backend.ts'
import { SESSION_EVENTS } from '../core/events.ts'
import { SessionError } from '../core/errors.ts'
import { defaultSlackMs, type Lifetime, type Lifetimes } from '../core/lifetimes.ts'
import { milliseconds } from '../core/options.ts'
import { secretList } from '../core/signatures.ts'
import { DEFAULT_IDLE_MS, type BackendStore } from '../express/backend-store.ts'
import type { CookieOptions } from '../express/cookie.ts'
import { resolveSessionOptions, type SessionOptions } from '../express/options.ts'
import type { SessionOptionsLike } from '../express/review.ts'
import { backendByUrl } from '../stores/by-url.ts'
import { isEncrypted } from './encrypted.ts'
import { THROTTLE_DEFAULTS, type Limit, type ThrottleOptions } from './options.ts'
import { policyText, type CryptographyUse, type PolicyLimit, type PolicyValues } from './policy-text.ts'

/** What an app has besides its sessions. */
export interface PolicyParts {
  /** What `loginThrottle` was given; `true` for its defaults. Absent: passwords are not limited. */
  throttle?: true | Pick<ThrottleOptions, 'pair' | 'address' | 'account' | 'deviceMemory' | 'ipv6Prefix'>
  /** Further limits, a line each: `POST /register` with `60 in 15 minutes`. */
  limits?: Readonly<Record<string, string>>
  /** Whether forms carry tokens (`csrf`). Default: false. */
  csrf?: boolean
  /** The app's own log: each event with what it means. */
  log?: Readonly<Record<string, string>>
  /** Cryptography of the app's own, such as how passwords are hashed. */
  cryptography?: readonly CryptographyUse[]
}

/** What an app's sessions keep to: the values that count, as JSON; `text()` is the same for people, in Markdown. */
export interface Policy extends PolicyValues {
  /** The document. Not among what JSON shows. */
  text(): string
}

/**
 * The document that a review asks for, made of what the app really runs with: timeouts, sessions at once, the cookie, limits on guessing, what
 * is logged, what cryptography is used, secrets and how they are changed.
 * @param options what `session()` is given
 * @throws SessionError `bad-option`, as `session()` would
 */
export function policy(options: SessionOptionsLike, parts: PolicyParts = {}): Policy {
  const resolved = resolveSessionOptions(options as SessionOptions)
  if (typeof resolved.cookie === 'function') {
    throw new SessionError(
      'bad-option',
      'A cookie that is a function of the request has no policy: give policy() the fields that it returns.'
    )
  }
  const { idleMs, touchSlackMs } = timesOf(options.store)
  const values: PolicyValues = {
    timeouts: {
      anonymous: lived(resolved.lifetimes.anonymous, resolved.cookie, idleMs),
      signedIn: lived(resolved.lifetimes.signedIn, resolved.cookie, idleMs),
      touchSlackMs: resolved.slackMs ?? touchSlackMs ?? longestSlackMs(resolved.lifetimes)
    },
    concurrency: { maxSessionsPerUser: resolved.maxSessionsPerUser ?? null, whenTooMany: resolved.whenTooMany },
    cookie: cookieOf(resolved.name, resolved.cookie, resolved.rolling, resolved.saveUninitialized),
    throttling: { signIn: throttleOf(parts.throttle), limits: parts.limits ?? {} },
    log: { sessionEvents: SESSION_EVENTS, appEvents: parts.log ?? {} },
    cryptography: cryptographyOf(options, resolved.hashIds !== false, parts),
    secrets: { count: secretList(options.secret ?? []).length, rotatesWhileRunning: Array.isArray(options.secret) },
    store: {
      hashIds: resolved.hashIds,
      encrypted: isEncrypted(options.store),
      onStoreError: resolved.onStoreError,
      storeTimeoutMs: resolved.deadlineMs ?? null,
      maxBytes: resolved.maxBytes ?? null
    }
  }
  return Object.defineProperty(values, 'text', { value: () => policyText(values) }) as Policy
}

/** Where no idle time is given the cookie's counts, and without one the store's. */
function lived({ idleMs, ...rest }: Lifetime, { maxAge }: CookieOptions, ofStore: number): Lifetime {
  return { idleMs: idleMs ?? (typeof maxAge === 'number' ? maxAge : ofStore), ...rest }
}

/** What a store says of times that no option gives. */
function timesOf(store: SessionOptionsLike['store']): { idleMs: number; touchSlackMs: number | undefined } {
  const given: unknown = typeof store === 'string' ? backendByUrl(store) : store
  const { traits, idleMs = traits?.idleMs, touchSlackMs } = (given ?? {}) as Partial<SessionBackend & BackendStore>
  return { idleMs: idleMs !== undefined && Number.isFinite(idleMs) ? idleMs : DEFAULT_IDLE_MS, touchSlackMs }
}

function cookieOf(name: string, given: CookieOptions, rolling: boolean, withoutNeed: boolean): Policy['cookie'] {
  const { path = '/', domain, secure = false, httpOnly = true, sameSite } = given
  return {
    name,
    path: path ?? '/',
    domain: domain ?? null,
    secure: secure ?? false,
    httpOnly: httpOnly ?? true,
    sameSite: sameSite === true ? 'strict' : sameSite || null,
    rolling,
    withoutNeed
  }
}

function throttleOf(given: PolicyParts['throttle']): Policy['throttling']['signIn'] {
  if (given === undefined) return null
  const options = { ...THROTTLE_DEFAULTS, ...(given === true ? {} : given) }
  const limit = ({ points, duration }: Limit): PolicyLimit => ({ points, durationMs: milliseconds('duration', duration) })
  return {
    pair: limit(options.pair),
    address: limit(options.address),
    account: limit(options.account),
    deviceMemoryMs: milliseconds('deviceMemory', options.deviceMemory),
    ipv6Prefix: options.ipv6Prefix
  }
}

/** The most that a session of either kind outlives its idle time by, where nothing else was given. */
function longestSlackMs({ anonymous, signedIn }: Lifetimes): number {
  return Math.max(defaultSlackMs(anonymous.idleMs), defaultSlackMs(signedIn.idleMs))
}

function cryptographyOf(options: SessionOptionsLike, hashIds: boolean, parts: PolicyParts): CryptographyUse[] {
  const derived = (label: string) => `derived from the first secret by HKDF-SHA256, label \`sessile ${label}\``
  const id = options.genid ? 'the app’s `genid`' : '192 bits of the system’s generator, base64url'
  return [
    { purpose: 'Session ids', algorithm: id, key: 'none' },
    {
      purpose: 'Signature of the cookie',
      algorithm: 'HMAC-SHA256, compared in constant time',
      key: 'the first secret; all of them verify'
    },
    ...(hashIds ? [{ purpose: 'Ids in the store', algorithm: 'SHA-256', key: 'none: ids cannot be guessed' }] : []),
    { purpose: 'Handles, which people see in place of ids', algorithm: 'AES-256-CTR, its nonce an HMAC-SHA256', key: derived('handle') },
    ...(isEncrypted(options.store)
      ? [
          {
            purpose: 'Records in the store',
            algorithm: 'AES-256-GCM, a fresh nonce each',
            key: 'one for each record, from the secret of `encrypted()`'
          }
        ]
      : []),
    ...(parts.csrf ? [{ purpose: 'Tokens of forms', algorithm: 'HMAC-SHA256 over the session’s id', key: derived('csrf') }] : []),
    ...(parts.throttle
      ? [{ purpose: 'Accounts and addresses whose failures are counted', algorithm: 'HMAC-SHA256', key: derived('throttle') }]
      : []),
    ...(parts.cryptography ?? [])
  ]
}
