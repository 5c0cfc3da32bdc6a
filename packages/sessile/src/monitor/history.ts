import { supports } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import type { SessionEvent, SessionEvents } from '../core/events.ts'
import type { Alert } from './alerts.ts'
import type { Told } from './activity-log.ts'
import type { ActivityRecord } from './activity-record.ts'
import { analyticsOf, pointOf } from './analytics.ts'
import type { Analytics, EventEntry, Live, Point, StepName } from './api-types.ts'
import { deviceClassOf } from './device.ts'
import { DueSessions } from './due-sessions.ts'
import type { Room } from './land-once.ts'
import { SharedLog, type Numbered } from './shared-log.ts'
import { bucketOf } from './sketch.ts'
import { STEPS, Tallies, type Step } from './tallies.ts'

const MINUTE = STEPS.minute.ms
const MINUTE_ONLY: readonly Step[] = ['minute']
/** The list of what was seen last covers as much; older ones are in the list of all. */
const SEEN_KEPT_MS = 3_600_000

/** A session that somebody may list: its handle, and since when it has it, or is seen again. */
export type Listed = readonly [handle: string, at: number]

export interface HistoryOptions {
  readonly keepMs: number
  readonly keepEventsMs: number
  /** What was seen of a session outlives it by so much. */
  readonly slackMs: number
  readonly node: string
  /** Names that the app may count under. */
  readonly marks: readonly string[]
}

/**
 * What happened, of all processes: counts by minute, hour and day, the events, and which sessions there are, in order. Gathered
 * in memory and stored with `flush`.
 */
export class History {
  readonly events: SharedLog<EventEntry>
  readonly newest: SharedLog<Listed>
  readonly lastSeen: SharedLog<Listed>
  /** Only where the store expires sessions by itself and tells nobody. */
  readonly due: DueSessions | undefined
  readonly #tallies: Tallies
  readonly #options: HistoryOptions
  #sampledAt = -Infinity
  #pages = 0
  /** The beginning of the minute that they are of. */
  #pagesFrom = 0
  readonly #listeners = new Set<(entry: EventEntry) => void>()

  constructor(room: Room, sessionsRemoveExpired: boolean, options: HistoryOptions) {
    this.#options = options
    this.#tallies = new Tallies(room)
    this.events = new SharedLog(room, 'events', { keepMs: options.keepEventsMs })
    this.newest = new SharedLog(room, 'newest', { keepMs: options.keepMs, maxPending: 200_000 })
    this.lastSeen = new SharedLog(room, 'seen', { keepMs: SEEN_KEPT_MS, maxPending: 50_000 })
    this.due = sessionsRemoveExpired ? undefined : new DueSessions(room, options.keepMs)
  }

  /** A page was asked for. Those of one minute are put together before they are counted. */
  page(at: number): void {
    if (at < this.#pagesFrom || at >= this.#pagesFrom + MINUTE) {
      this.#countPages()
      this.#pagesFrom = minuteOf(at) * MINUTE
    }
    this.#pages += 1
  }

  #countPages(): void {
    if (this.#pages === 0) return
    this.#tallies.add(this.#pagesFrom, 'pages', this.#pages)
    this.#tallies.add(this.#pagesFrom, `node.${this.#options.node}`, this.#pages)
    this.#pages = 0
  }

  /** Somebody was refused. @param reason a word of ours */
  refused(reason: string, facts: Omit<EventEntry, 'at' | 'event'> = {}): void {
    const at = now()
    this.#tallies.add(at, 'refused')
    this.#tallies.add(at, `refused.${reason}`)
    this.note({ at, event: 'refused', detail: reason, ...facts })
  }

