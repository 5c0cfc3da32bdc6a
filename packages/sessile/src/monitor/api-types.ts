/** What the dashboard's page and its server say to each other. Imports nothing, so that both can read it. Times are epoch ms. */

/** Sessions whose last request is in this minute or the `minutes` before it. */
export interface Active {
  readonly users: number
  readonly guests: number
}

export interface Live {
  readonly at: number
  readonly active5: Active
  readonly active30: Active
}

export interface PercentilesView {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

export type StepName = 'minute' | 'hour' | 'day'

/** What happened in one bucket of time. */
export interface Point {
  readonly at: number
  readonly pages: number
  /** Sessions that were first seen. */
  readonly started: number
  readonly ended: number
  readonly signIns: number
  readonly refused: number
  /** The most sessions that were active (5 minutes) at once. */
  readonly active: number
}

/** All that was counted between two times. */
export interface Totals {
  readonly pages: number
  readonly started: number
  readonly signIns: number
  /** By how they ended. */
  readonly ended: Readonly<Record<string, number>>
  /** By why. */
  readonly refused: Readonly<Record<string, number>>
  /** Sessions by the class of their device. */
  readonly devices: Readonly<Record<string, number>>
  /** Sessions that ended with one request. */
  readonly bounced: number
  /** Sessions that were used again on a later day (UTC) than that on which they began; each once a day. */
  readonly returned: number
  /** Seconds from the first to the last request, of sessions that ended. */
  readonly duration: PercentilesView
  /** Requests per session, of sessions that ended. */
  readonly pagesPerSession: PercentilesView
  /** Percentiles are within this share of the truth. */
  readonly error: number
  readonly merged: number
  readonly lateWrites: number
  readonly storeErrors: number
  /** Uses of ids that name no session, and of those that had been replaced. */
  readonly unknownIds: number
  readonly retiredIds: number
  /** By what was out of the ordinary. */
  readonly alerts: Readonly<Record<string, number>>
  /** What the app counts by itself. */
  readonly marks: Readonly<Record<string, number>>
  /** Pages by process. */
  readonly nodes: Readonly<Record<string, number>>
}

export interface Analytics {
  readonly step: StepName
  readonly from: number
  readonly to: number
  readonly points: readonly Point[]
  readonly totals: Totals
}

/** Something that happened; kept in the order in which processes told it. */
export interface EventEntry {
  readonly at: number
  readonly event: string
  /** A session's handle. */
  readonly handle?: string
  readonly userId?: string
  /** A word of ours: a reason, an operation, what an administrator did. */
  readonly detail?: string
  /** The handle that the session had before. */
  readonly previous?: string
  /** Who did it, where that is somebody else. */
  readonly by?: string
  /** The process that told it. */
  readonly node?: string
}

export interface NumberedEvent extends EventEntry {
  readonly seq: number
}

export interface EventsPage {
  readonly events: readonly NumberedEvent[]
  /** Give it as `before` for what is older. */
  readonly next: number | undefined
}

export interface SessionRow {
  readonly handle: string
  readonly userId: string | undefined
  /** It is the one of whoever looks. */
  readonly current: boolean
  readonly device: string
  readonly deviceClass: string
  /** As privacy allows: an address, a network, a pseudonym, or nothing. */
  readonly address: string | undefined
  /** Absent where it is not known: the record is of an older writer. */
  readonly createdAt: number | undefined
  readonly signedInAt: number | undefined
  /** Its user was asked to confirm who he is, and has not yet. */
  readonly mustConfirm: boolean
  readonly lastSeenAt: number | undefined
  readonly idleExpiresAt: number | null
  readonly absoluteExpiresAt: number | null
  readonly pages: number
  /** 1 when it was begun, and one more with each request that changed its record; absent where nobody watched it. */
  readonly version: number | undefined
  /** How often such a request met another's change; both were kept. */
  readonly conflicts: number
  /** Bytes of its attributes as JSON. */
  readonly size: number
}

export type SessionOrder = 'seen' | 'new' | 'stored'

export interface SessionsPage {
  readonly sessions: readonly SessionRow[]
  readonly next: string | undefined
  readonly order: SessionOrder
  /** The orders that this store and set-up can give. */
  readonly orders: readonly SessionOrder[]
}

export interface AttributeView {
  readonly name: string
  /** What JSON calls it, with its length. */
  readonly kind: string
  /** Only of attributes that the app allows to be shown. */
  readonly value?: string
}

export interface SessionDetail {
  readonly session: SessionRow
  readonly attributes: readonly AttributeView[]
  readonly timeline: readonly NumberedEvent[]
  /** The user's other sessions. */
  readonly others: readonly SessionRow[]
}

export interface UserRow {
  readonly userId: string
  readonly sessions: number
  readonly lastSeenAt: number | undefined
}

export interface UsersPage {
  readonly users: readonly UserRow[]
  /** Of how many of the sessions seen last. */
  readonly lookedAt: number
  readonly complete: boolean
}

export interface UserDetail {
  readonly userId: string
  readonly sessions: readonly SessionRow[]
  readonly timeline: readonly NumberedEvent[]
}

export interface OperationHealth {
  readonly operation: string
  readonly calls: number
  /** Ms. */
  readonly p50: number
  readonly p99: number
  readonly errors: number
}

/** The store as this process finds it; the store's calls are measured while somebody looks, and one second in ten. */
export interface Health {
  readonly store: string
  readonly shared: boolean
  readonly reachable: boolean
  /** Ms of one ping. */
  readonly ping: number | undefined
  readonly breaker: 'closed' | 'open'
  readonly operations: readonly OperationHealth[]
  readonly merged: number
  readonly lateWrites: number
  readonly errors: number
  /** Records that were written since the process began. */
  readonly saves: number
  /** Tries that met another's change, and were done anew. */
  readonly retries: number
  /** Uses that moved no time in the store, since the record lives long enough. */
  readonly skipped: number
  /** How large the records were that were written, in bytes, since the dashboard is there; the last are all that are larger. */
  readonly sizes: readonly { readonly upTo: number | undefined; readonly records: number }[]
  /** Events that were not kept since the process began, since too many came at once. */
  readonly dropped: number
  readonly sweeps: { readonly at: number | undefined; readonly removed: number; readonly leader: boolean } | undefined
  readonly sinceMs: number
  readonly node: string
}

export interface Stored {
  readonly sessions: number
  /** Counting was stopped there. */
  readonly more: boolean
}

export interface Overview {
  readonly live: Live | undefined
  readonly stored: Stored | undefined
  readonly hour: Analytics | undefined
  readonly day: Analytics | undefined
}

/** What the page is told first. */
export interface Start {
  readonly title: string
  readonly watched: boolean
  readonly canList: boolean
  readonly canFindUsers: boolean
  /** The handle of whoever looks. */
  readonly handle: string | undefined
  readonly fresh: boolean
  /** Where one confirms who one is. */
  readonly confirmPath: string | undefined
  /** Where the app is. */
  readonly appPath: string | undefined
  readonly eventNames: Readonly<Record<string, string>>
}

/** What an administrator may do. */
export type Action =
  | { readonly action: 'end'; readonly handle: string }
  | { readonly action: 'extend'; readonly handle: string }
  | { readonly action: 'ask-to-confirm'; readonly handle: string }
  | { readonly action: 'end-user'; readonly userId: string }
  | { readonly action: 'end-others' }
  | { readonly action: 'end-everybody' }

export interface ActionDone {
  readonly ended: number
  /** Sessions that were extended, or asked to confirm. */
  readonly changed?: number
  /** More than one request may end: the rest is gone on with by asking again. */
  readonly more: boolean
}

export interface Problem {
  readonly error: string
  readonly code: string
}

/**
 * What comes by server-sent events, by the name of the event. `start`, `event` and `gap` have an id to go on from; after `gap` all is
 * read anew.
 */
export interface LiveMessages {
  start: Record<string, never>
  live: Live
  point: Point
  health: Health
  event: EventEntry
  gap: Record<string, never>
  ended: Record<string, never>
}
