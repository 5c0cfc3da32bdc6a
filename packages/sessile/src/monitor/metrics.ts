import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import type { SessionEvent, SessionEvents } from '../core/events.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'
import { SAVES, Saves } from '../core/saves.ts'
import type { PercentilesView } from './api-types.ts'
import { RECORD_SIZES } from './store-health.ts'

interface Counter {
  inc(labels: Record<string, string>, by?: number): void
}
interface Histogram {
  observe(value: number): void
}
interface Gauge {
  set(value: number): void
}
interface LabelledGauge {
  set(labels: Record<string, string>, value: number): void
}

/** A `Registry` of prom-client, by its shape. */
export interface Registry {
  readonly contentType: string
  metrics(): Promise<string>
}

/** The module prom-client, by its shape: the app hands in its own. */
export interface PromClient {
  readonly register: Registry
  readonly Counter: new (configuration: never) => Counter
  readonly Gauge: new (configuration: never) => Gauge
  readonly Histogram: new (configuration: never) => Histogram
}

/** What metrics need of the manager that `session()` returned. */
export interface MeasuredSessions {
  /** What the manager counts of saves. */
  readonly [SAVES]?: Saves
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void
  scan?(options: { cursor?: string; limit?: number }): Promise<{ sessions: readonly unknown[]; cursor?: string | undefined }>
}

/** What metrics need of what `activity()` gave. */
export interface MeasuredActivity {
  analytics(): Promise<{ readonly totals: { readonly duration: PercentilesView; readonly pagesPerSession: PercentilesView } }>
}

/** What `metrics` takes. */
export interface MetricsOptions {
  /** The manager that `session()` returned. */
  sessions: MeasuredSessions
  /** What `activity()` gave: then it is told how long sessions last, and how many requests they have. */
  activity?: MeasuredActivity
  /** `import * as client from 'prom-client'`. */
  client: PromClient
  /** Where the metrics are registered. Default: the client's own. */
  register?: Registry
  /** What all names begin with. */
  prefix?: string
  /** Counts the live sessions. Default: by `sessions.scan`, which reads them all. Where it fails the gauge is NaN, and all else is told. */
  countActive?: () => number | Promise<number>
  /** How long a count of live sessions is good for. */
  countEvery?: Duration
}

/** The defaults of `metrics`. */
export const METRICS_DEFAULTS = { prefix: 'sessile_', countEvery: '15s' } as const satisfies Partial<MetricsOptions>

/** Every metric by the end of its name: what it says, and its label. Labels take words of ours only, never a user or a handle. */
export const METRICS = {
  sessions_created_total: { help: 'Sessions stored for the first time.', label: undefined },
  sessions_renewed_total: { help: 'Sessions that got a new id.', label: 'reason' },
  sessions_ended_total: { help: 'Sessions that ended: by themselves, from outside, or with their time.', label: 'reason' },
  sign_ins_total: { help: 'Users who signed in.', label: undefined },
  saves_total: { help: 'Records that were written: of new sessions, and changed ones.', label: undefined },
  save_retries_total: { help: 'Tries to save that met a change of another request, and were done anew.', label: undefined },
  saves_skipped_total: { help: 'Uses that moved no time in the store, since the record lives long enough.', label: undefined },
  record_bytes: { help: 'How large the records are that are written, in bytes: a histogram.', label: undefined },
  merges_total: { help: 'Saves that met a change of another request and kept both.', label: undefined },
  late_writes_total: { help: 'Saves that were dropped because the session had ended.', label: undefined },
  unknown_ids_total: { help: 'Uses of an id that names no session (any more).', label: undefined },
  retired_ids_total: { help: 'Uses of an id that had been replaced.', label: undefined },
  unreadable_records_total: { help: 'Records in the store that are no sessions.', label: undefined },
  store_errors_total: { help: 'Store calls that failed or were too late.', label: 'operation' },
  session_duration_seconds: {
    help: 'From the first to the last request of a session, of those that ended in the last hour.',
    label: 'quantile'
  },
  session_pages: { help: 'Requests of a session, of those that ended in the last hour.', label: 'quantile' },
  sessions_active: { help: 'Live sessions, visitors included.', label: undefined }
} as const

const COUNT_PAGE = 500

/**
 * Counts what happens to sessions, for Prometheus, in prom-client's registry. Nothing is counted twice: each process tells of what it did.
 * @returns a function that stops counting
 * @throws SessionError `bad-option`
 */