  /** Counts what the app alone knows. @returns false for a name that was not declared */
  mark(name: string, n = 1): boolean {
    if (!this.#options.marks.includes(name)) return false
    this.#tallies.add(now(), `mark.${name}`, n)
    return true
  }

  /** Puts something into the list of events. */
  note(entry: EventEntry): void {
    const kept = { ...entry, node: this.#options.node }
    this.events.append(kept)
    for (const listener of this.#listeners) listener(kept)
  }

  /** Something is out of the ordinary. */
  alert({ at, kind, userId, handle }: Alert): void {
    this.#tallies.add(at, `alert.${kind}`)
    this.note({
      at,
      event: 'alert',
      detail: kind,
      ...(userId === undefined ? {} : { userId }),
      ...(handle === undefined ? {} : { handle })
    })
  }

  /** Counts and notes an event of the sessions. */
  event<E extends SessionEvent>(event: E, payload: SessionEvents[E]): void {
    // each end has an event of its own name
    if (event === 'ended') return
    const at = now()
    this.#tallies.add(at, event === 'expired' || event === 'destroyed' || event === 'revoked' ? `ended.${event}` : event)
    const { handle, userId, previous, reason, operation, code } = payload as Partial<Record<string, string>>
    const detail = reason ?? operation ?? code
    this.note({
      at,
      event,
      ...(handle === undefined ? {} : { handle }),
      ...(userId === undefined ? {} : { userId }),
      ...(previous === undefined ? {} : { previous }),
      ...(detail === undefined ? {} : { detail: detail.slice(0, 100) })
    })
  }

  /** A record of activity was written: what it stands for now counts, and what it stood for does not any more. */
  readonly told: Told = (before, after, handle, expiresAt) => {
    if (!before || !countsAlike(before, after)) {
      if (before) this.#contribute(before, -1)
      this.#contribute(after, 1)
    }
    if (!('seen' in after)) return
    const { lastSeenAt, firstSeenAt } = after.seen
    const seenBefore = before && 'seen' in before ? before.seen.lastSeenAt : undefined
    if (seenBefore === undefined) {
      this.newest.append([handle, firstSeenAt])
      this.due?.add(handle, expiresAt - this.#options.slackMs)
    }
    if (dayOf(lastSeenAt) > dayOf(seenBefore ?? firstSeenAt)) this.#tallies.add(lastSeenAt, 'returned')
    if (seenBefore === undefined || minuteOf(seenBefore) < minuteOf(lastSeenAt)) this.lastSeen.append([handle, lastSeenAt])
  }

  #contribute(record: ActivityRecord, sign: 1 | -1): void {
    if ('seen' in record) {
      const { firstSeenAt, lastSeenAt, userId, userAgent } = record.seen
      this.#tallies.add(lastSeenAt, userId === undefined ? 'active.guests' : 'active.users', sign, MINUTE_ONLY)
      this.#started(firstSeenAt, deviceClassOf(userAgent), sign)
    } else if ('ending' in record) {
      const { endedAt, firstSeenAt, lastSeenAt, pages, device } = record.ending
      if (firstSeenAt === undefined || lastSeenAt === undefined) return
      this.#started(firstSeenAt, device, sign)
      this.#tallies.add(endedAt, `duration:${bucketOf((lastSeenAt - firstSeenAt) / 1000)}`, sign)
      this.#tallies.add(endedAt, `pagesOf:${bucketOf(pages)}`, sign)
      if (pages <= 1) this.#tallies.add(endedAt, 'bounced', sign)
    }
  }

  #started(at: number, device: string, sign: 1 | -1): void {
    this.#tallies.add(at, 'started', sign)
    this.#tallies.add(at, `device.${device}`, sign)
  }

  /** How many sessions are in use now. */
  async live(): Promise<Live> {
    const at = now()
    const buckets = await this.#tallies.read('minute', at - 30 * MINUTE, at)
    const sum = (name: string, minutes: number): number =>
      Math.max(
        0,
        buckets.slice(-minutes - 1).reduce((total, { tally }) => total + (tally.counts.get(name) ?? 0), 0)
      )
    const active = (minutes: number) => ({ users: sum('active.users', minutes), guests: sum('active.guests', minutes) })
    return { at, active5: active(5), active30: active(30) }
  }

  /** What was counted under a name in the last `ms`, to the minute. */
  async counted(name: string, ms: number): Promise<number> {
    const at = now()
    const buckets = await this.#tallies.read('minute', at - ms, at)
    return buckets.reduce((sum, { tally }) => sum + (tally.counts.get(name) ?? 0), 0)
  }

  async analytics(step: StepName, from: number, to: number): Promise<Analytics> {
    this.#countPages()
    return analyticsOf(step, from, to, await this.#tallies.read(step, from, to))
  }

  /** The present minute. */
  async point(): Promise<Point> {
    this.#countPages()
    const at = now()
    const [bucket] = await this.#tallies.read('minute', at, at)
    return pointOf(bucket!.at, bucket!.tally)
  }

  /** Stores what was gathered. @throws the store's first error; what was not stored stays */
  async flush(): Promise<void> {
    const done = await Promise.allSettled([
      this.#sampled(),
      this.events.flush(),
      this.newest.flush(),
      this.lastSeen.flush(),
      this.due?.flush()
    ])
    const failed = done.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }

  /** Once a minute it is noted how many sessions are in use, for the charts. */
  async #sampled(): Promise<void> {
    this.#countPages()
    await this.#tallies.flush()
    const at = now()
    if (minuteOf(at) === minuteOf(this.#sampledAt)) return
    this.#sampledAt = at
    const { active5 } = await this.live()
    const active = active5.users + active5.guests
    if (active > 0) this.#tallies.peak(at, 'active', active)
    await this.#tallies.flush()
  }

  /** Hears of this process's events at once. @returns a function that stops it */
  listen(listener: (entry: EventEntry) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** What the events tell of a user, the newest first. */
  async eventsOf(userId: string): Promise<Numbered<EventEntry>[]> {
    const found: Numbered<EventEntry>[] = []
    for (let before: number | undefined; ;) {
      const { entries, next } = await this.events.newest(before, 2000)
      found.push(...entries.filter(({ entry }) => entry.userId === userId || entry.by === userId))
      if (next === undefined) return found
      before = next
    }
  }

  /** Takes a user out of the events, which stay as counts. @returns how many were changed */
  async forgetUser(userId: string): Promise<number> {
    await this.events.flush()
    return this.events.rewrite((entry) => {
      if (entry.userId !== userId && entry.by !== userId) return entry
      const { userId: _, by: __, handle: ___, previous: ____, ...rest } = entry
      return rest
    })
  }
}

/** Whether two accounts of a session that goes on count as the same, as most are: what would be taken away is what would be added. */
function countsAlike(before: ActivityRecord, after: ActivityRecord): boolean {
  if (!('seen' in before) || !('seen' in after)) return false
  const [one, other] = [before.seen, after.seen]
  return (
    one.firstSeenAt === other.firstSeenAt &&
    minuteOf(one.lastSeenAt) === minuteOf(other.lastSeenAt) &&
    one.userAgent === other.userAgent &&
    (one.userId === undefined) === (other.userId === undefined)
  )
}

function dayOf(at: number): number {
  return Math.floor(at / STEPS.day.ms)
}

function minuteOf(at: number): number {
  return Math.floor(at / MINUTE)
}

/** Whether a store tells of the sessions that ran out; others expire them by themselves. */
export function tellsExpired(backend: Parameters<typeof supports>[0]): boolean {
  return supports(backend, 'removeExpired')
}
