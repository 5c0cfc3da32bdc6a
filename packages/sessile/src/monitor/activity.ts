import { StoreCalls } from '../core/calls.ts'
import { every, now } from '../core/clock.ts'
import { GLANCE } from '../express/glance.ts'
import { Alerts } from './alerts.ts'
import { ActivityLog, type Pending } from './activity-log.ts'
import type { Sightings } from './activity-record.ts'
import type { Analytics, EventEntry, Live, StepName } from './api-types.ts'
import { History, tellsExpired } from './history.ts'
import {
  resolveActivity,
  WORD,
  type ActivityOptions,
  type HttpRequest,
  type Middleware,
  type ResolvedActivity,
  type WatchedSession
} from './options.ts'
import { keptAddress } from './privacy.ts'
import { SESSION_EVENTS } from '../core/events.ts'
import { SessionError } from '../core/errors.ts'
import { STEPS } from './tallies.ts'

/** What was seen of one session. Times are epoch ms. */
export interface Activity {
  /** The handle. */
  readonly sessionId: string
  /** Who used it last. */
  readonly userId: string | undefined
  readonly firstActivity: number
  readonly lastActivity: number
  readonly userAgent: string | undefined
  readonly ip: string | undefined
  /** Requests of the session. */
  readonly pages: number
}

/** One row of a list of sessions. */
export interface ActivityRow extends Activity {
  /** Ms since the session began. */
  readonly duration: number
}

/** Watches sessions. Is itself the middleware, to be used behind `session()`. */
export interface ActivityTracker<Req extends HttpRequest = HttpRequest> extends Middleware<Req> {
  /**
   * What was seen of a session: by this process up to now, by others up to their last flush.
   * @returns `undefined` when nothing was seen of it
   */
  of(handle: string): Promise<Activity | undefined>
  /** A row for each of these sessions, in their order; one that nobody has written of yet has 0 pages. */
  list(sessions: readonly WatchedSession[]): Promise<ActivityRow[]>
  /**
   * How many sessions are in use now, of users and of visitors: `active5` had their last request in this minute or the five
   * before it, `active30` in the thirty before it.
   */
  live(): Promise<Live>
  /**
   * What was counted from `from` to `to`, over all processes, in steps of a minute (kept 3 hours), an hour (8 days) or a day
   * (400 days, UTC). Percentiles are within 5 % of the truth. Default: the last hour by minutes, week by hours, 90 days.
   */
  analytics(options?: { step?: StepName; from?: number; to?: number }): Promise<Analytics>
  /** Counts what the app alone knows, under one of the names in `marks`. @throws SessionError `bad-argument` for another name */
  count(mark: string, times?: number): void
  /** Counts a refusal that no answer shows. @param reason a word such as `wrong-password`. @throws SessionError `bad-argument` */
  refused(reason: string): void
  /** All that is kept of a user: what was seen of the live sessions, and events. */
  exportUser(userId: string | number): Promise<UserExport>
  /** Forgets what was seen of a user's sessions, and takes the user out of all events; counts stay. The sessions go on. */
  eraseUser(userId: string | number): Promise<{ sessions: number; events: number }>
  /** What is kept beside single sessions; for the dashboard. */
  readonly history: History
  /** What runs out is told from here where the store tells nobody; for `startSweeping`. @returns how many ran out */
  sweepDue(expired?: (handle: string) => void): Promise<number>
  /** Writes what was gathered; it happens by itself every `flushEvery`. */
  flush(): Promise<void>
  /** Writes what was gathered and stops. Before the sessions are closed, since the store is theirs. */
  close(): Promise<void>
}

/** All that is kept of a user. */
export interface UserExport {
  readonly userId: string
  readonly sessions: readonly Activity[]
  readonly events: readonly EventEntry[]
}

const MAX_USER_AGENT = 512
/** Events are stored that soon; the rest has time. */
const EVENTS_EVERY_MS = 1000
const LAST = { minute: 3_600_000, hour: 7 * 86_400_000, day: 90 * 86_400_000 } as const
/** What was seen outlives the session by a little, so that the last answer of a session still finds it. */
const SLACK_MS = 60_000
/** And by more where its end can be told from here alone. */
const DUE_SLACK_MS = 15 * 60_000

