/** When and from where sessions were used: what `sessile/monitor` notes of every request. */
export interface Seen {
  /** @returns `undefined` for a session of which nothing is known (any more) */
  of(handle: string): Promise<Sighting | undefined>
}

export interface Sighting {
  /** Epoch ms. */
  readonly lastActivity: number
  readonly userAgent: string | undefined
  readonly ip: string | undefined
  /** Requests of the session. */
  readonly pages: number
}
