import type { ServerResponse } from 'node:http'

/** Names the manager's method for those who look at each request. Not for others: what it gives holds an id. */
export const GLANCE = Symbol('sessile.glance')

/** A stored session as a request holds it. */
export interface Held {
  readonly key: string
  /** What the store holds of it as far as is known; a touch moves its time. */
  readonly stored: {
    /** `undefined` also where the store does not say whose a record is; what this request wrote says it. */
    readonly userId: string | undefined
    /** Epoch ms. */
    readonly expiresAt: number
  }
  /** Whether this request has not written it. */
  readonly isAsRead: boolean
  /** How often a write of this request met another's change. */
  readonly conflicts: number
}

/** What those see of a request who look at each. */
export interface Glanced {
  readonly req: object
  readonly res: ServerResponse
  /** The stored session of the request; `undefined` while it has none. */
  readonly loaded: Held | undefined
  /** Told when all of the answer was handed over, before any of the client's next requests can be read. */
  watcher: Watcher | undefined
  /** What the watcher wants to find again then. */
  watched: unknown
}

export interface Watcher {
  answered(glanced: Glanced): void
}
