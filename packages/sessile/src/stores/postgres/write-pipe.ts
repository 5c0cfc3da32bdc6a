import { stopwatch } from '../../core/clock.ts'
import { Pipe, type PgPiped } from './pipe.ts'

/** How many writes are under way at most: so many wait, where one has to. */
const MOST = 16
/** So long one may be without an answer, above what is usual. */
const STALL_MS = 5
/** What takes so much longer than usual is late; with so many more late than in time, the server is slow. */
const LATE_MS = 3
const LATE_ONES = 64
const SLOW_FOR_MS = 10_000

/**
 * One connection for writes, as long as none of them waits: neither for somebody's lock, nor for a disk. A server commits one after the
 * other what comes over one connection, and what comes over several at once; so where commits take long, writes go by the pool.
 */
export class WritePipe extends Pipe {
  readonly #reads: Pipe
  #late = 0
  #slowUntil = 0

  /** @param reads what tells how long an answer takes that waits for no commit */
  constructor(make: () => PgPiped, reads: Pipe) {
    super(make)
    this.#reads = reads
  }

  /** Whether a write is to go this way. */
  get isFree(): boolean {
    return this.underWay < MOST && this.silentMs < this.#usualMs + STALL_MS && stopwatch() >= this.#slowUntil
  }

  get #usualMs(): number {
    return this.#reads.meanMs * 2
  }

  protected override took(ms: number): void {
    this.#late = Math.max(0, this.#late + (ms > this.#usualMs + LATE_MS ? 1 : -1))
    if (this.#late < LATE_ONES) return
    // after that it is tried again
    this.#slowUntil = stopwatch() + SLOW_FOR_MS
    this.#late = 0
  }
}
