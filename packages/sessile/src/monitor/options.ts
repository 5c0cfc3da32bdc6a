import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import type { SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import type { SessionEvent, SessionEvents } from '../core/events.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'
import type { Secrets } from '../core/signatures.ts'
import type { GLANCE, Glanced } from '../express/glance.ts'
import type { AlertOptions } from './alerts.ts'
import { ADDRESSES, asksForPrivacy, type Addresses } from './privacy.ts'

/** A request as Node, Connect or Express have it. */
export type HttpRequest = IncomingMessage & { readonly originalUrl?: string; readonly ip?: string | undefined }

/** What watching needs to know of a session. `sessions.describe`, `of`, `get` and `scan` give it. */
export interface WatchedSession {
  readonly handle: string
  readonly userId?: string | undefined
  /** Epoch ms; absent where it is not known. */
  readonly createdAt?: number | undefined
  /** Epoch ms. */
  readonly expiresAt: number
  /** Epoch ms; when it ends whatever happens, if there is such a time. */
  readonly absoluteExpiresAt?: number | undefined
}

/** What watching needs of the manager that `session()` returned. */
export interface WatchedSessions<Req extends HttpRequest = HttpRequest> {
  readonly backend: SessionBackend
  describe(req: Req): WatchedSession | undefined
  /** What the manager has for those who look at each request. */
  [GLANCE]?: (req: Req) => Glanced | undefined
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void
  /** Needed by `exportUser` and `eraseUser`. */
  of?(userId: string): Promise<WatchedSession[]>
}

/** What `activity` takes. */
export interface ActivityOptions<Req extends HttpRequest = HttpRequest> {
  /** The manager that `session()` returned. */
  sessions: WatchedSessions<Req>
  /** Where it is kept. Default: the space `activity` of the sessions' store. */
  space?: SessionBackend
  /** How often what was gathered is written. */
  flushEvery?: Duration
  /** Whether a request counts as a page. Default: every request of a session. */
  isPage?: (req: Req) => boolean
  /**
   * What is kept of addresses: all; their network (`truncated`: IPv4 /24, IPv6 /48; `network` is the same); a pseudonym that
   * changes daily (`hashed`); or nothing.
   */
  addresses?: Addresses
  /** For `addresses: 'hashed'`: as the sessions' secret. Without it, all there are could be tried out. */
  secret?: Secrets
  /** Of whom neither address nor browser is kept. Default: whose browser sends `Sec-GPC: 1` or `DNT: 1`. */
  optOut?: (req: Req) => boolean
  /** What was seen of a session is kept until its end, and at most so long after its last request. */
  keepFor?: Duration
  /** How long events are kept. */
  keepEvents?: Duration
  /** Why an answer refused its request, in a word of lower-case letters and hyphens. Default: by its status 401, 403, 429. */
  refusalOf?: (req: Req, res: ServerResponse) => string | undefined
  /** What the app counts by `count`: words of lower-case letters and hyphens. */
  marks?: readonly string[]
  /** Tells what is out of the ordinary: as the event `alert`, to a function, to a webhook. Default: nothing is. */
  alerts?: AlertOptions
  /** What this process is called. Default: the host's name. */
  node?: string
  /** Sessions that are held in memory at most between two flushes; past it those seen longest ago are dropped. */
  maxPending?: number
  /** A store call that takes longer fails. */
  storeTimeout?: Duration
}

/** The defaults of `activity`. */
export const ACTIVITY_DEFAULTS = {
  flushEvery: '5s',
  addresses: 'full',
  keepFor: '30d',
  keepEvents: '7d',
  maxPending: 100_000,
  storeTimeout: '2s'
} as const satisfies Omit<ActivityOptions, 'sessions'>

/** `ActivityOptions`, checked, with durations in ms. */
export interface ResolvedActivity<Req extends HttpRequest> {
  readonly sessions: WatchedSessions<Req>
  readonly space: SessionBackend
  /** What is to be opened before the space is used. */
  readonly opened: SessionBackend
  readonly flushEveryMs: number
  readonly isPage: (req: Req) => boolean
  readonly addresses: Addresses
  readonly secret: Secrets | undefined
  readonly optOut: (req: Req) => boolean
  readonly keepMs: number
  readonly keepEventsMs: number
  readonly refusalOf: (req: Req, res: ServerResponse) => string | undefined
  readonly marks: readonly string[]
  readonly alerts: AlertOptions | undefined
  readonly node: string
  readonly maxPending: number
  readonly storeTimeoutMs: number
}

/** A middleware for Express 4 and 5, Connect, or a plain server. */
export type Middleware<Req extends HttpRequest = HttpRequest> = (req: Req, res: ServerResponse, next: (error?: unknown) => void) => void

type Known<Req extends HttpRequest> = ActivityOptions<Req> & {
  [Name in keyof typeof ACTIVITY_DEFAULTS]-?: NonNullable<ActivityOptions[Name]>
}

/** A word of ours: it is shown, and a count is kept under it. */
export const WORD = /^[a-z][a-z0-9-]{0,39}$/
const MAX_MARKS = 32
const REFUSALS: Readonly<Record<number, string>> = { 401: 'unauthenticated', 403: 'forbidden', 429: 'too-many-requests' }

function refusalByStatus(_req: unknown, res: ServerResponse): string | undefined {
  return REFUSALS[res.statusCode]
}

/** Watching never fails a request: where the app's function throws, the request counts, and neither its address nor its browser is kept. */
function orYes<Req>(name: string, say: (req: Req) => boolean): (req: Req) => boolean {
  let warned = false
  return (req) => {
    try {
      return say(req)
    } catch (error) {
      if (!warned) process.emitWarning(`activity: ${name} threw, and is taken to have said yes: ${String(error)}`, 'SessileWarning')
      warned = true
      return true
    }
  }
}

function bad(message: string): SessionError {
  return new SessionError('bad-option', message)
}

/** @throws SessionError `bad-option`, or `not-supported` when the store has no room beside the sessions */
export function resolveActivity<Req extends HttpRequest>(given: ActivityOptions<Req>): ResolvedActivity<Req> {
  const known = [
    ...Object.keys(ACTIVITY_DEFAULTS),
    'sessions',
    'space',
    'isPage',
    'secret',
    'optOut',
    'refusalOf',
    'marks',
    'alerts',
    'node'
  ]
  const options = resolveOptions<Known<Req>>('activity', ACTIVITY_DEFAULTS as Known<Req>, given as Partial<Known<Req>>, known)
  if (typeof options.sessions?.describe !== 'function') throw bad('activity needs sessions, the manager that session() returned.')
  if (!ADDRESSES.includes(options.addresses)) throw bad("addresses must be 'full', 'truncated', 'hashed' or 'none'.")
  if (options.addresses === 'hashed' && !options.secret) throw bad("addresses: 'hashed' needs secret: the sessions' own will do.")
  const marks = options.marks ?? []
  if (marks.length > MAX_MARKS || !marks.every((mark) => WORD.test(mark)))
    throw bad(`marks must be up to ${MAX_MARKS} words such as cart-begun.`)
  if (!(options.maxPending >= 1)) throw bad('maxPending must be a number above 0.')
  const { backend } = options.sessions
  if (!options.space && !backend.space) {
    const instead = 'give activity a space of another store, such as memoryStore().'
    throw new SessionError('not-supported', `The store ${backend.name} has no room beside the sessions; ${instead}`)
  }
  return Object.freeze({
    sessions: options.sessions,
    space: options.space ?? backend.space!('activity'),
    opened: options.space ?? backend,
    flushEveryMs: milliseconds('flushEvery', options.flushEvery),
    isPage: orYes('isPage', options.isPage ?? (() => true)),
    addresses: options.addresses,
    secret: options.secret,
    optOut: orYes('optOut', options.optOut ?? asksForPrivacy),
    keepMs: milliseconds('keepFor', options.keepFor),
    keepEventsMs: milliseconds('keepEvents', options.keepEvents),
    refusalOf: options.refusalOf ?? refusalByStatus,
    marks: [...marks],
    alerts: options.alerts,
    node: (options.node ?? hostname()).slice(0, 60),
    maxPending: options.maxPending,
    storeTimeoutMs: milliseconds('storeTimeout', options.storeTimeout)
  })
}
