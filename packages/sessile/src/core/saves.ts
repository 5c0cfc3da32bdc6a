/** Names the manager's count of saves, for those who measure them. */
export const SAVES = Symbol('sessile.saves')

/** What saves came to, in this process; for metrics. */
export class Saves {
  /** Records that were written: those of new sessions, and changed ones. */
  written = 0
  /** Tries that met another's change, and were done anew on fresh data. */
  retried = 0
  /** Uses whose record lives long enough as it is, so that its time was not moved in the store. */
  skipped = 0
  readonly #listeners = new Set<(bytes: number) => void>()

  wrote(data: string): void {
    this.written += 1
    if (this.#listeners.size === 0) return
    const bytes = Buffer.byteLength(data)
    for (const listener of this.#listeners) listener(bytes)
  }

  /** Hears how large each record is that is written. @returns a function that ends it */
  listen(listener: (bytes: number) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
