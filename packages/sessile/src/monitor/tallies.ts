import { now } from '../core/clock.ts'
import { newTag } from '../core/ids.ts'
import { land, readFrom, type Room } from './land-once.ts'

/** How long one bucket is, and how long it is kept. */
export const STEPS = {
  minute: { ms: 60_000, keepMs: 3 * 3_600_000 },
  hour: { ms: 3_600_000, keepMs: 8 * 86_400_000 },
  day: { ms: 86_400_000, keepMs: 400 * 86_400_000 }
} as const
export type Step = keyof typeof STEPS
export const STEP_NAMES = Object.keys(STEPS) as Step[]

/**
 * The size of it all, whatever the traffic: 180 minutes, 192 hours and 400 days, each with at most so many counts of 20 bytes:
 * 10 MB if every bucket had every count, and some 200 kB as sites are.
 */
export const MAX_COUNTS = 640
/** As many writers may come between a write whose answer was lost and the look whether it landed. */
const TAGS_KEPT = 16
/** A bucket that others may still add to is read again after so long. */
const FRESH_MS = 900
const SETTLED_MS = 60_000

/** What was counted in one bucket: sums, and the highest of each gauge. */
export interface Tally {
  readonly counts: Map<string, number>
  readonly peaks: Map<string, number>
}

interface Written {
  c?: Record<string, number>
  g?: Record<string, number>
  t?: string[]
}

/** What is being written: the same batch, under the same tag, until it is known to have landed. */
interface Batch extends Tally {
  readonly tag: string
}

function tally(): Tally {
  return { counts: new Map(), peaks: new Map() }
}

/** Adds one tally to another. */
export function addTo(sum: Tally, more: Tally): Tally {
  for (const [name, n] of more.counts) sum.counts.set(name, (sum.counts.get(name) ?? 0) + n)
  for (const [name, n] of more.peaks) sum.peaks.set(name, Math.max(sum.peaks.get(name) ?? 0, n))
  return sum
}

function understood(data: string | undefined): { tally: Tally; tags: string[] } {
  try {
    const { c, g, t } = JSON.parse(data ?? '{}') as Written
    return { tally: { counts: new Map(Object.entries(c ?? {})), peaks: new Map(Object.entries(g ?? {})) }, tags: t ?? [] }
  } catch {
    return { tally: tally(), tags: [] }
  }
}

/** Past the bound new names are one name. Sums of 0 are dropped. */
function written({ counts, peaks }: Tally, tags: string[]): string {
  const c: Record<string, number> = {}
  let names = 0
  for (const [name, n] of counts) {
    if (n === 0) continue
    names += 1
    const kept = names > MAX_COUNTS ? 'other' : name
    c[kept] = (c[kept] ?? 0) + n
  }
  return JSON.stringify({ c, ...(peaks.size > 0 ? { g: Object.fromEntries(peaks) } : {}), t: tags.slice(-TAGS_KEPT) } satisfies Written)
}

/** Counts by minute, hour and day, added up over all processes, each count exactly once. Times are UTC. */
export class Tallies {
  readonly #room: Room
  readonly #pending = new Map<string, Tally>()
  readonly #batches = new Map<string, Batch>()
  readonly #cache = new Map<string, { readonly readAt: number; readonly stored: Promise<{ tally: Tally; tags: string[] }> }>()

  constructor(room: Room) {
    this.#room = room
  }

  /** Counts something that happened at `at`; what is older than its bucket is kept is not counted there. */
  add(at: number, name: string, n = 1, steps: readonly Step[] = STEP_NAMES): void {
    for (const step of steps) {
      const place = this.#place(step, at)
      if (place) place.counts.set(name, (place.counts.get(name) ?? 0) + n)
    }
  }

  /** Notes how high something stands; the highest of each bucket is kept. */
  peak(at: number, name: string, value: number): void {
    for (const step of STEP_NAMES) {
      const place = this.#place(step, at)
      if (place) place.peaks.set(name, Math.max(place.peaks.get(name) ?? 0, value))
    }
  }

  #place(step: Step, at: number): Tally | undefined {
    const { ms, keepMs } = STEPS[step]
    if (at + keepMs < now()) return undefined
    const key = keyOf(step, Math.floor(at / ms))
    const present = this.#pending.get(key)
    if (present) return present
    const made = tally()
    this.#pending.set(key, made)
    return made
  }

  /** Stores what was counted. @throws the store's first error; what was not stored stays for the next time */
  async flush(): Promise<void> {
    // what failed before goes first, under its old tag
    await this.#writeBatches()
    for (const [key, { counts, peaks }] of this.#pending) {
      if (counts.size + peaks.size > 0) this.#batches.set(key, { counts, peaks, tag: newTag() })
    }
    this.#pending.clear()
    await this.#writeBatches()
  }

  async #writeBatches(): Promise<void> {
    const done = await Promise.allSettled([...this.#batches].map(([key, batch]) => this.#write(key, batch)))
    const failed = done.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }

  async #write(key: string, batch: Batch): Promise<void> {
    const { step, place } = placeOf(key)
    const expiresAt = (place + 1) * STEPS[step].ms + STEPS[step].keepMs
    await land(this.#room, key, (data) => {
      const { tally: there, tags } = understood(data)
      if (tags.includes(batch.tag)) return undefined
      return { data: written(addTo(there, batch), [...tags, batch.tag]), expiresAt }
    })
    this.#batches.delete(key)
    this.#cache.delete(key)
  }

  /** The buckets from `from` to `to` (epoch ms), what this process has not stored yet included. */
  async read(step: Step, from: number, to: number): Promise<{ readonly at: number; readonly tally: Tally }[]> {
    const { ms } = STEPS[step]
    const places = Array.from({ length: Math.max(0, Math.floor(to / ms) - Math.floor(from / ms) + 1) }, (_, n) => Math.floor(from / ms) + n)
    return Promise.all(places.map(async (place) => ({ at: place * ms, tally: await this.#bucket(keyOf(step, place), place * ms + ms) })))
  }

  async #bucket(key: string, endsAt: number): Promise<Tally> {
    // before the store is asked, so that what lands meanwhile is told from its tag
    const batch = this.#batches.get(key)
    const pending = this.#pending.get(key)
    const own = pending && addTo(tally(), pending)
    const { tally: stored, tags } = await this.#stored(key, endsAt, batch !== undefined)
    const sum = addTo(tally(), stored)
    if (batch && !tags.includes(batch.tag)) addTo(sum, batch)
    return own ? addTo(sum, own) : sum
  }

  #stored(key: string, endsAt: number, anew: boolean): Promise<{ tally: Tally; tags: string[] }> {
    const at = now()
    const cached = this.#cache.get(key)
    if (cached && !anew && at - cached.readAt < (endsAt + SETTLED_MS < at ? SETTLED_MS : FRESH_MS)) return cached.stored
    const stored = readFrom(this.#room, key).then((record) => understood(record?.data))
    this.#cache.set(key, { readAt: at, stored })
    stored.catch(() => this.#cache.delete(key))
    if (this.#cache.size > 2000) this.#cache.delete(this.#cache.keys().next().value!)
    return stored
  }
}

function keyOf(step: Step, place: number): string {
  return `${step}/${place}`
}

function placeOf(key: string): { step: Step; place: number } {
  const [step, place] = key.split('/')
  return { step: step as Step, place: Number(place) }
}
