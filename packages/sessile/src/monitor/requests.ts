import { now } from '../core/clock.ts'
import { GLANCE, type Glanced, type Held, type Watcher } from '../express/glance.ts'
import type { ActivityLog } from './activity-log.ts'
import type { Sightings } from './activity-record.ts'
import type { History } from './history.ts'
import { WORD, type HttpRequest, type Middleware, type ResolvedActivity, type WatchedSession } from './options.ts'
import type { Pending } from './pending.ts'
import { keptAddress } from './privacy.ts'

const MAX_USER_AGENT = 512
const MAX_TEXTS = 1000

type Response = Parameters<Middleware>[1]

/** What the last requests of a session had in common. */
interface Known {
  readonly handle: string
  /** Of the session in the store; absent where that took more than a glance. */
  readonly key: string | undefined
  /** Whose it is, as the store says, and as it is known. */
  readonly storedUserId: string | undefined
  readonly userId: string | undefined
  readonly agent: string | undefined
  readonly peer: string | undefined
  readonly forwarded: string | readonly string[] | undefined
  readonly isHidden: boolean
  /** What is kept of the browser and the address. */
  readonly userAgent: string | undefined
  readonly ip: string | undefined
  /** What was seen is kept so long after a request, ms, but not past the other. */
  readonly livesMs: number
  readonly endsAt: number
  pending: Pending
}

/** Where what was seen of requests goes. */
export interface RequestsTo {
  readonly log: ActivityLog
  readonly history: History
  /** What was seen outlives its session by so much. */
  readonly slackMs: number
  /** Told of two accounts of one session, which may be from different networks. */
  looksMoved(handle: string, before: Sightings, after: Sightings): void
}

/**
 * What each request costs where sessions are watched, so it is little: nearly all are of a session that was seen just now, from the
 * same browser, and then it is found by its key, and its time and count of pages are moved.
 */
export class Requests<Req extends HttpRequest> implements Watcher {
  readonly #options: ResolvedActivity<Req>
  readonly #to: RequestsTo
  readonly #glance: ((req: Req) => Glanced | undefined) | undefined
  readonly #known = new Map<string, Known>()
  readonly #texts = new Map<string, string>()

  constructor(options: ResolvedActivity<Req>, to: RequestsTo) {
    this.#options = options
    this.#to = to
    this.#glance = options.sessions[GLANCE]
  }

  /**
   * A session that is there when the request comes is counted at once, so that the request sees itself; one that it begins
   * is counted with the answer. With the answer it is looked at again: who signed in, and when it ends now.
   */
  request(req: Req, res: Response, next: (error?: unknown) => void): void {
    const counts = this.#options.isPage(req)
    const glanced = this.#glance === undefined ? undefined : this.#glance(req)
    const known = this.#note(req, counts, glanced?.loaded)
    if (!glanced || glanced.watcher) {
      // told by Node when all of an answer was handed over, before any of the client's next requests can be read
      res.on('prefinish', () => this.#answer(req, res, known ?? counts, glanced?.loaded))
    } else {
      glanced.watcher = this
      glanced.watched = known ?? counts
    }
    next()
  }

  answered({ req, res, watched, loaded }: Glanced): void {
    this.#answer(req as Req, res, watched as Known | boolean, loaded)
  }

  /** @param known the session that was noted when the request came; else whether the request is still to be counted */
  #answer(req: Req, res: Response, known: Known | boolean, held: Held | undefined): void {
    const isSame = typeof known === 'object' && held !== undefined && held.key === known.key
    let latest: Known | undefined
    if (!isSame) latest = this.#note(req, known === true, held)
    else latest = !held.isAsRead || held.conflicts > 0 ? this.#written(req, known, held) : known
    this.#refusal(req, res, latest?.handle)
  }

  /** A request wrote its session: it may be another's now, and live for another time. What was written says so whichever the store. */
  #written(req: Req, before: Known, held: Held): Known | undefined {
    const known = held.stored.userId === before.userId ? before : this.#note(req, false, held)
    if (known === undefined) return undefined
    const at = now()
    const seen = { ...sightingOf(known, false, at), writes: held.isAsRead ? 0 : 1, conflicts: held.conflicts }
    const until = Math.min(held.stored.expiresAt, at + this.#options.keepMs) + this.#to.slackMs
    known.pending = this.#to.log.note(known.handle, seen, until, known.endsAt)
    return known
  }

