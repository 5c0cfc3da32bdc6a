import { deviceClassOf, isDeviceClass, type DeviceClass } from './device.ts'

/** What was seen of a session. */
export interface Sightings {
  /** Requests that count. */
  readonly pages: number
  /** Requests that changed its record. */
  readonly writes: number
  /** How often one of these met another's change. */
  readonly conflicts: number
  /** Epoch ms. */
  readonly firstSeenAt: number
  /** Epoch ms. */
  readonly lastSeenAt: number
  /** As of the last request. */
  readonly userAgent: string | undefined
  readonly ip: string | undefined
  readonly userId: string | undefined
}

/** Two accounts of one session, seen by different processes or at different times: counts add up, the later one knows the rest. */
export function together(one: Sightings | undefined, other: Sightings | undefined): Sightings | undefined {
  if (!one || !other) return one ?? other
  const later = one.lastSeenAt > other.lastSeenAt ? one : other
  return {
    pages: one.pages + other.pages,
    writes: one.writes + other.writes,
    conflicts: one.conflicts + other.conflicts,
    firstSeenAt: Math.min(one.firstSeenAt, other.firstSeenAt),
    lastSeenAt: later.lastSeenAt,
    userAgent: later.userAgent,
    ip: later.ip,
    userId: later.userId
  }
}

/** How a session ended that was watched. */
export type EndReason = 'destroyed' | 'revoked' | 'expired'

/** What is left of a session for a minute after its end: numbers, nothing about anybody. */
export interface Ending {
  /** Epoch ms. */
  readonly endedAt: number
  readonly reason: EndReason
  readonly pages: number
  /** Epoch ms; absent when nobody saw the session. */
  readonly firstSeenAt: number | undefined
  readonly lastSeenAt: number | undefined
  readonly device: DeviceClass
}

/**
 * A stored record: what was seen and the tags of its last writes; after the session got a new id, where its counts went; after
 * its end, what it came to, so that what other processes still hold of it is added to the right figures.
 */
export type ActivityRecord =
  | { readonly seen: Sightings; readonly tags: readonly string[] }
  | { readonly movedTo: string; readonly tags: readonly string[] }
  | { readonly ending: Ending; readonly tags: readonly string[] }

/** Short names: there is one for every session. */
interface Written {
  readonly n?: number
  readonly w?: number | undefined
  readonly c?: number | undefined
  readonly f?: number
  readonly l?: number
  readonly a?: string | undefined
  readonly i?: string | undefined
  readonly u?: string | undefined
  /** The handle that the session has now. */
  readonly m?: string
  /** Ended at. */
  readonly e?: number
  readonly r?: EndReason
  /** The class of its device, once it has ended. */
  readonly d?: DeviceClass
  readonly t?: readonly string[]
}

/** So many writers may come between a write whose answer was lost and the look whether it landed. */
const TAGS_KEPT = 4

export function written(record: ActivityRecord): string {
  const { tags } = record
  let text: Written
  if ('movedTo' in record) text = { m: record.movedTo, t: tags }
  else if ('ending' in record) {
    const { endedAt, reason, pages, firstSeenAt, lastSeenAt, device } = record.ending
    text = { e: endedAt, r: reason, n: pages, ...(firstSeenAt === undefined ? {} : { f: firstSeenAt, l: lastSeenAt! }), d: device, t: tags }
  } else {
    const { pages, writes, conflicts, firstSeenAt, lastSeenAt, userAgent, ip, userId } = record.seen
    // what is undefined is left out
    text = {
      n: pages,
      w: writes || undefined,
      c: conflicts || undefined,
      f: firstSeenAt,
      l: lastSeenAt,
      a: userAgent,
      i: ip,
      u: userId,
      t: tags
    }
  }
  return JSON.stringify(text)
}

/** @returns `undefined` for nothing, and for what is no record of ours */
export function understood(data: string | undefined): ActivityRecord | undefined {
  if (data === undefined) return undefined
  try {
    const { n, w = 0, c = 0, f, l, a, i, u, m, e, r, d, t = [] } = JSON.parse(data) as Written
    if (typeof m === 'string') return { movedTo: m, tags: t }
    if (typeof n !== 'number') return undefined
    if (typeof e === 'number') {
      const ending = {
        endedAt: e,
        reason: r ?? 'destroyed',
        pages: n,
        firstSeenAt: f,
        lastSeenAt: l,
        device: isDeviceClass(d) ? d : 'unknown'
      }
      return { ending: ending as Ending, tags: t }
    }
    if (typeof f !== 'number' || typeof l !== 'number') return undefined
    return { seen: { pages: n, writes: w, conflicts: c, firstSeenAt: f, lastSeenAt: l, userAgent: a, ip: i, userId: u }, tags: t }
  } catch {
    return undefined
  }
}

/** The tags after one more write. */
export function tagged(record: ActivityRecord | undefined, tag: string): readonly string[] {
  return [...(record?.tags ?? []), tag].slice(-TAGS_KEPT)
}

/** What was seen since `before`. */
export function less(seen: Sightings, before: Sightings): Sightings {
  const { pages, writes, conflicts } = before
  return { ...seen, pages: seen.pages - pages, writes: seen.writes - writes, conflicts: seen.conflicts - conflicts }
}

/** What a session came to, with what another process had still to tell. */
export function endingOf(
  record: ActivityRecord | undefined,
  more: Sightings | undefined,
  end?: { readonly reason: EndReason; readonly at: number }
): Ending {
  const before = record && 'ending' in record ? record.ending : undefined
  const seen = together(record && 'seen' in record ? record.seen : undefined, more)
  const first = [before?.firstSeenAt, seen?.firstSeenAt].filter((at) => at !== undefined)
  const last = [before?.lastSeenAt, seen?.lastSeenAt].filter((at) => at !== undefined)
  return {
    endedAt: before?.endedAt ?? end!.at,
    reason: before?.reason ?? end!.reason,
    pages: (before?.pages ?? 0) + (seen?.pages ?? 0),
    firstSeenAt: first.length > 0 ? Math.min(...first) : undefined,
    lastSeenAt: last.length > 0 ? Math.max(...last) : undefined,
    device: seen?.userAgent === undefined ? (before?.device ?? 'unknown') : deviceClassOf(seen.userAgent)
  }
}

/** Without where a session came from, and whose it was. */
export function hidden(seen: Sightings): Sightings {
  return { ...seen, userAgent: undefined, ip: undefined, userId: undefined }
}
