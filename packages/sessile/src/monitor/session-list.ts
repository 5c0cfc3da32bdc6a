import { supports } from '../core/backend.ts'
import { isSessionError, SessionError } from '../core/errors.ts'
import type { SessionManager } from '../express/manager.ts'
import type { SessionInfo } from '../express/info.ts'
import type { Activity, ActivityTracker } from './activity.ts'
import type { SessionOrder, SessionRow, SessionsPage, UserRow, UsersPage } from './api-types.ts'
import { deviceClassOf, deviceOf } from './device.ts'
import type { Listed } from './history.ts'

/** What the dashboard needs of the manager that `session()` returned. */
export type ListedSessions = Pick<SessionManager, 'backend' | 'of' | 'get' | 'scan'>
export type Watching = Pick<ActivityTracker, 'of' | 'list' | 'live' | 'analytics' | 'history'>

const MAX_ROWS = 100
/** Entries that are looked at for one page; of those that ended since there may be many. */
const MAX_LOOKED_AT = 1000
const AT_ONCE = 64
const MAX_SCANS = 20
const MAX_OF_USER = 200
const USERS_OF = 500

interface Found {
  readonly infos: SessionInfo[]
  readonly next: string | undefined
  /** What was seen of each, where that was read on the way. */
  readonly seen?: ReadonlyMap<string, Activity>
}

export interface Asked {
  readonly order?: SessionOrder | undefined
  readonly cursor?: string | undefined
  readonly query?: string | undefined
  readonly limit?: number
}

/** Pages of sessions: those seen last or begun last first, where they are watched; else as the store has them. */
export class SessionList {
  readonly #sessions: ListedSessions
  readonly #seen: Watching | undefined
  readonly orders: readonly SessionOrder[]

  constructor(sessions: ListedSessions, seen: Watching | undefined) {
    this.#sessions = sessions
    this.#seen = seen
    this.orders = [...(seen ? (['seen', 'new'] as const) : []), ...(supports(sessions.backend, 'scan') ? (['stored'] as const) : [])]
  }

  /** @param own the handle of whoever looks. @throws SessionError `bad-argument` for a cursor of another list */
  async page({ order = this.orders[0] ?? 'stored', cursor, query, limit = 50 }: Asked, own: string | undefined): Promise<SessionsPage> {
    const rows = Math.min(limit, MAX_ROWS)
    const { orders } = this
    if (query) return { sessions: await this.#found(query, own), next: undefined, order, orders }
    if (!orders.includes(order)) throw new SessionError('not-supported', `Sessions cannot be listed by ${JSON.stringify(order)} here.`)
    const { infos, next, seen } = order === 'stored' ? await this.#stored(cursor, rows) : await this.#listed(order, cursor, rows)
    const sessions = await this.rows(infos, own, seen)
    // pages are in the order of minutes
    if (order === 'seen') sessions.sort((one, other) => lastOf(other) - lastOf(one))
    return { sessions, next, order, orders }
  }

  async #stored(cursor: string | undefined, limit: number): Promise<Found> {
    const infos: SessionInfo[] = []
    let next = cursor
    // what the store has under ids of before is no session, so a page of it may hold fewer
    for (let pages = 0; pages < MAX_SCANS; pages += 1) {
      const page = await this.#sessions.scan({ limit: limit - infos.length, ...(next === undefined ? {} : { cursor: next }) })
      infos.push(...page.sessions)
      next = page.cursor
      if (next === undefined || infos.length >= limit) break
    }
    return { infos, next }
  }

