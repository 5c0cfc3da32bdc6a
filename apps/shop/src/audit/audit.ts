import type { Request } from 'express'
import { deviceOf } from 'sessile/monitor'
import type { AuditEvent, AuditFacts } from '../audit-events.ts'
import { keptAddress } from '../places.ts'
import { currentRequest, requestIdOf } from '../request-context.ts'
import { AUDIT_DEFAULTS, type AuditLine, type AuditOptions } from './options.ts'
import type { AuditQuery, AuditRow, NewAuditRow } from './repository.ts'

const MAX_TEXT = 256

/**
 * Writes down what happens to sessions and accounts: who, what, when, where, in which request. Each event is one line of JSON at once,
 * and a row of the database a second later at the latest, several in one write, so that noting costs a request nothing.
 */
export class AuditLog {
  readonly #options: AuditOptions
  #pending: NewAuditRow[] = []
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined
  #inTrouble = false

  constructor(options: AuditOptions) {
    this.#options = options
  }

  /** See `Note`. */
  readonly note = (event: AuditEvent, facts: AuditFacts = {}): void => {
    const req = currentRequest()
    const line = this.#lineOf(event, facts, req)
    this.#options.write(line)
    // Guests come and go in thousands, and nobody looks for one of them: of their sessions there is the line.
    if (event.startsWith('session.') && line.userId === undefined && line.byUserId === undefined) return
    this.#pending.push({ ...line, at: Date.now() })
    if (this.#pending.length > AUDIT_DEFAULTS.maxPending) this.#pending.shift()
    if (this.#pending.length >= AUDIT_DEFAULTS.flushAt) void this.#tryFlush()
    else this.#timer ??= setTimeout(() => void this.#tryFlush(), AUDIT_DEFAULTS.flushEveryMs).unref()
  }

  /** One page, the latest first; what this process noted up to now is in it. */
  async search(query: AuditQuery): Promise<{ readonly events: readonly AuditRow[]; readonly nextCursor: number | undefined }> {
    await this.flush()
    const rows = await this.#options.repository.search(query)
    const events = rows.slice(0, query.limit)
    return { events, nextCursor: rows.length > query.limit ? events.at(-1)!.id : undefined }
  }

  /** Writes what is still to be written. @throws when the database does not take it; it is kept then */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#flushing) await this.#flushing.catch(() => {})
    const rows = this.#pending
    if (rows.length === 0) return
    this.#pending = []
    this.#flushing = this.#options.repository.add(rows)
    try {
      await this.#flushing
      this.#inTrouble = false
    } catch (error) {
      this.#pending = [...rows, ...this.#pending].slice(-AUDIT_DEFAULTS.maxPending)
      throw error
    } finally {
      this.#flushing = undefined
    }
  }

  async #tryFlush(): Promise<void> {
    try {
      await this.flush()
    } catch (error) {
      this.#timer ??= setTimeout(() => void this.#tryFlush(), AUDIT_DEFAULTS.flushEveryMs * 5).unref()
      if (!this.#inTrouble) this.#options.onTrouble(error)
      this.#inTrouble = true
    }
  }

  #lineOf(event: AuditEvent, facts: AuditFacts, req: Request | undefined): AuditLine {
    const { addresses, handleOf } = this.#options
    const actor = numberOf(req?.session?.userId)
    const userId = 'userId' in facts ? numberOf(facts.userId) : actor
    const by = 'byUserId' in facts ? numberOf(facts.byUserId) : actor
    const userAgent = req?.get('user-agent')
    return {
      event,
      userId,
      byUserId: by === userId ? undefined : by,
      session: 'session' in facts ? facts.session : req && handleOf(req),
      address: req && keptAddress(req.ip, addresses),
      // Whoever keeps less than the whole address keeps less of the browser as well: its exact version tells people apart.
      userAgent: userAgent === undefined ? undefined : addresses === 'full' ? harmless(userAgent) : deviceOf(userAgent),
      requestId: req && requestIdOf(req),
      details: facts.details && withoutGaps(facts.details)
    }
  }
}

/** Text that somebody else wrote, made safe to be looked at in a terminal: what moves the cursor or turns the writing round is replaced. */
export function harmless(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, '\uFFFD')
}

function numberOf(id: number | string | undefined): number | undefined {
  return id === undefined ? undefined : Number(id)
}

function withoutGaps(details: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const given = Object.entries(details).filter(([, value]) => value !== undefined)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}
