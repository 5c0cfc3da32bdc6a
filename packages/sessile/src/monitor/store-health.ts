import { tracingChannel } from 'node:diagnostics_channel'
import { CALLS, type StoreCalls } from '../core/calls.ts'
import { after, every, now, stopwatch } from '../core/clock.ts'
import type { SessionEvent, SessionEvents } from '../core/events.ts'
import type { SessionBackend } from '../core/backend.ts'
import { SAVES, Saves } from '../core/saves.ts'
import type { Health, OperationHealth } from './api-types.ts'
import { bucketOf, percentilesOfBuckets } from './sketch.ts'
import { sweepingOf } from './sweeping.ts'

const OPERATIONS = ['read', 'create', 'swap', 'extend', 'remove', 'keysOfUser', 'scan', 'removeExpired', 'ping'] as const
/** Calls are measured for so long, of each `EVERY_MS`, while nobody looks. */
const SAMPLE_MS = 1000
const EVERY_MS = 10_000
const US = 1000
/** Bytes. */
export const RECORD_SIZES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576] as const

interface Measured {
  calls: number
  errors: number
  readonly buckets: Map<number, number>
}

/** What health needs of the manager that `session()` returned. */
export interface ExaminedSessions {
  readonly backend: SessionBackend
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void
  ready(): Promise<void>
  readonly [SAVES]?: Saves
  readonly [CALLS]?: Pick<StoreCalls, 'failAtOnce'>
}

/**
 * How the store does, as this process finds it: from the tracing channels `sessile:store:<operation>`, listened to while somebody
 * looks and for one second in ten besides, so that requests pay next to nothing; errors, merges and late writes from the events.
 */
export class StoreHealth {
  readonly #sessions: ExaminedSessions
  readonly #since = now()
  readonly #operations = new Map<string, Measured>()
  readonly #stops: (() => void)[]
  #listening: (() => void) | undefined
  #watchers = 0
  #merged = 0
  #lateWrites = 0
  #errors = 0
  readonly #saves: Saves
  readonly #sizes = Array.from({ length: RECORD_SIZES.length + 1 }, () => 0)

  constructor(sessions: ExaminedSessions) {
    this.#sessions = sessions
    this.#saves = sessions[SAVES] ?? new Saves()
    this.#stops = [
      this.#saves.listen((bytes) => {
        const place = RECORD_SIZES.findIndex((upTo) => bytes <= upTo)
        this.#sizes[place === -1 ? RECORD_SIZES.length : place]! += 1
      }),
      sessions.on('merged', () => void (this.#merged += 1)),
      sessions.on('late-write', () => void (this.#lateWrites += 1)),
      sessions.on('store-error', () => void (this.#errors += 1)),
      every(EVERY_MS, () => {
        this.#listen()
        after(SAMPLE_MS, () => this.#rest())
      })
    ]
  }

  /** Measures every call from now on. @returns a function that ends it */
  watch(): () => void {
    this.#watchers += 1
    this.#listen()
    let done = false
    return () => {
      if (done) return
      done = true
      this.#watchers -= 1
      this.#rest()
    }
  }

  async read(dropped: number, node: string): Promise<Health> {
    const { backend } = this.#sessions
    const start = stopwatch()
    const reachable = await this.#sessions.ready().then(
      () => true,
      () => false
    )
    const ping = stopwatch() - start
    return {
      store: backend.name,
      shared: backend.traits.shared,
      reachable,
      ping: reachable ? ping : undefined,
      breaker: this.#sessions[CALLS]?.failAtOnce ? 'open' : 'closed',
      operations: this.#measured(),
      merged: this.#merged,
      lateWrites: this.#lateWrites,
      errors: this.#errors,
      saves: this.#saves.written,
      retries: this.#saves.retried,
      skipped: this.#saves.skipped,
      sizes: this.#sizes.map((records, place) => ({ upTo: RECORD_SIZES[place], records })),
      dropped,
      sweeps: sweepingOf(this.#sessions),
      sinceMs: now() - this.#since,
      node
    }
  }

  close(): void {
    for (const stop of this.#stops) stop()
    this.#watchers = 0
    this.#rest()
  }

  #measured(): OperationHealth[] {
    return OPERATIONS.flatMap((operation) => {
      const one = this.#operations.get(operation)
      if (!one) return []
      const { p50, p99 } = percentilesOfBuckets([...one.buckets])
      return [{ operation, calls: one.calls, p50: p50 / US, p99: p99 / US, errors: one.errors }]
    })
  }

  #rest(): void {
    if (this.#watchers > 0) return
    this.#listening?.()
    this.#listening = undefined
  }

  #listen(): void {
    if (this.#listening) return
    const stops = OPERATIONS.map((operation) => this.#listenTo(operation))
    this.#listening = () => {
      for (const stop of stops) stop()
    }
  }

  #listenTo(operation: string): () => void {
    const started = new WeakMap<object, number>()
    const told = new WeakMap<object, number>()
    const measured = this.#operations.get(operation) ?? { calls: 0, errors: 0, buckets: new Map<number, number>() }
    this.#operations.set(operation, measured)
    const add = (bucket: number, n: 1 | -1): void => void measured.buckets.set(bucket, (measured.buckets.get(bucket) ?? 0) + n)
    const ended = (trace: object): void => {
      const start = started.get(trace)
      if (start === undefined) return
      // a call that answers later ends twice; the second time counts
      const before = told.get(trace)
      if (before === undefined) measured.calls += 1
      else add(before, -1)
      const bucket = bucketOf((stopwatch() - start) * US)
      told.set(trace, bucket)
      add(bucket, 1)
    }
    const channel = tracingChannel<unknown, object>(`sessile:store:${operation}`)
    const listener = {
      start: (trace: object) => void started.set(trace, stopwatch()),
      end: ended,
      asyncEnd: ended,
      asyncStart: () => {},
      error: () => void (measured.errors += 1)
    }
    channel.subscribe(listener)
    return () => void channel.unsubscribe(listener)
  }
}