/**
 * Watches what sessions do: requests, first and last activity, browser, address, user. It is gathered in memory and written
 * in batches, so watching costs a request no round trip to the store; counts of several processes add up.
 * @throws SessionError `bad-option`, `not-supported`
 */
export function activity<Req extends HttpRequest = HttpRequest>(given: ActivityOptions<Req>): ActivityTracker<Req> {
  const watch = new Watch(resolveActivity(given))
  const middleware: Middleware<Req> = (req, res, next) => watch.request(req, res, next)
  return Object.assign(middleware, {
    of: (handle: string) => watch.of(handle),
    list: (sessions: readonly WatchedSession[]) => watch.list(sessions),
    live: () => watch.history.live(),
    analytics: ({
      step = 'minute',
      to = now(),
      from = to - LAST[step] + STEPS[step].ms
    }: { step?: StepName; from?: number; to?: number } = {}) => watch.history.analytics(step, from, to),
    count(mark: string, times = 1) {
      if (watch.history.mark(mark, times)) return
      throw new SessionError('bad-argument', `${JSON.stringify(mark)} is not among the marks that activity was told of.`)
    },
    refused(reason: string) {
      if (!WORD.test(reason)) throw new SessionError('bad-argument', 'A reason is a word of lower-case letters, digits and hyphens.')
      watch.history.refused(reason)
    },
    exportUser: (userId: string | number) => watch.exportUser(String(userId)),
    eraseUser: (userId: string | number) => watch.eraseUser(String(userId)),
    history: watch.history,
    sweepDue: (expired?: (handle: string) => void) => watch.sweepDue(expired),
    flush: () => watch.flush(),
    close: () => watch.close()
  })
}

const UNSEEN = Object.freeze({ pages: 0, userAgent: undefined, ip: undefined, userId: undefined })

/** What the last requests of a session had in common. */
interface Known {
  readonly handle: string
  readonly pending: Pending
  readonly agent: string | undefined
  readonly peer: string | undefined
  readonly forwarded: string | readonly string[] | undefined
  readonly isHidden: boolean
  /** What was seen is kept so long after a request, ms, but not past the other. */
  readonly livesMs: number
  readonly endsAt: number
}

class Watch<Req extends HttpRequest> {
  readonly #options: ResolvedActivity<Req>
  readonly #log: ActivityLog
  readonly history: History
  readonly #alerts: Alerts | undefined
  readonly #slackMs: number
  #sweptTo = -Infinity
  /** Of sessions that have something pending, by what a glance tells. */
  readonly #known = new Map<string, Known>()
  readonly #stops: (() => void)[]
  #flushing: Promise<void> | undefined
  #warned = false
  #closed = false

