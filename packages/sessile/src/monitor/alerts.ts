import { addressBucket } from '../core/addresses.ts'
import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'
import type { Room } from './land-once.ts'

/** What is out of the ordinary. */
export const ALERT_KINDS = ['unknown-ids', 'refusals', 'store-errors', 'sessions-per-user', 'networks'] as const
export type AlertKind = (typeof ALERT_KINDS)[number]

/** Something out of the ordinary. Names nobody but by handle and user id. */
export interface Alert {
  /** Epoch ms. */
  readonly at: number
  readonly kind: AlertKind
  /** How many there were `within`; sessions of the user; 2 networks. */
  readonly count: number
  readonly limit: number
  readonly userId?: string
  readonly handle?: string
}

/** From when on something is out of the ordinary; `false` tells nothing of it. Counts are of all processes, `within`. */
export interface AlertOptions {
  /** Uses of ids that name no session. */
  unknownIds?: number | false
  /** Requests that were refused, failed sign-ins among them. */
  refusals?: number | false
  /** Calls of the store that failed or were too late. */
  storeErrors?: number | false
  /** Sessions that one user has at once. */
  sessionsPerUser?: number | false
  /** Whether to tell of a session that is used from two networks (IPv4 /24, IPv6 /48). */
  networks?: boolean
  /** How far back is counted. */
  within?: Duration
  /** The same is told again after so long. */
  again?: Duration
  /** Told of each, once in all processes. */
  onAlert?: (alert: Alert) => void
  /** Where each is sent to as JSON, by POST. */
  webhook?: string
}

/** The defaults of `alerts`. */
export const ALERT_DEFAULTS = {
  unknownIds: 100,
  refusals: 100,
  storeErrors: 20,
  sessionsPerUser: 20,
  networks: true,
  within: '5m',
  again: '15m'
} as const satisfies AlertOptions

type Resolved = AlertOptions & Required<Pick<AlertOptions, keyof typeof ALERT_DEFAULTS>>

/** What alerts need of what is watched. */
export interface AlertSources {
  readonly room: Room
  /** Over all processes. */
  counted(name: string, ms: number): Promise<number>
  sessionsOf(userId: string): Promise<readonly unknown[]>
  /** Told of each that is told at all. */
  note(alert: Alert): void
}

const WEBHOOK_MS = 5000
/** Users, or sessions, that wait to be looked at. */
const MAX_WAITING = 1000

/** Looks, with each flush, whether something is out of the ordinary; what is was told of lately is not told again, by any process. */
export class Alerts {
  readonly #options: Resolved
  readonly #sources: AlertSources
  readonly #withinMs: number
  readonly #againMs: number
  readonly #signedIn = new Set<string>()
  readonly #moved = new Map<string, string | undefined>()

  /** @throws SessionError `bad-option` */
  constructor(given: AlertOptions, sources: AlertSources) {
    const known = [...Object.keys(ALERT_DEFAULTS), 'onAlert', 'webhook']
    this.#options = resolveOptions<Resolved>('alerts', ALERT_DEFAULTS as Resolved, given as Partial<Resolved>, known)
    if (given.webhook !== undefined && !URL.canParse(given.webhook)) throw new SessionError('bad-option', 'alerts.webhook must be a URL.')
    this.#withinMs = milliseconds('within', this.#options.within)
    this.#againMs = milliseconds('again', this.#options.again)
    this.#sources = sources
  }

  signedIn(userId: string): void {
    if (this.#signedIn.size < MAX_WAITING) this.#signedIn.add(userId)
  }

  /** A session was seen at one address, and then at another. @param apartMs between the two */
  seenAt(handle: string, userId: string | undefined, one: string | undefined, other: string | undefined, apartMs: number): void {
    if (one === undefined || other === undefined || one === other || apartMs > this.#withinMs || this.#moved.size >= MAX_WAITING) return
    if (networkOf(one) !== networkOf(other)) this.#moved.set(handle, userId)
  }

  /** @throws what the store throws */
  async look(): Promise<void> {
    const { unknownIds, refusals, storeErrors, sessionsPerUser, networks } = this.#options
    for (const [kind, name, limit] of [
      ['unknown-ids', 'unknown-id', unknownIds],
      ['refusals', 'refused', refusals],
      ['store-errors', 'store-error', storeErrors]
    ] as const) {
      if (limit === false) continue
      const count = await this.#sources.counted(name, this.#withinMs)
      if (count > limit) await this.#tell({ at: now(), kind, count, limit })
    }
    for (const userId of this.#signedIn) {
      if (sessionsPerUser === false) break
      const { length: count } = await this.#sources.sessionsOf(userId)
      if (count > sessionsPerUser) await this.#tell({ at: now(), kind: 'sessions-per-user', count, limit: sessionsPerUser, userId })
    }
    this.#signedIn.clear()
    for (const [handle, userId] of networks ? this.#moved : []) {
      await this.#tell({ at: now(), kind: 'networks', count: 2, limit: 1, handle, ...(userId === undefined ? {} : { userId }) })
    }
    this.#moved.clear()
  }

  async #tell(alert: Alert): Promise<void> {
    const { space, calls } = this.#sources.room
    const record = { data: '1', expiresAt: alert.at + this.#againMs }
    const key = `alert/${alert.kind}/${alert.handle ?? alert.userId ?? ''}`
    // whoever makes the record tells it
    if ((await calls.run('create', () => space.create(key, record))).outcome === 'taken') return
    this.#sources.note(alert)
    try {
      this.#options.onAlert?.(alert)
    } catch (error) {
      warn('alerts.onAlert threw', error)
    }
    if (this.#options.webhook !== undefined) send(this.#options.webhook, alert)
  }
}

function networkOf(address: string): string {
  // a pseudonym is one of a network already
  return address.startsWith('~') ? address : addressBucket(address, 48, 24)
}

/** Nothing waits for it. */
function send(url: string, alert: Alert): void {
  const headers = { 'content-type': 'application/json' }
  fetch(url, { method: 'POST', headers, body: JSON.stringify(alert), redirect: 'error', signal: AbortSignal.timeout(WEBHOOK_MS) }).then(
    async (response) => {
      await response.body?.cancel()
      if (!response.ok) warn('The webhook of alerts refused one', new Error(`it answered ${response.status}`))
    },
    (error: unknown) => warn('The webhook of alerts could not be reached', error)
  )
}

function warn(what: string, error: unknown): void {
  process.emitWarning(`${what}: ${error instanceof Error ? error.message : String(error)}`, 'SessileWarning')
}
