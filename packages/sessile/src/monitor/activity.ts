import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import type { Analytics, Live, StepName } from './api-types.ts'
import type { History } from './history.ts'
import { resolveActivity, WORD, type ActivityOptions, type HttpRequest, type Middleware, type WatchedSession } from './options.ts'
import { STEPS } from './tallies.ts'
import { Watch, type Activity, type ActivityRow, type UserExport } from './watch.ts'

export type { Activity, ActivityRow, UserExport }

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

const LAST = { minute: 3_600_000, hour: 7 * 86_400_000, day: 90 * 86_400_000 } as const

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