  constructor(options: ResolvedActivity<Req>) {
    const { sessions } = options
    this.#options = options
    const calls = new StoreCalls(options.opened, { deadlineMs: options.storeTimeoutMs, passErrors: false })
    const { keepMs, keepEventsMs, node, marks } = options
    const isTold = tellsExpired(sessions.backend)
    this.#slackMs = isTold ? SLACK_MS : DUE_SLACK_MS
    const room = { space: options.space, calls }
    this.history = new History(room, isTold, { keepMs, keepEventsMs, node, marks, slackMs: this.#slackMs })
    const { history } = this
    this.#alerts = options.alerts
      ? new Alerts(options.alerts, {
          room,
          counted: (name, ms) => history.counted(name, ms),
          sessionsOf: async (userId) => (await sessions.of?.(userId)) ?? [],
          note: (alert) => history.alert(alert)
        })
      : undefined
    this.#log = new ActivityLog(options.space, calls, options.maxPending, (before, after, handle, expiresAt) => {
      history.told(before, after, handle, expiresAt)
      if (before && 'seen' in before && 'seen' in after) this.#looksMoved(handle, before.seen, after.seen)
    })
    this.#stops = [
      every(options.flushEveryMs, () => this.#tick()),
      every(Math.min(EVENTS_EVERY_MS, options.flushEveryMs), () => void this.history.events.flush().catch(() => {})),
      ...SESSION_EVENTS.map((event) => sessions.on(event, (payload) => this.history.event(event, payload))),
      sessions.on('signed-in', ({ userId }) => this.#alerts?.signedIn(userId)),
      sessions.on('renewed', ({ previous, handle }) => this.#log.move(previous, handle)),
      sessions.on('ended', ({ handle, reason }) => {
        if (reason !== 'renewed') this.#log.end(handle, reason)
      })
    ]
  }

  /**
   * A session that is there when the request comes is counted at once, so that the request sees itself; one that it begins
   * is counted with the answer. With the answer it is looked at again: who signed in, and when it ends now.
   */
  request(req: Req, res: Parameters<Middleware>[1], next: (error?: unknown) => void): void {
    if (this.#closed) return next()
    const counts = this.#options.isPage(req)
    const before = this.#glance(req)
    const handle = this.#note(req, counts, before)
    // told by Node when all of an answer was handed over, before any of the client's next requests can be read
    res.on('prefinish', () => {
      const glance = this.#glance(req)
      const isSame = handle !== undefined && glance !== undefined && glance === before
      this.#refusal(req, res, isSame ? handle : this.#note(req, counts && handle === undefined, glance))
    })
    next()
  }

  #glance(req: Req): string | undefined {
    const { sessions } = this.#options
    return sessions[GLANCE] === undefined ? undefined : sessions[GLANCE](req)
  }

  #refusal(req: Req, res: Parameters<Middleware>[1], handle: string | undefined): void {
    try {
      const reason = this.#options.refusalOf(req, res)
      if (reason !== undefined && WORD.test(reason)) this.history.refused(reason, handle === undefined ? {} : { handle })
    } catch {
      // watching never fails a request
    }
  }

  /** @returns the handle of the session that there was to note. A session that cannot be told of is none: watching never fails a request */
  #note(req: Req, counts: boolean, glance: string | undefined): string | undefined {
    const known = glance === undefined ? undefined : this.#known.get(glance)
    const at = now()
    const { headers, socket } = req
    const isHidden = this.#options.optOut(req)
    // most requests are of a session that was seen just now, and nothing but the time differs
    if (
      known?.pending.live &&
      !known.pending.unsure &&
      known.isHidden === isHidden &&
      known.agent === headers['user-agent'] &&
      known.peer === socket.remoteAddress &&
      known.forwarded === headers['x-forwarded-for']
    ) {
      const { pending } = known
      pending.seen.lastSeenAt = Math.max(pending.seen.lastSeenAt, at)
      pending.expiresAt = Math.max(pending.expiresAt, Math.min(at + known.livesMs, known.endsAt))
      if (counts) {
        pending.seen.pages += 1
        this.history.page(at)
      }
      return known.handle
    }
    return this.#noteAnew(req, counts, at, isHidden, glance, known)
  }

