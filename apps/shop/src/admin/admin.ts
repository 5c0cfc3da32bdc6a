import type { ActivityRow, ActivityTracker } from 'sessile/monitor'
import type { Sessions } from '../sessions.ts'

const PAGE = 500

export interface SessionsPage {
  readonly sessions: readonly ActivityRow[]
  readonly nextCursor: string | undefined
}

/** What is going on in the shop. */
export class Overview {
  readonly #sessions: Sessions
  readonly #seen: ActivityTracker

  constructor(sessions: Sessions, seen: ActivityTracker) {
    this.#sessions = sessions
    this.#seen = seen
  }

  /** How many sessions are live, and how many users have one. */
  async count(): Promise<{ activeSessions: number; activeUsers: number }> {
    const users = new Set<string>()
    let activeSessions = 0
    for (let cursor: string | undefined; ;) {
      const page = await this.#sessions.scan({ limit: PAGE, ...(cursor !== undefined && { cursor }) })
      activeSessions += page.sessions.length
      for (const { userId } of page.sessions) if (userId !== undefined) users.add(userId)
      if (page.cursor === undefined) return { activeSessions, activeUsers: users.size }
      cursor = page.cursor
    }
  }

  /**
   * Some of the live sessions.
   * @param userId only this user's
   * @param cursor where the page before ended
   */
  async page({
    userId,
    cursor,
    limit
  }: {
    userId?: string | undefined
    cursor?: string | undefined
    limit: number
  }): Promise<SessionsPage> {
    const page =
      userId === undefined
        ? await this.#sessions.scan({ limit, ...(cursor !== undefined && { cursor }) })
        : await this.#pageOfUser(userId, cursor, limit)
    return { sessions: await this.#seen.list(page.sessions), nextCursor: page.cursor }
  }

  /** By handle, which does not change while a session lives: so the last one is where to go on, also when it ends meanwhile. */
  async #pageOfUser(userId: string, cursor: string | undefined, limit: number) {
    const all = (await this.#sessions.of(userId)).sort((one, other) => (one.handle < other.handle ? -1 : 1))
    const rest = cursor === undefined ? all : all.filter(({ handle }) => handle > cursor)
    const sessions = rest.slice(0, limit)
    return { sessions, cursor: rest.length > limit ? sessions.at(-1)!.handle : undefined }
  }
}
