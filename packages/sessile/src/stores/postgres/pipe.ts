import { every, later, now, stopwatch } from '../../core/clock.ts'
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

/** How many statements of one turn go this way, where that is asked. */
const MOST = 16
/** A server that takes longer for one, as one that waits for a disk does, has them side by side for a while, over several connections. */
const SLOW_MS = 1
const SLOW_FOR_MS = 10_000

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
  /** Statements of this turn of the event loop. */
  #ofTurn = 0
  #uncork: (() => void) | undefined
  /** When the first of those that are under way together was answered, and how many were. */
  #since = 0
  #together = 0
  #slowUntil = 0

  /** @param make a client that is not yet connected */
  constructor(make: () => PgPiped) {
    this.#make = make
  }

  /** Whether a statement waits for no earlier turn's, and for few of this one; of a slow server for none. */
  get isFree(): boolean {
    if (this.#underWay > this.#ofTurn || this.#ofTurn >= MOST) return false
    return this.#ofTurn === 0 || now() >= this.#slowUntil
  }

  async query(query: PgQuery): Promise<{ rows: readonly PgRow[] }> {
    this.#underWay++
    if (this.#ofTurn++ === 0) later(() => this.#turned())
    let client: PgPiped | undefined
    try {
      client = await (this.#client ??= this.#connect())
      // only who waits for an answer keeps the process alive
      if (!this.#held) client.ref?.()
      this.#held = true
      this.#gather(client)
      return (await client.query(query)) as { rows: readonly PgRow[] }
    } finally {
      this.#settled(client)
    }
  }

  #gather({ connection }: PgPiped): void {
    const stream = connection?.stream
    if (this.#uncork || this.#ofTurn === 0 || !stream?.cork) return
    stream.cork()
    this.#uncork = () => stream.uncork!()
  }

  #turned(): void {
    this.#ofTurn = 0
    this.#uncork?.()
    this.#uncork = undefined
  }

  #settled(client: PgPiped | undefined): void {
    this.#answered++
    this.#underWay--
    if (this.#together++ === 0) this.#since = stopwatch()
    if (this.#underWay > 0) return
    if (this.#together > 1 && (stopwatch() - this.#since) / (this.#together - 1) > SLOW_MS) this.#slowUntil = now() + SLOW_FOR_MS
    this.#together = 0
    this.#held = false
    client?.unref?.()
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
