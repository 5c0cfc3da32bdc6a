import { every, later, stopwatch } from '../../core/clock.ts'
import type { PgListener, PgQuery, PgRow } from './client.ts'

/** A `pg.Client` that sends a statement without waiting for the answers to those before (pg 8.23 and later). */
export interface PgPiped extends PgListener {
  readonly pipeline?: boolean
  /** What it writes to: what is written in one turn goes out in one piece. */
  readonly connection?: { readonly stream?: { cork?(): void; uncork?(): void; destroy?(): void } }
  ref?(): void
}

/** How often a connection is looked at, and for how many looks in a row no answer may have come. */
const LOOK_MS = 2_500
const SILENT_LOOKS = 4

/**
 * One connection for statements that wait for nobody's locks, so that none holds up those behind it; against a pool it takes half of
 * the time and half of the work. It is connected at the first use and again after it broke. A connection that has not answered for
 * ten seconds is given up: a look at all of them now and then costs less than a timer for each.
 */
export class Pipe {
  readonly #make: () => PgPiped
  #client: Promise<PgPiped> | undefined
  #underWay = 0
  #answered = 0
  #held = false
  /** Whether something of this turn of the event loop is to be sent. */
  #gathers = false
  #meanMs = 0
  /** When it last had an answer, or began to wait for one. */
  #lastSign = 0

  /** @param make a client that is not yet connected */
  constructor(make: () => PgPiped) {
    this.#make = make
  }

  /** Statements without an answer yet. */
  get underWay(): number {
    return this.#underWay
  }

  /** What an answer takes by now. */
  get meanMs(): number {
    return this.#meanMs
  }

  /** Is told how long each answer took. */
  protected took(ms: number): void {
    this.#meanMs += (ms - this.#meanMs) / 8
  }

  /** For how long nothing has come that is waited for. */
  get silentMs(): number {
    return this.#underWay === 0 ? 0 : stopwatch() - this.#lastSign
  }

  async query(query: PgQuery): Promise<{ rows: readonly PgRow[] }> {
    if (this.#underWay++ === 0) this.#lastSign = stopwatch()
    let client: PgPiped | undefined
    let start = 0
    try {
      client = await (this.#client ??= this.#connect())
      start = stopwatch()
      // only who waits for an answer keeps the process alive
      if (!this.#held) client.ref?.()
      this.#held = true
      this.#gather(client)
      return (await client.query(query)) as { rows: readonly PgRow[] }
    } finally {
      this.#answered++
      this.#lastSign = stopwatch()
      if (start > 0) this.took(this.#lastSign - start)
      if (--this.#underWay === 0) {
        this.#held = false
        client?.unref?.()
      }
    }
  }

  #gather({ connection }: PgPiped): void {
    const stream = connection?.stream
    if (this.#gathers || !stream?.cork || !stream.uncork) return
    this.#gathers = true
    stream.cork()
    later(() => {
      this.#gathers = false
      stream.uncork!()
    })
  }

  async end(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await (await client?.catch(() => undefined))?.end().catch(() => {})
  }

  #connect(): Promise<PgPiped> {
    const client = this.#make()
    let stopLooking = (): void => {}
    const lost = (): void => {
      stopLooking()
      if (this.#client === connected) this.#client = undefined
    }
    client.on('error', lost)
    client.on('end', lost)
    const connected = client.connect().then(
      () => {
        stopLooking = this.#lookAt(client)
        return client
      },
      (error: unknown) => {
        lost()
        void client.end().catch(() => {})
        throw error
      }
    )
    return connected
  }

  #lookAt(client: PgPiped): () => void {
    let before = this.#answered
    let silent = 0
    return every(LOOK_MS, () => {
      silent = this.#underWay > 0 && this.#answered === before ? silent + 1 : 0
      before = this.#answered
      if (silent >= SILENT_LOOKS) client.connection?.stream?.destroy?.()
    })
  }
}
