import { type ActivityTracker, deviceOf } from 'sessile/monitor'
import type { Sessions } from '../sessions.ts'

/** Where a user is signed in. */
export interface Device {
  readonly handle: string
  /** Whether it is the one that asks. */
  readonly current: boolean
  /** Epoch ms, as is `lastActivity`; absent of a session that express-session stored. */
  readonly createdAt: number | undefined
  readonly lastActivity: number
  readonly userAgent: string | null
  /** In words: `Chrome on Linux`. */
  readonly device: string
  readonly ip: string | null
}

/** The live sessions of a user, the latest used first. */
export async function devicesOf(
  { sessions, seen }: { readonly sessions: Sessions; readonly seen: ActivityTracker },
  current: { readonly handle: string; readonly userId?: string | undefined }
): Promise<Device[]> {
  const live = await sessions.of(current.userId!)
  const rows = await seen.list(live)
  const devices = rows.map(({ sessionId, lastActivity, userAgent, ip }, i): Device => ({
    handle: sessionId,
    current: sessionId === current.handle,
    createdAt: live[i]!.createdAt,
    lastActivity,
    userAgent: userAgent ?? null,
    device: deviceOf(userAgent),
    ip: ip ?? null
  }))
  return devices.sort((one, other) => other.lastActivity - one.lastActivity)
}
