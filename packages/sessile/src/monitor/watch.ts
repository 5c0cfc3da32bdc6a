import { StoreCalls } from '../core/calls.ts'
import { every, now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { SESSION_EVENTS } from '../core/events.ts'
import { ActivityLog } from './activity-log.ts'
import type { Sightings } from './activity-record.ts'
import { Alerts } from './alerts.ts'
import type { EventEntry } from './api-types.ts'
import { History, tellsExpired } from './history.ts'
import type { HttpRequest, Middleware, ResolvedActivity, WatchedSession } from './options.ts'
import { Requests } from './requests.ts'

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
  /** Requests that changed its record. */
  readonly writes: number
  /** How often one of these met another's change; both were kept. */
  readonly conflicts: number
}

/** One row of a list of sessions. */
export interface ActivityRow extends Activity {
  /** Ms since the session began. */
  readonly duration: number
}

/** All that is kept of a user. */
export interface UserExport {
  readonly userId: string
  readonly sessions: readonly Activity[]
  readonly events: readonly EventEntry[]
}

/** Events are stored that soon; the rest has time. */
const EVENTS_EVERY_MS = 1000
/** What is known of sessions without asking them is good for so long. */
const KNOWN_MS = 60_000
/** What was seen outlives the session by a little, so that the last answer of a session still finds it. */
const SLACK_MS = 60_000
/** And by more where its end can be told from here alone. */
const DUE_SLACK_MS = 15 * 60_000
const UNSEEN = Object.freeze({ pages: 0, writes: 0, conflicts: 0, userAgent: undefined, ip: undefined, userId: undefined })

/** What `activity` does: requests are seen, what is gathered of them is written, and what was written is told. */
export class Watch<Req extends HttpRequest> {
  readonly #options: ResolvedActivity<Req>
  readonly #log: ActivityLog
  readonly history: History
  readonly #alerts: Alerts | undefined
  readonly #slackMs: number
  #sweptTo = -Infinity
  readonly #requests: Requests<Req>
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
    const looksMoved = (handle: string, before: Sightings, after: Sightings): void => {
      this.#alerts?.seenAt(handle, after.userId, before.ip, after.ip, after.lastSeenAt - before.lastSeenAt)
    }
    this.#log = new ActivityLog(options.space, calls, options.maxPending, (before, after, handle, expiresAt) => {
      history.told(before, after, handle, expiresAt)
      if (before && 'seen' in before && 'seen' in after) looksMoved(handle, before.seen, after.seen)
    })
    this.#requests = new Requests(options, { log: this.#log, history, slackMs: this.#slackMs, looksMoved })
    this.#stops = [
      every(KNOWN_MS, () => {
        this.#requests.forget()
        this.#log.forget()
      }),
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

  request(req: Req, res: Parameters<Middleware>[1], next: (error?: unknown) => void): void {
    if (this.#closed) return next()
    this.#requests.request(req, res, next)
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

function activityOf(handle: string, { firstSeenAt, lastSeenAt, ...seen }: Sightings): Activity {
  return { sessionId: handle, firstActivity: firstSeenAt, lastActivity: lastSeenAt, ...seen }
}
