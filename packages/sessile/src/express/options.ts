import type { IncomingMessage } from 'node:http'
import type { SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { resolveLifetimes, type Lifetimes, type LifetimesOptions } from '../core/lifetimes.ts'
import type { MergeRules } from '../core/merge.ts'
import { milliseconds, optionalMilliseconds, type Duration } from '../core/options.ts'
import type { Secret, Secrets } from '../core/signatures.ts'
import type { CookieOptions } from './cookie.ts'
import type { Attributes, SessionRequest, StoreLike } from './types.ts'

/** What a failing store means for a request. */
export type OnStoreError = 'express-session' | 'fail' | 'continue'

/** What `session()` takes: express-session's options, then ours. */
export interface SessionOptions {
  /** Signs the cookie. In a list the first signs and all are accepted; it is held by reference, so secrets may rotate. */
  secret?: Secrets | undefined
  /** The cookie's name. Default: `connect.sid`. */
  name?: string | undefined
  /** As `name`. */
  key?: string | undefined
  /** Fields of the session's cookie, or a function of the request that gives them. */
  cookie?: CookieOptions | ((req: IncomingMessage) => CookieOptions) | undefined
  /** Makes an id. Default: 24 random bytes as 32 characters. */
  genid?: ((req: IncomingMessage) => string) | undefined
  /** Store every session that was loaded at the end of its request. Default: true, as in express-session; false is better. */
  resave?: boolean | undefined
  /** Store sessions that nothing was put into. Default: true, as in express-session; false is better. */
  saveUninitialized?: boolean | undefined
  /** Send the cookie with every answer. Default: false. */
  rolling?: boolean | undefined
  /** Whether the record of a session that was taken off the request is destroyed. Default: `keep`. */
  unset?: 'destroy' | 'keep' | undefined
  /** Whether `X-Forwarded-Proto` says if a connection is secure. Default: what Express's `trust proxy` makes of it. */
  proxy?: boolean | undefined
  /** A URL (`sqlite:./sessions.db`), a backend of ours, or any express-session store. Default: a new MemoryStore. */
  store?: string | SessionBackend | StoreLike | undefined

  /** How long sessions live, for visitors and for signed-in users. Default: as their cookies say. */
  lifetimes?: LifetimesOptions | undefined
  /**
   * Put off storing a moved expiry, and store one this much further when it is due; at most half of the idle time. Default: with
   * `lifetimes` 1 % of the idle time and at most 30 s, without them every request stores it, as with stores written for express-session.
   */
  touchSlack?: Duration | undefined
  /** Store a hash in place of the id; `migrate` also finds records stored under their id, and moves them. Default: false. */
  hashIds?: boolean | 'migrate' | undefined
  /**
   * `express-session`: as there, errors go to `next` and a failed save changes no answer. `fail`: the head is held until the
   * save, a failure is a 503. `continue`: requests go on without a session.
   */
  onStoreError?: OnStoreError | undefined
  /** Longest time of one store call. Default: 2 s; none for express-session's stores. */
  storeTimeout?: Duration | undefined
  /** Whose a session is. Default: `userId`, else passport's user. */
  userIdOf?: ((attributes: Attributes) => string | number | undefined) | undefined
  /** How many sessions a user may have at once. Default: any number. */
  maxSessionsPerUser?: number | undefined
  /** What happens to a sign-in past the limit. Default: `refuse`. */
  whenTooMany?: 'refuse' | 'end-oldest' | undefined
  /** Decides attributes that two requests changed at once. */
  merge?: MergeRules | undefined
  /** Largest record, in bytes. Default: no limit; in the presets 1048576. */
  maxBytes?: number | undefined
  /**
   * How often sessions that ran out are removed where the store does not do it by itself (memory, SQLite, PostgreSQL), and told by
   * the event `expired`. `false`: never, because `startSweeping` or a job does it. Default: `1m`.
   */
  sweepEvery?: Duration | false | undefined
}

const SWEEP_EVERY = '1m'

/** All names; the compiler sees to it that none is missing. */
export const OPTION_NAMES: Readonly<Record<keyof SessionOptions, true>> = {
  secret: true,
  name: true,
  key: true,
  cookie: true,
  genid: true,
  resave: true,
  saveUninitialized: true,
  rolling: true,
  unset: true,
  proxy: true,
  store: true,
  lifetimes: true,
  touchSlack: true,
  hashIds: true,
  onStoreError: true,
  storeTimeout: true,
  userIdOf: true,
  maxSessionsPerUser: true,
  whenTooMany: true,
  merge: true,
  maxBytes: true,
  sweepEvery: true
}

export interface Resolved {
  readonly name: string
  readonly cookie: CookieOptions | ((req: SessionRequest) => CookieOptions)
  readonly genid: ((req: SessionRequest) => string) | undefined
  readonly resave: boolean
  readonly saveUninitialized: boolean
  readonly rolling: boolean
  readonly unsetDestroy: boolean
  readonly proxy: boolean | undefined
  /** By reference where a list was given; absent: `req.secret` counts. */
  readonly secrets: readonly Secret[] | undefined
  readonly lifetimes: Lifetimes
  readonly hasLifetimes: boolean
  /** Absent: see `defaultSlackMs`, and none where there are no lifetimes. */
  readonly slackMs: number | undefined
  readonly hashIds: boolean | 'migrate'
  readonly onStoreError: OnStoreError
  readonly deadlineMs: number | undefined
  readonly userIdOf: ((attributes: Attributes) => string | number | undefined) | undefined
  readonly maxSessionsPerUser: number | undefined
  readonly whenTooMany: 'refuse' | 'end-oldest'
  readonly merge: MergeRules | undefined
  readonly maxBytes: number | undefined
  /** Absent: sweeping is left to others. */
  readonly sweepEveryMs: number | undefined
}

/**
 * @throws TypeError where express-session does: `genid`, `unset`, an empty list of secrets
 * @throws SessionError `bad-option` for options of ours
 */
export function resolveSessionOptions(given: SessionOptions): Resolved {
  const { genid, unset, secret, resave, saveUninitialized } = given
  if (genid && typeof genid !== 'function') throw new TypeError('genid option must be a function')
  if (unset && unset !== 'destroy' && unset !== 'keep') throw new TypeError('unset option must be "destroy" or "keep"')
  if (Array.isArray(secret) && secret.length === 0) throw new TypeError('secret option array must contain one or more strings')
  return Object.freeze({
    name: given.name || given.key || 'connect.sid',
    cookie: given.cookie || {},
    genid: genid || undefined,
    resave: resave === undefined ? true : Boolean(resave),
    saveUninitialized: saveUninitialized === undefined ? true : Boolean(saveUninitialized),
    rolling: Boolean(given.rolling),
    unsetDestroy: unset === 'destroy',
    proxy: given.proxy === true || given.proxy === false ? given.proxy : undefined,
    secrets: secret ? (Array.isArray(secret) ? secret : [secret]) : undefined,
    lifetimes: resolveLifetimes(given.lifetimes),
    hasLifetimes: given.lifetimes !== undefined,
    slackMs: optionalMilliseconds('touchSlack', given.touchSlack),
    hashIds: oneOf('hashIds', given.hashIds ?? false, [false, true, 'migrate'] as const),
    onStoreError: oneOf('onStoreError', given.onStoreError ?? 'express-session', ['express-session', 'fail', 'continue'] as const),
    deadlineMs: given.storeTimeout === undefined ? undefined : milliseconds('storeTimeout', given.storeTimeout),
    userIdOf: functionOrNothing('userIdOf', given.userIdOf),
    maxSessionsPerUser: positive('maxSessionsPerUser', given.maxSessionsPerUser),
    whenTooMany: oneOf('whenTooMany', given.whenTooMany ?? 'refuse', ['refuse', 'end-oldest'] as const),
    merge: mergeRules(given.merge),
    maxBytes: positive('maxBytes', given.maxBytes),
    sweepEveryMs: given.sweepEvery === false ? undefined : milliseconds('sweepEvery', given.sweepEvery ?? SWEEP_EVERY)
  })
}

function positive(name: string, value: number | undefined): number | undefined {
  if (value === undefined || value === Infinity || (Number.isInteger(value) && value > 0)) return value
  throw new SessionError('bad-option', `${name} must be a whole number above 0, not ${shown(value)}.`)
}

function functionOrNothing<F>(name: string, value: F): F {
  if (value === undefined || typeof value === 'function') return value
  throw new SessionError('bad-option', `${name} must be a function, not ${shown(value)}.`)
}

function mergeRules(rules: MergeRules | undefined): MergeRules | undefined {
  if (rules === undefined) return undefined
  if (typeof rules !== 'object' || rules === null) throw new SessionError('bad-option', 'merge must be an object of functions.')
  for (const [name, rule] of Object.entries(rules)) functionOrNothing(`merge.${name}`, rule)
  return rules
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

function oneOf<T>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T
  throw new SessionError('bad-option', `${name} must be one of ${allowed.map((one) => JSON.stringify(one)).join(', ')}.`)
}