  async #listed(order: 'seen' | 'new', cursor: string | undefined, limit: number): Promise<Found> {
    if (cursor !== undefined && !/^\d{1,16}$/.test(cursor)) throw new SessionError('bad-argument', 'That cursor is of another list.')
    const { history } = this.#seen!
    const log = order === 'seen' ? history.lastSeen : history.newest
    const infos = new Map<string, SessionInfo>()
    const seen = new Map<string, Activity>()
    const found = (next: number | undefined): Found => ({
      infos: [...infos.values()],
      next: next === undefined ? undefined : String(next),
      seen
    })
    let before = cursor === undefined ? undefined : Number(cursor)
    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; lookedAt += AT_ONCE) {
      const { entries, next } = await log.newest(before, AT_ONCE)
      const live = await Promise.all(entries.map(({ entry }) => this.#live(order, entry)))
      for (const [place, one] of live.entries()) {
        if (one && !infos.has(one.info.handle)) {
          infos.set(one.info.handle, one.info)
          seen.set(one.info.handle, one.activity)
        }
        before = entries[place]!.seq
        if (infos.size >= limit) return found(before)
      }
      if (next === undefined) return found(undefined)
      before = next
    }
    return found(before)
  }

  /** The session of an entry, if it lives and this is its last entry. */
  async #live(order: 'seen' | 'new', [handle, at]: Listed): Promise<{ info: SessionInfo; activity: Activity } | undefined> {
    // a handle of before a new id is known here without the session being asked for by it, which would be told as its use
    const activity = await this.#seen!.of(handle)
    if (!activity) return undefined
    if (order === 'seen' && Math.floor(activity.lastActivity / 60_000) > Math.floor(at / 60_000)) return undefined
    const info = await this.#sessions.get(handle)
    return info?.handle === handle ? { info, activity } : undefined
  }

  async #found(query: string, own: string | undefined): Promise<SessionRow[]> {
    const byHandle = await this.#sessions.get(query)
    const ofUser = await this.ofUser(query, own)
    return [...(byHandle ? await this.rows([byHandle], own) : []), ...ofUser.filter(({ handle }) => handle !== byHandle?.handle)]
  }

  /** The sessions of a user, the one seen last first; none where the store keeps no index of users. */
  async ofUser(userId: string, own: string | undefined): Promise<SessionRow[]> {
    const infos = await this.#sessions.of(userId).catch((error: unknown) => {
      if (isSessionError(error) && error.code === 'not-supported') return []
      throw error
    })
    const rows = await this.rows(infos.slice(0, MAX_OF_USER), own)
    return rows.sort((one, other) => lastOf(other) - lastOf(one))
  }

  /** @param seen what was seen of these sessions, where that has been read already */
  async rows(infos: readonly SessionInfo[], own: string | undefined, seen?: ReadonlyMap<string, Activity>): Promise<SessionRow[]> {
    const activities = this.#seen && !seen ? await this.#seen.list(infos) : []
    return infos.map((info, place) => {
      const activity = seen ? seen.get(info.handle) : activities[place]
      const watched = activity !== undefined && activity.pages > 0
      return {
        handle: info.handle,
        userId: info.userId,
        current: info.handle === own,
        device: deviceOf(activity?.userAgent),
        deviceClass: deviceClassOf(activity?.userAgent),
        address: activity?.ip,
        createdAt: info.createdAt,
        signedInAt: info.signedInAt,
        mustConfirm: info.mustConfirm === true,
        lastSeenAt: watched ? activity.lastActivity : undefined,
        idleExpiresAt: Number.isFinite(info.idleExpiresAt) ? info.idleExpiresAt : null,
        absoluteExpiresAt: info.absoluteExpiresAt ?? null,
        pages: activity?.pages ?? 0,
        version: watched ? 1 + activity.writes : undefined,
        conflicts: activity?.conflicts ?? 0,
        size: Buffer.byteLength(JSON.stringify(info.attributes))
      }
    })
  }

  /** Who is signed in, of the sessions that were seen last. */
  async users(): Promise<UsersPage> {
    const users = new Map<string, UserRow>()
    let lookedAt = 0
    let cursor: string | undefined
    do {
      const { sessions, next } = await this.page({ order: this.orders[0], cursor, limit: MAX_ROWS }, undefined)
      for (const { userId, lastSeenAt } of sessions) {
        if (userId === undefined) continue
        const present = users.get(userId)
        const last = Math.max(present?.lastSeenAt ?? 0, lastSeenAt ?? 0) || undefined
        users.set(userId, { userId, sessions: (present?.sessions ?? 0) + 1, lastSeenAt: last })
      }
      lookedAt += sessions.length
      cursor = next
    } while (cursor !== undefined && lookedAt < USERS_OF)
    return { users: [...users.values()], lookedAt, complete: cursor === undefined }
  }
}

function lastOf({ lastSeenAt, signedInAt, createdAt }: SessionRow): number {
  return lastSeenAt ?? signedInAt ?? createdAt ?? 0
}
