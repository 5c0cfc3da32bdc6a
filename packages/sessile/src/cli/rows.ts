import { now } from '../core/clock.ts'
import type { Loaded } from '../core/loaded.ts'
import type { StoredSessions } from './store.ts'

/** One session, as it is printed. Times are epoch ms; what the store does not tell is absent. */
export interface Row {
  /** The handle, or a short name that begins with `~`. */
  readonly session: string
  readonly userId?: string
  /** Older writers did not note it. */
  readonly createdAt?: number
  readonly signedInAt?: number
  /** When its life was last made longer; known where its cookie says how long it lives unused. */
  readonly lastSeenAt?: number
  /** Absent where it never ends. */
  readonly expiresAt?: number
  /** Bytes of what is stored. */
  readonly size: number
}

export function rowOf(sessions: StoredSessions, loaded: Loaded): Row {
  const { text, meta, expiresAt } = loaded.stored
  const userId = sessions.userOf(loaded)
  const lastSeenAt = lastSeen(text, expiresAt)
  return {
    session: sessions.nameOf(loaded.key),
    ...(userId === undefined ? {} : { userId }),
    ...(meta.c === undefined ? {} : { createdAt: meta.c }),
    ...(meta.a === undefined ? {} : { signedInAt: meta.a }),
    ...(lastSeenAt === undefined ? {} : { lastSeenAt }),
    ...(Number.isFinite(expiresAt) ? { expiresAt } : {}),
    size: Buffer.byteLength(text)
  }
}

/** Its end is as far from when it was last used as its cookie says that it lives. */
function lastSeen(text: string, expiresAt: number): number | undefined {
  if (!Number.isFinite(expiresAt)) return undefined
  const maxAge = Number(/"originalMaxAge":(\d+)/.exec(text)?.[1] ?? 0)
  return maxAge > 0 ? Math.min(now(), expiresAt - maxAge) : undefined
}

export type Order = 'seen' | 'new'

/** Where a session stands in an order, the highest first; by its end where its store tells nothing better. */
export function placeOf({ lastSeenAt, signedInAt, createdAt, expiresAt = 0 }: Row, order: Order): number {
  const known = order === 'new' ? [createdAt, signedInAt, lastSeenAt] : [lastSeenAt, signedInAt, createdAt]
  return known.find((time) => time !== undefined) ?? expiresAt - 86_400_000
}

/** Kinds and sizes in place of values. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return `text, ${value.length}`
  if (Array.isArray(value)) return `list, ${value.length}`
  if (typeof value === 'object') return `object, ${Object.keys(value).length}`
  return typeof value
}