  /** What is known of sessions is looked at anew from now on: another process may have changed whose they are. */
  forget(): void {
    this.#known.clear()
  }

  /** @returns `undefined` where there was no session to note. One that cannot be told of is none: watching never fails a request */
  #note(req: Req, counts: boolean, held: Held | undefined): Known | undefined {
    const known = held === undefined ? undefined : this.#known.get(held.key)
    const at = now()
    const { headers, socket } = req
    const isHidden = this.#options.optOut(req)
    if (
      known === undefined ||
      known.storedUserId !== held!.stored.userId ||
      known.isHidden !== isHidden ||
      known.agent !== headers['user-agent'] ||
      known.peer !== socket.remoteAddress ||
      known.forwarded !== headers['x-forwarded-for']
    )
      return this.#noteAnew(req, counts, at, isHidden, held, known)
    const { pending } = known
    if (pending.live) pending.again(at, counts)
    else known.pending = this.#to.log.note(known.handle, sightingOf(known, counts, at), keptUntil(known, at), known.endsAt)
    if (counts) this.#to.history.page(at)
    return known
  }

  #noteAnew(
    req: Req,
    counts: boolean,
    at: number,
    isHidden: boolean,
    held: Held | undefined,
    before: Known | undefined
  ): Known | undefined {
    const session = this.#described(req)
    if (!session) return undefined
    const { headers, socket } = req
    const { addresses, secret, keepMs, maxPending } = this.#options
    const { log, history, slackMs, looksMoved } = this.#to
    if (counts) history.page(at)
    const known = {
      handle: session.handle,
      // a text of its own: an id is cut out of the request's cookies, and would keep them all in memory
      key: held && Buffer.from(held.key).toString(),
      storedUserId: held?.stored.userId,
      userId: session.userId,
      agent: this.#one(headers['user-agent']),
      peer: this.#one(socket.remoteAddress),
      forwarded: headers['x-forwarded-for'],
      isHidden,
      userAgent: isHidden ? undefined : headers['user-agent']?.slice(0, MAX_USER_AGENT),
      ip: isHidden ? undefined : keptAddress(req.ip ?? socket.remoteAddress, addresses, secret, at),
      livesMs: Math.min(session.expiresAt - at, keepMs) + slackMs,
      endsAt: (session.absoluteExpiresAt ?? Infinity) + slackMs,
      pending: undefined as never as Pending
    } satisfies Known
    const seen = sightingOf(known, counts, at)
    if (before?.pending.live) looksMoved(session.handle, before.pending.seen, seen)
    known.pending = log.note(session.handle, seen, keptUntil(known, at), known.endsAt)
    if (known.key === undefined) return known
    if (this.#known.size >= 2 * maxPending) this.#known.clear()
    this.#known.set(known.key, known)
    return known
  }

  /** The same text for all who have it: there are few browsers for many sessions, and what is used all the time is compared fast. */
  #one(text: string | undefined): string | undefined {
    if (text === undefined) return undefined
    const present = this.#texts.get(text)
    if (present !== undefined) return present
    if (this.#texts.size >= MAX_TEXTS) this.#texts.clear()
    this.#texts.set(text, text)
    return text
  }

  #described(req: Req): WatchedSession | undefined {
    try {
      return this.#options.sessions.describe(req)
    } catch {
      return undefined
    }
  }

  #refusal(req: Req, res: Response, handle: string | undefined): void {
    try {
      const reason = this.#options.refusalOf(req, res)
      if (reason !== undefined && WORD.test(reason)) this.#to.history.refused(reason, handle === undefined ? {} : { handle })
    } catch {
      // watching never fails a request
    }
  }
}

function keptUntil({ livesMs, endsAt }: Known, at: number): number {
  return Math.min(at + livesMs, endsAt)
}

function sightingOf({ userAgent, ip, userId }: Known, counts: boolean, at: number): Sightings {
  return { pages: counts ? 1 : 0, writes: 0, conflicts: 0, firstSeenAt: at, lastSeenAt: at, userAgent, ip, userId }
}
