import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import type { SessionEvent, SessionEvents } from '../core/events.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'

/** A request as Node, Connect or Express have it. */
export type HttpRequest = IncomingMessage & { readonly originalUrl?: string; readonly ip?: string | undefined }

/** What watching needs to know of a session. `sessions.describe`, `of`, `get` and `scan` give it. */
export interface WatchedSession {
  readonly handle: string
  readonly userId?: string | undefined
  /** Epoch ms. */
  readonly createdAt: number
  /** Epoch ms. */
  readonly expiresAt: number
}

/** What watching needs of the manager that `session()` returned. */
export interface WatchedSessions<Req extends HttpRequest = HttpRequest> {
  readonly backend: SessionBackend
  describe(req: Req): WatchedSession | undefined
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void
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
  /** What is kept of addresses: all, their network (IPv4 /24, IPv6 /48), or nothing. */
  addresses?: 'full' | 'network' | 'none'
  /** Sessions that are held in memory at most between two flushes; past it those seen longest ago are dropped. */
  maxPending?: number
  /** A store call that takes longer fails. */
  storeTimeout?: Duration
}

/** The defaults of `activity`. */
export const ACTIVITY_DEFAULTS = {
  flushEvery: '5s',
  addresses: 'full',
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
  readonly addresses: 'full' | 'network' | 'none'
  readonly maxPending: number
  readonly storeTimeoutMs: number
}

/** A middleware for Express 4 and 5, Connect, or a plain server. */
export type Middleware<Req extends HttpRequest = HttpRequest> = (req: Req, res: ServerResponse, next: (error?: unknown) => void) => void

type Known<Req extends HttpRequest> = ActivityOptions<Req> & typeof ACTIVITY_DEFAULTS

function bad(message: string): SessionError {
  return new SessionError('bad-option', message)
}

/** @throws SessionError `bad-option`, or `not-supported` when the store has no room beside the sessions */
export function resolveActivity<Req extends HttpRequest>(given: ActivityOptions<Req>): ResolvedActivity<Req> {
  const known = [...Object.keys(ACTIVITY_DEFAULTS), 'sessions', 'space', 'isPage']
  const options = resolveOptions<Known<Req>>('activity', ACTIVITY_DEFAULTS as Known<Req>, given as Partial<Known<Req>>, known)
  if (typeof options.sessions?.describe !== 'function') throw bad('activity needs sessions, the manager that session() returned.')
  if (!['full', 'network', 'none'].includes(options.addresses)) throw bad("addresses must be 'full', 'network' or 'none'.")
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
    isPage: options.isPage ?? (() => true),
    addresses: options.addresses,
    maxPending: options.maxPending,
    storeTimeoutMs: milliseconds('storeTimeout', options.storeTimeout)
  })
}
