import { EventHub } from '../../src/core/events.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { activity, type ActivityTracker } from '../../src/monitor/activity.ts'
import type { HttpRequest, WatchedSession, WatchedSessions } from '../../src/monitor/options.ts'

export const AGENTS = {
  desktop: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  mobile:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
  bot: 'curl/8.5.0'
} as const
const MINUTE = 60_000

/** What one session of the script does, in order. */
export interface Scripted {
  readonly handle: string
  readonly userId: string | undefined
  readonly agent: keyof typeof AGENTS
  /** When its requests come, epoch ms. */
  readonly requests: readonly number[]
  readonly ends: { readonly at: number; readonly reason: 'destroyed' | 'revoked' | 'expired' } | undefined
}

/** The same sessions each time: by their number alone. */
export function scriptedHour(start: number, sessions: number): Scripted[] {
  return Array.from({ length: sessions }, (_, n) => {
    const begins = start + (n % 55) * MINUTE + (n % 50) * 100
    const requests = Array.from({ length: 1 + (n % 7) }, (_, k) => begins + k * 13_000)
    const isOver = n % 3 === 0
    return {
      handle: `h${n}`,
      userId: n % 4 === 0 ? `u${n % 1000}` : undefined,
      agent: (['desktop', 'mobile', 'bot'] as const)[n % 3]!,
      requests,
      ends: isOver ? { at: requests.at(-1)! + 20_000, reason: (['destroyed', 'revoked', 'expired'] as const)[(n / 3) % 3]! } : undefined
    }
  })
}

/** The true percentile. */
export function percentile(values: number[], share: number): number {
  values.sort((one, other) => one - other)
  return values[Math.max(0, Math.ceil(values.length * share) - 1)]!
}

/** One process of the script: a stand-in for the manager, and what watches it. */
export function scriptedProcess(
  backend: SessionBackend,
  node: string
): { visit(session: Scripted): void; end(session: Scripted): void; seen: ActivityTracker; sessions: Pick<WatchedSessions, 'on'> } {
  const events = new EventHub()
  let present: Scripted
  const sessions = {
    backend,
    describe: (_req: HttpRequest): WatchedSession => ({
      handle: present.handle,
      ...(present.userId === undefined ? {} : { userId: present.userId }),
      createdAt: present.requests[0]!,
      expiresAt: Date.now() + 30 * MINUTE
    }),
    on: events.on.bind(events)
  }
  const seen = activity({ sessions, node, flushEvery: '1h' })
  return {
    seen,
    sessions,
    visit(session) {
      present = session
      const req = { headers: { 'user-agent': AGENTS[session.agent] }, socket: { remoteAddress: '203.0.113.9' } } as unknown as HttpRequest
      const told: (() => void)[] = []
      const res = { statusCode: session.handle.endsWith('77') ? 429 : 200, on: (_: string, done: () => void) => told.push(done) }
      seen(req, res as never, () => {})
      for (const done of told) done()
    },
    end({ handle, userId, ends }) {
      const who = { handle, ...(userId === undefined ? {} : { userId }) }
      if (ends!.reason === 'expired') events.emit('expired', () => ({ ...who, attributes: {} }))
      else events.emit(ends!.reason, () => who)
      events.emit('ended', () => ({ ...who, reason: ends!.reason }))
    }
  }
}