export function metrics(given: MetricsOptions): () => void {
  const known = [...Object.keys(METRICS_DEFAULTS), 'sessions', 'activity', 'client', 'register', 'countActive']
  const options = resolveOptions<MetricsOptions & typeof METRICS_DEFAULTS>('metrics', METRICS_DEFAULTS as never, given as never, known)
  const { sessions, client } = options
  if (typeof client?.Counter !== 'function') {
    throw new SessionError('bad-option', "metrics needs client: import * as client from 'prom-client'.")
  }
  const registers = [options.register ?? client.register]
  const configuration = (name: keyof typeof METRICS) => {
    const { help, label } = METRICS[name]
    return { name: `${options.prefix}${name}`, help, registers, ...(label === undefined ? {} : { labelNames: [label] }) }
  }
  const counter = (name: keyof typeof METRICS): Counter => new client.Counter(configuration(name) as never)
  type Labels<E extends SessionEvent> = (payload: SessionEvents[E]) => Record<string, string> | undefined
  const on = <E extends SessionEvent>(event: E, name: keyof typeof METRICS, labels?: Labels<E>) => {
    const one = counter(name)
    return sessions.on(event, (payload) => {
      const given = labels ? labels(payload) : {}
      if (given) one.inc(given)
    })
  }
  const stops = [
    on('created', 'sessions_created_total'),
    on('renewed', 'sessions_renewed_total', ({ reason }) => ({ reason })),
    // a session that goes on under a new id has not ended
    on('ended', 'sessions_ended_total', ({ reason }) => (reason === 'renewed' ? undefined : { reason })),
    on('signed-in', 'sign_ins_total'),
    on('merged', 'merges_total'),
    on('late-write', 'late_writes_total'),
    on('unknown-id', 'unknown_ids_total'),
    on('retired-id', 'retired_ids_total'),
    on('unreadable-record', 'unreadable_records_total'),
    on('store-error', 'store_errors_total', ({ operation }) => ({ operation }))
  ]
  const saves = sessions[SAVES] ?? new Saves()
  const told = (name: keyof typeof METRICS, value: () => number): void => {
    let before = value()
    const collect = (): void => {
      const present = value()
      if (!stopped) one.inc({}, present - before)
      before = present
    }
    const one: Counter = new client.Counter({ ...configuration(name), collect } as never)
  }
  let stopped = false
  told('saves_total', () => saves.written)
  told('save_retries_total', () => saves.retried)
  told('saves_skipped_total', () => saves.skipped)
  const sizes: Histogram = new client.Histogram({ ...configuration('record_bytes'), buckets: [...RECORD_SIZES] } as never)
  stops.push(saves.listen((bytes) => sizes.observe(bytes)))
  const { activity } = options
  if (activity) {
    const read = rarely(milliseconds('countEvery', options.countEvery), () => activity.analytics())
    const percentiles = (name: keyof typeof METRICS, of: 'duration' | 'pagesPerSession'): void => {
      const collect = async (): Promise<void> => {
        const totals = await read().then(
          (analytics) => analytics.totals[of],
          () => ({ p50: NaN, p90: NaN, p99: NaN })
        )
        for (const [quantile, value] of [
          ['0.5', totals.p50],
          ['0.9', totals.p90],
          ['0.99', totals.p99]
        ] as const)
          gauge.set({ quantile }, value)
      }
      const gauge = new client.Gauge({ ...configuration(name), collect } as never) as unknown as LabelledGauge
    }
    percentiles('session_duration_seconds', 'duration')
    percentiles('session_pages', 'pagesPerSession')
  }
  const count = options.countActive ?? (sessions.scan ? () => countByScan(sessions as Required<MeasuredSessions>) : undefined)
  if (count) {
    const counted = rarely(milliseconds('countEvery', options.countEvery), count)
    const collect = async (): Promise<void> => gauge.set(await counted().catch(() => NaN))
    const gauge: Gauge = new client.Gauge({ ...configuration('sessions_active'), collect } as never)
  }
  return () => {
    stopped = true
    for (const stop of stops) stop()
  }
}

async function countByScan(sessions: Required<MeasuredSessions>): Promise<number> {
  let active = 0
  for (let cursor: string | undefined; ;) {
    const page = await sessions.scan({ limit: COUNT_PAGE, ...(cursor === undefined ? {} : { cursor }) })
    active += page.sessions.length
    if (page.cursor === undefined) return active
    cursor = page.cursor
  }
}

/** Answers with what was counted last, if that is not too long ago; whoever asks while it is being counted gets that count. */
function rarely<T>(everyMs: number, count: () => T | Promise<T>): () => Promise<T> {
  let counting: Promise<T> | undefined
  let countedAt = -Infinity
  return () => {
    if (counting && now() - countedAt < everyMs) return counting
    countedAt = now()
    const asked = Promise.resolve().then(count)
    asked.catch(() => {
      if (counting === asked) counting = undefined
    })
    counting = asked
    return asked
  }
}
