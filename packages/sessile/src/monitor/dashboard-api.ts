import { supports } from '../core/backend.ts'
import { now, stopwatch } from '../core/clock.ts'
import { isSessionError, SessionError } from '../core/errors.ts'
import type { SessionInfo } from '../express/info.ts'
import type {
  Action,
  ActionDone,
  AttributeView,
  EventEntry,
  EventsPage,
  NumberedEvent,
  Overview,
  Problem,
  SessionDetail,
  Start,
  Stored,
  UserDetail
} from './api-types.ts'
import { EVENT_NAMES } from './event-names.ts'
import type { ResolvedDashboard } from './dashboard-options.ts'
import { SessionList, type Asked } from './session-list.ts'
import type { Numbered } from './shared-log.ts'
import { StoreHealth } from './store-health.ts'

/** A question without HTTP. */
export interface Question {
  /** The handle of whoever looks. */
  readonly own: string | undefined
  readonly userId: string | undefined
  readonly fresh: boolean
  readonly query: URLSearchParams
}

/** An answer without HTTP. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

const TIMELINE_OF = 4000
const TIMELINE_ROWS = 100
const VALUE_LENGTH = 200
/** Counting stops there, or after so long; what it took is waited for fifty times before it is done anew. */
const COUNT_TO = 20_000
const COUNT_FOR_MS = 100
const COUNT_EVERY_MS = 2000
const COUNT_SHARE = 50
const END_AT_ONCE = 50
/** Sessions that one request ends at most. */
const END_AT_MOST = 5000

/** What the dashboard knows and does: plain values in, `{ status, body }` out. */
export class DashboardApi {
  readonly #options: ResolvedDashboard
  readonly list: SessionList
  readonly health: StoreHealth
  #counted: { until: number; readonly stored: Promise<Stored> } | undefined

  constructor(options: ResolvedDashboard) {
    this.#options = options
    this.list = new SessionList(options.sessions, options.activity)
    this.health = new StoreHealth(options.sessions)
  }