  #noteAnew(
    req: Req,
    counts: boolean,
    at: number,
    isHidden: boolean,
    glance: string | undefined,
    known: Known | undefined
  ): string | undefined {
    const session = this.#described(req)
    if (!session) return undefined
    const { headers, socket } = req
    const { addresses, secret, keepMs, maxPending } = this.#options
    if (counts) this.history.page(at)
    const seen: Sightings = {
      pages: counts ? 1 : 0,
      firstSeenAt: at,
      lastSeenAt: at,
      userAgent: isHidden ? undefined : headers['user-agent']?.slice(0, MAX_USER_AGENT),
      ip: isHidden ? undefined : keptAddress(req.ip ?? socket.remoteAddress, addresses, secret, at),
      userId: session.userId
    }
    const livesMs = Math.min(session.expiresAt - at, keepMs) + this.#slackMs
    if (known?.pending.live) this.#looksMoved(session.handle, known.pending.seen, seen)
    const pending = this.#log.note(session.handle, seen, at + livesMs)
    if (glance !== undefined) {
      if (this.#known.size >= 2 * maxPending) this.#known.clear()
      const [agent, peer, forwarded] = [headers['user-agent'], socket.remoteAddress, headers['x-forwarded-for']]
      const endsAt = (session.absoluteExpiresAt ?? Infinity) + this.#slackMs
      this.#known.set(glance, { handle: session.handle, pending, agent, peer, forwarded, isHidden, livesMs, endsAt })
    }
    return session.handle
  }

  #looksMoved(handle: string, before: Sightings, after: Sightings): void {
    this.#alerts?.seenAt(handle, after.userId, before.ip, after.ip, after.lastSeenAt - before.lastSeenAt)
  }

  #described(req: Req): WatchedSession | undefined {
    try {
      return this.#options.sessions.describe(req)
    } catch {
      return undefined
    }
  }

  async of(handle: string): Promise<Activity | undefined> {
    const seen = await this.#log.read(handle)
    return seen && activityOf(handle, seen)
  }

  async list(sessions: readonly WatchedSession[]): Promise<ActivityRow[]> {
    const at = now()
    return Promise.all(
      sessions.map(async ({ handle, userId, createdAt }) => {
        const seen = (await this.#log.read(handle)) ?? { ...UNSEEN, firstSeenAt: createdAt ?? at, lastSeenAt: createdAt ?? at }
        return { ...activityOf(handle, seen), userId, duration: Math.max(0, at - (createdAt ?? seen.firstSeenAt)) }
      })
    )
  }

  async flush(): Promise<void> {
    // what is being written now may not have all of what was gathered up to now
    while (this.#flushing) await this.#flushing.catch(() => {})
    this.#known.clear()
    // what was seen is counted when it is stored, so the counts come after it
    this.#flushing = this.#log.flush().finally(() => this.history.flush())
    if (this.#alerts) this.#flushing = this.#flushing.then(() => this.#alerts!.look())
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  /** What fails now is tried again with the next flush; said once, until it works again. */
  #tick(): void {
    if (this.#flushing) return
    this.flush().then(
      () => {
        this.#warned = false
      },
      (error: unknown) => {
        if (this.#warned) return
        this.#warned = true
        const why = error instanceof Error ? error.message : String(error)
        process.emitWarning(`What was seen of sessions could not be stored, and is kept: ${why}`, 'SessileWarning')
      }
    )
  }

  async exportUser(userId: string): Promise<UserExport> {
    const sessions = await this.#sessionsOf(userId)
    const seen = await Promise.all(sessions.map(({ handle }) => this.of(handle)))
    const events = await this.history.eventsOf(userId)
    return { userId, sessions: seen.filter((one) => one !== undefined), events: events.map(({ entry }) => entry) }
  }

  async eraseUser(userId: string): Promise<{ sessions: number; events: number }> {
    const sessions = await this.#sessionsOf(userId)
    for (const { handle } of sessions) await this.#log.hide(handle)
    return { sessions: sessions.length, events: await this.history.forgetUser(userId) }
  }

  #sessionsOf(userId: string): Promise<WatchedSession[]> {
    const { sessions } = this.#options
    if (!sessions.of) throw new SessionError('not-supported', 'The sessions that activity was given cannot be found by their user.')
    return sessions.of(userId)
  }

  async sweepDue(expired: (handle: string) => void = () => {}): Promise<number> {
    const { due } = this.history
    if (!due) return 0
    let ran = 0
    for await (const { slot, handles } of due.dueSince(this.#sweptTo)) {
      for (const handle of new Set(handles)) {
        const outcome = await this.#log.expire(handle, this.#slackMs)
        if (typeof outcome === 'number') due.add(handle, outcome)
        else if (outcome === 'expired') {
          ran += 1
          this.history.event('expired', { handle, attributes: {} })
          expired(handle)
        }
      }
      // the present slot may still get some
      this.#sweptTo = slot - 1
    }
    return ran
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const stop of this.#stops) stop()
    await this.flush()
  }
}

function activityOf(handle: string, { pages, firstSeenAt, lastSeenAt, userAgent, ip, userId }: Sightings): Activity {
  return { sessionId: handle, userId, firstActivity: firstSeenAt, lastActivity: lastSeenAt, userAgent, ip, pages }
}
