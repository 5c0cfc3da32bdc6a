/** Where a server comes from; tried in this order. */
export type Source = 'env' | 'path' | 'npm'

export interface StartOptions {
  /** Asks for one source only. */
  readonly source?: Source
  /** More arguments for the server. */
  readonly args?: readonly string[]
  /** How often the MongoDB engine from npm deletes what has expired. */
  readonly ttlMs?: number
}

/** A server that can be started. */
export interface Found {
  readonly command: string
  readonly version: string
  /** Its name, where that is not the command's. */
  readonly program?: string
}

/** Why a source has no server. */
export interface Missing {
  readonly missing: string
}