  /** By name, as `api/NAME` is asked for. */
  readonly handlers: Readonly<Record<string, (question: Question) => Promise<Answer>>> = {
    start: async ({ own, fresh }) => ok(this.#start(own, fresh)),
    overview: async () => ok(await this.#overview()),
    sessions: async ({ query, own }) => {
      const order = query.get('order') ?? undefined
      const asked: Asked = {
        order: order as Asked['order'],
        cursor: query.get('cursor') ?? undefined,
        query: query.get('q')?.slice(0, 1000).trim() || undefined,
        limit: Number(query.get('limit') ?? 50) || 50
      }
      return ok(await this.list.page(asked, own))
    },
    session: ({ query, own }) => this.#session(query.get('handle') ?? '', own),
    users: async () => ok(await this.list.users()),
    user: async ({ query, own }) => ok(await this.#user(query.get('user') ?? '', own)),
    events: async ({ query }) => ok(await this.#events(query)),
    health: async () => ok(await this.readHealth())
  }

  /** @throws SessionError what a handler throws; `problemOf` makes an answer of it */
  async ask(name: string, question: Question): Promise<Answer> {
    const handler = Object.hasOwn(this.handlers, name) ? this.handlers[name] : undefined
    return handler ? handler(question) : problem(404, 'not-found', 'There is nothing of that name.')
  }

  readHealth() {
    const { activity, node } = this.#options
    return this.health.read(activity?.history.events.dropped ?? 0, node)
  }

  #start(own: string | undefined, fresh: boolean): Start {
    const { title, activity, sessions, confirmPath, appPath } = this.#options
    return {
      title,
      watched: activity !== undefined,
      canList: this.list.orders.length > 0,
      canFindUsers: supports(sessions.backend, 'keysOfUser'),
      handle: own,
      fresh,
      confirmPath,
      appPath,
      eventNames: EVENT_NAMES
    }
  }

  async #overview(): Promise<Overview> {
    const { activity } = this.#options
    const [live, hour, day, stored] = await Promise.all([
      activity?.live(),
      activity?.analytics({ step: 'minute' }),
      activity?.analytics({ step: 'hour', from: now() - 23 * 3_600_000 }),
      this.#stored()
    ])
    return { live, hour, day, stored }
  }

  /** How many sessions are stored, where that is not too much to count. */
  #stored(): Promise<Stored> | undefined {
    const { sessions } = this.#options
    if (!supports(sessions.backend, 'scan')) return undefined
    if (!this.#counted || now() > this.#counted.until) {
      const start = now()
      const counted = { until: Infinity, stored: this.#count() }
      this.#counted = counted
      counted.stored.then(
        () => (counted.until = now() + Math.max(COUNT_EVERY_MS, COUNT_SHARE * (now() - start))),
        () => (this.#counted = undefined)
      )
    }
    return this.#counted.stored
  }

  async #count(): Promise<Stored> {
    const start = stopwatch()
    let count = 0
    for (let cursor: string | undefined; ;) {
      const page = await this.#options.sessions.scan({ limit: 500, ...(cursor === undefined ? {} : { cursor }) })
      count += page.sessions.length
      cursor = page.cursor
      if (cursor === undefined || count >= COUNT_TO || stopwatch() - start > COUNT_FOR_MS)
        return { sessions: count, more: cursor !== undefined }
    }
  }

  async #session(handle: string, own: string | undefined): Promise<Answer> {
    const info = await this.#options.sessions.get(handle)
    if (!info) return problem(404, 'not-found', 'There is no such session, or it has ended.')
    const [[session], timeline, all] = await Promise.all([
      this.list.rows([info], own),
      this.#timeline(following(info.handle)),
      info.userId === undefined ? [] : this.list.ofUser(info.userId, own)
    ])
    const others = all.filter((one) => one.handle !== info.handle)
    return ok({ session: session!, attributes: this.#attributes(info), timeline, others } satisfies SessionDetail)
  }

  #attributes({ attributes }: SessionInfo): AttributeView[] {
    const { show } = this.#options
    return Object.entries(attributes).map(([name, value]) => ({
      name: name.slice(0, 100),
      kind: kindOf(value),
      ...(show.has(name) ? { value: (JSON.stringify(value) ?? '').slice(0, VALUE_LENGTH) } : {})
    }))
  }

  async #user(userId: string, own: string | undefined): Promise<UserDetail> {
    if (userId === '') throw new SessionError('bad-argument', 'A user is needed.')
    const [sessions, timeline] = await Promise.all([
      this.list.ofUser(userId, own),
      this.#timeline((entry) => entry.userId === userId || entry.by === userId)
    ])
    return { userId, sessions, timeline }
  }

  /** Of the latest events those that `belongs` says, the newest first. */
  async #timeline(belongs: (entry: EventEntry) => boolean): Promise<NumberedEvent[]> {
    const { activity } = this.#options
    if (!activity) return []
    const { entries } = await activity.history.events.newest(undefined, TIMELINE_OF)
    return entries
      .filter(({ entry }) => belongs(entry))
      .slice(0, TIMELINE_ROWS)
      .map(eventOf)
  }

