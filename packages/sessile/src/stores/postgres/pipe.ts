import type { PgListener, PgQuery, PgRow } from './client.ts'

/** A `pg.Client` that sends a statement without waiting for the answers to those before (pg 8.23 and later). */
export interface PgPiped extends PgListener {
  readonly pipeline?: boolean
  ref?(): void
}

/**
 * One connection for all reads. They wait for nobody's locks, so none holds up those behind it; against a pool it takes half of the
 * time and half of the work. It is connected at the first use and again after it broke.
 */
export class Pipe {
  readonly #make: () => PgPiped
  #client: Promise<PgPiped> | undefined
  #underWay = 0

  /** @param make a client that is not yet connected */
  constructor(make: () => PgPiped) {
    this.#make = make
  }

  async query(query: PgQuery): Promise<{ rows: readonly PgRow[] }> {
    const client = await (this.#client ??= this.#connect())
    // only who waits for an answer keeps the process alive
    if (this.#underWay++ === 0) client.ref?.()
    try {
      return (await client.query(query)) as { rows: readonly PgRow[] }
    } finally {
      if (--this.#underWay === 0) client.unref?.()
    }
  }

  async end(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await (await client?.catch(() => undefined))?.end().catch(() => {})
  }

  #connect(): Promise<PgPiped> {
    const client = this.#make()
    const lost = (): void => {
      if (this.#client === connected) this.#client = undefined
    }
    client.on('error', lost)
    client.on('end', lost)
    const connected = client.connect().then(
      () => client,
      (error: unknown) => {
        lost()
        void client.end().catch(() => {})
        throw error
      }
    )
    return connected
  }
}
