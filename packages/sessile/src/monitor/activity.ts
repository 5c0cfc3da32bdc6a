import { addressBucket } from '../core/addresses.ts'
import { StoreCalls } from '../core/calls.ts'
import { every, now } from '../core/clock.ts'
import { ActivityLog } from './activity-log.ts'
import type { Sightings } from './activity-record.ts'
import {
  resolveActivity,
  type ActivityOptions,
  type HttpRequest,
  type Middleware,
  type ResolvedActivity,
  type WatchedSession
} from './options.ts'

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
  /** Writes what was gathered; it happens by itself every `flushEvery`. */
  flush(): Promise<void>
  /** Writes what was gathered and stops. Before the sessions are closed, since the store is theirs. */
  close(): Promise<void>
}

const MAX_USER_AGENT = 512
/** What was seen outlives the session by a little, so that the last answer of a session still finds it. */
const SLACK_MS = 60_000
/** Of sessions without an end, what was seen is kept this long. */
const MAX_LIFE_MS = 30 * 86_400_000

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
    flush: () => watch.flush(),
    close: () => watch.close()
  })
}

const UNSEEN = Object.freeze({ pages: 0, userAgent: undefined, ip: undefined, userId: undefined })

class Watch<Req extends HttpRequest> {
  readonly #options: ResolvedActivity<Req>
  readonly #log: ActivityLog
  readonly #stops: (() => void)[]
  #flushing: Promise<void> | undefined
  #warned = false
  #closed = false

  constructor(options: ResolvedActivity<Req>) {
    const { sessions } = options
    this.#options = options
    const calls = new StoreCalls(options.opened, { deadlineMs: options.storeTimeoutMs, passErrors: false })
    this.#log = new ActivityLog(options.space, calls, options.maxPending)
    this.#stops = [
      every(options.flushEveryMs, () => this.#tick()),
      sessions.on('renewed', ({ previous, handle }) => this.#log.move(previous, handle)),
      sessions.on('ended', ({ handle, reason }) => {
        if (reason !== 'renewed') this.#log.end(handle)
      })
    ]
  }

  /**
   * A session that is there when the request comes is counted at once, so that the request sees itself; one that it begins
   * is counted with the answer. With the answer it is looked up again: who signed in, and when it ends now.
   */
  request(req: Req, res: Parameters<Middleware>[1], next: (error?: unknown) => void): void {
    if (this.#closed) return next()
    let counts = this.#options.isPage(req)
    if (this.#note(req, counts)) counts = false
    let done = false
    const finish = (): void => {
      if (done) return
      done = true
      this.#note(req, counts)
    }
    // told by Node when all of an answer was handed over, before any of the client's next requests can be read
    res.once('prefinish', finish)
    res.once('close', finish)
    next()
  }

  /** @returns whether there was a session to note. A session that cannot be told of is none: watching never fails a request */
  #note(req: Req, counts: boolean): boolean {
    const session = this.#described(req)
    if (!session) return false
    const at = now()
    const seen: Sightings = {
      pages: counts ? 1 : 0,
      firstSeenAt: at,
      lastSeenAt: at,
      userAgent: req.headers['user-agent']?.slice(0, MAX_USER_AGENT),
      ip: this.#addressOf(req),
      userId: session.userId
    }
    this.#log.note(session.handle, seen, Math.min(session.expiresAt, at + MAX_LIFE_MS) + SLACK_MS)
    return true
  }

  #described(req: Req): WatchedSession | undefined {
    try {
      return this.#options.sessions.describe(req)
    } catch {
      return undefined
    }
  }

  #addressOf(req: Req): string | undefined {
    const { addresses } = this.#options
    if (addresses === 'none') return undefined
    const address = req.ip ?? req.socket.remoteAddress
    return address === undefined || addresses === 'full' ? address : addressBucket(address, 48, 24)
  }

  async of(handle: string): Promise<Activity | undefined> {
    const seen = await this.#log.read(handle)
    return seen && activityOf(handle, seen)
  }

  async list(sessions: readonly WatchedSession[]): Promise<ActivityRow[]> {
    const at = now()
    return Promise.all(
      sessions.map(async ({ handle, userId, createdAt }) => {
        const seen = (await this.#log.read(handle)) ?? { ...UNSEEN, firstSeenAt: createdAt, lastSeenAt: createdAt }
        return { ...activityOf(handle, seen), userId, duration: Math.max(0, at - createdAt) }
      })
    )
  }

  async flush(): Promise<void> {
    // what is being written now may not have all of what was gathered up to now
    while (this.#flushing) await this.#flushing.catch(() => {})
    this.#flushing = this.#log.flush()
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