  async #events(query: URLSearchParams): Promise<EventsPage> {
    const { activity } = this.#options
    if (!activity) return { events: [], next: undefined }
    const kind = query.get('event')
    let before = query.has('before') ? Number(query.get('before')) : undefined
    if (before !== undefined && !Number.isSafeInteger(before))
      throw new SessionError('bad-argument', 'before must be the number of an event.')
    if (!kind) {
      const { entries, next } = await activity.history.events.newest(before, 100)
      return { events: entries.map(eventOf), next }
    }
    const events: NumberedEvent[] = []
    for (let lookedAt = 0; lookedAt < TIMELINE_OF; lookedAt += 500) {
      const { entries, next } = await activity.history.events.newest(before, 500)
      events.push(...entries.filter(({ entry }) => entry.event === kind).map(eventOf))
      before = next
      if (next === undefined || events.length >= 100) break
    }
    return { events, next: before }
  }

  /** Ends sessions, and notes who did it. */
  async act(action: Action, { own, userId: by, fresh }: Question): Promise<Answer> {
    if (!fresh) return problem(401, 'reauthentication-required', 'Please confirm who you are first.')
    const { sessions, activity, audit } = this.#options
    let done: ActionDone
    if (action.action === 'end') {
      const ended = await sessions.revoke(action.handle)
      if (!ended) return problem(404, 'not-found', 'There is no such session, or it has ended.')
      done = { ended: 1, more: false }
    } else if (action.action === 'extend' || action.action === 'ask-to-confirm') {
      const { handle } = action
      const there = await (action.action === 'extend' ? sessions.extend(handle, this.#options.extendByMs) : sessions.askToConfirm(handle))
      if (!there) return problem(404, 'not-found', 'There is no such session, or it has ended.')
      done = { ended: 0, changed: 1, more: false }
    } else if (action.action === 'end-user') {
      done = { ended: await sessions.revokeAll(action.userId), more: false }
    } else if (action.action === 'end-others' && own === undefined) {
      throw new SessionError('bad-argument', 'Whoever looks has no session here; end everybody instead.')
    } else {
      done = await this.#endAll(action.action === 'end-others' ? own : undefined)
    }
    const facts = {
      ...('handle' in action ? { handle: action.handle } : {}),
      ...('userId' in action ? { userId: action.userId } : {}),
      ...(by === undefined ? {} : { by })
    }
    activity?.history.note({ at: now(), event: 'admin', detail: action.action, ...facts })
    audit?.({ at: now(), action: action.action, ended: done.ended, session: own, ...facts })
    return ok(done)
  }

  async #endAll(except: string | undefined): Promise<ActionDone> {
    const { sessions } = this.#options
    let ended = 0
    for (let cursor: string | undefined; ;) {
      const page = await sessions.scan({ limit: 500, ...(cursor === undefined ? {} : { cursor }) })
      const handles = page.sessions.map(({ handle }) => handle).filter((handle) => handle !== except)
      for (let start = 0; start < handles.length; start += END_AT_ONCE) {
        const done = await Promise.all(handles.slice(start, start + END_AT_ONCE).map((handle) => sessions.revoke(handle)))
        ended += done.filter(Boolean).length
      }
      cursor = page.cursor
      if (cursor === undefined || ended >= END_AT_MOST) return { ended, more: cursor !== undefined }
    }
  }
}

export function ok(body: unknown): Answer {
  return { status: 200, body }
}

export function problem(status: number, code: string, error: string): Answer {
  return { status, body: { error, code } satisfies Problem }
}

/** What goes wrong, as an answer; nothing of the store's own words. */
export function problemOf(error: unknown): Answer {
  if (!isSessionError(error)) return problem(500, 'failed', 'Something went wrong.')
  if (error.code === 'bad-argument') return problem(400, error.code, error.message)
  if (error.code === 'not-supported') return problem(501, error.code, error.message)
  return problem(error.status, error.code, 'The session store could not answer.')
}

function eventOf({ seq, entry }: Numbered<EventEntry>): NumberedEvent {
  return { seq, ...entry }
}

/** Recognizes the events of a session, met from the newest to the oldest, under its earlier handles as well. */
function following(handle: string): (entry: EventEntry) => boolean {
  const handles = new Set([handle])
  return ({ handle: of, previous }) => {
    if (of === undefined || !handles.has(of)) return false
    if (previous !== undefined) handles.add(previous)
    return true
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `text, ${value.length}`
  if (Array.isArray(value)) return `list, ${value.length}`
  if (typeof value === 'object') return `object, ${Object.keys(value).length}`
  return typeof value
}
