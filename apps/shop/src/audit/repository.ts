import type { Database } from '../database/database.ts'
import type { AuditLine } from './options.ts'

export interface NewAuditRow extends AuditLine {
  readonly at: number
}

/** An event as it was noted; `null` where there was nothing to note. */
export interface AuditRow {
  readonly id: number
  readonly at: number
  readonly event: string
  readonly userId: number | null
  readonly byUserId: number | null
  readonly session: string | null
  readonly address: string | null
  readonly userAgent: string | null
  readonly requestId: string | null
  readonly details: Readonly<Record<string, unknown>> | null
}

/** What to look for; everything given has to fit. */
export interface AuditQuery {
  /** An event, or the beginning of several up to a dot: `login`. */
  readonly event?: string | undefined
  /** Whom it is about, or who did it. */
  readonly userId?: number | undefined
  /** Whom it is about. */
  readonly about?: number | undefined
  /** What its name begins with, up to a dot. */
  readonly kinds?: readonly string[] | undefined
  readonly session?: string | undefined
  readonly address?: string | undefined
  readonly requestId?: string | undefined
  /** Somewhere in the event, the user agent or the details. */
  readonly text?: string | undefined
  /** Epoch ms, both included. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** The `id` that the page before ended with. */
  readonly cursor?: number | undefined
  readonly limit: number
}

const DAY_MS = 86_400_000
/** Both databases take so many values in one statement, and more. */
const ROWS_AT_ONCE = 100

/** The audit log in the database. */
export class AuditRepository {
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  async add(rows: readonly NewAuditRow[]): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      for (let i = 0; i < rows.length; i += ROWS_AT_ONCE) {
        const values = rows.slice(i, i + ROWS_AT_ONCE).map(({ details, ...row }) => ({
          at: row.at,
          event: row.event,
          userId: row.userId ?? null,
          byUserId: row.byUserId ?? null,
          session: row.session ?? null,
          address: row.address ?? null,
          userAgent: row.userAgent ?? null,
          requestId: row.requestId ?? null,
          details: details === undefined ? null : JSON.stringify(details)
        }))
        await tx.insertInto('auditEvents').values(values).execute()
      }
    })
  }

  /** The latest first. @returns one more than asked for, where there are more */
  async search(query: AuditQuery): Promise<AuditRow[]> {
    const { event, userId, about, kinds, session, address, requestId, text, from, to, cursor, limit } = query
    let rows = this.#db
      .selectFrom('auditEvents')
      .selectAll()
      .orderBy('id', 'desc')
      .limit(limit + 1)
    if (event !== undefined) rows = rows.where((or) => or.or([or('event', '=', event), or('event', 'like', `${literal(event)}.%`)]))
    if (userId !== undefined) rows = rows.where((or) => or.or([or('userId', '=', userId), or('byUserId', '=', userId)]))
    if (about !== undefined) rows = rows.where('userId', '=', about)
    if (kinds !== undefined) rows = rows.where((or) => or.or(kinds.map((kind) => or('event', 'like', `${literal(kind)}%`))))
    if (session !== undefined) rows = rows.where('session', '=', session)
    if (address !== undefined) rows = rows.where('address', '=', address)
    if (requestId !== undefined) rows = rows.where('requestId', '=', requestId)
    if (from !== undefined) rows = rows.where('at', '>=', from)
    if (to !== undefined) rows = rows.where('at', '<=', to)
    if (cursor !== undefined) rows = rows.where('id', '<', cursor)
    if (text !== undefined) {
      const some = `%${literal(text.toLowerCase())}%`
      rows = rows.where((or) =>
        or.or((['event', 'userAgent', 'details'] as const).map((column) => or(or.fn<string>('lower', [column]), 'like', some)))
      )
    }
    const found = await rows.execute()
    return found.map((row) => ({ ...row, details: row.details === null ? null : (JSON.parse(row.details) as Record<string, unknown>) }))
  }

  /** Forgets what is older than so many days, and all but the latest of too many. @returns how many that were */
  async forget(days: number, keepAtMost: number): Promise<number> {
    const latest = await this.#db
      .selectFrom('auditEvents')
      .select((row) => row.fn.max('id').as('id'))
      .executeTakeFirst()
    const { numDeletedRows } = await this.#db
      .deleteFrom('auditEvents')
      .where((or) => or.or([or('at', '<', Date.now() - days * DAY_MS), or('id', '<=', Number(latest?.id ?? 0) - keepAtMost)]))
      .executeTakeFirstOrThrow()
    return Number(numDeletedRows)
  }
}

/** Text in which nothing is a wildcard: what one would be matches itself alone, so a search may find a little too much, never too little. */
function literal(text: string): string {
  return text.replace(/[%_\\]/g, '_')
}
