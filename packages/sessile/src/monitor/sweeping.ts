import { hostname } from 'node:os'
import type { SessionBackend, StoredRecord } from '../core/backend.ts'
import { every, later, now } from '../core/clock.ts'
import { newTag } from '../core/ids.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'
import type { ActivityTracker } from './activity.ts'

/** What sweeping needs of the manager that `session()` returned. */
export interface SweptSessions {
  readonly backend: SessionBackend
  sweep(limit?: number): Promise<number>
}

/** What `startSweeping` takes. */
export interface SweepingOptions {
  /** How often it is looked for sessions that ran out. */
  every?: Duration
  /** Sessions that are removed at once; the loop turns to other work between two batches. */
  batch?: number
  /** A process that sweeps and dies is replaced after so long. */
  lease?: Duration
  /** What `activity()` gave: where the store expires sessions by itself, their ends are told from it, without their data. */
  activity?: Pick<ActivityTracker, 'sweepDue'>
  /** Told of sessions that ran out in such a store; in the others the event `expired` tells it. */
  onExpired?: (handle: string) => void
  /** Told of what went wrong; it is tried again. Default: a process warning, once. */
  onError?: (error: unknown) => void
}

/** The defaults of `startSweeping`. */
export const SWEEPING_DEFAULTS = { every: '30s', batch: 500, lease: '90s' } as const satisfies SweepingOptions

/** Sweeping that goes on by itself. */
export interface Sweeping {
  /** Sweeps now, if it is this process's turn. @returns how many sessions ran out */
  now(): Promise<number>
  /** Stops, and leaves the turn to others at once. */
  stop(): Promise<void>
}

/** How the sweeping of this process stands. */
export interface SweepingState {
  at: number | undefined
  removed: number
  leader: boolean
}

const states = new WeakMap<object, SweepingState>()

/** How sweeping stands in this process, if it was started. */
export function sweepingOf(sessions: object): SweepingState | undefined {
  return states.get(sessions)
}

const LEASE = 'sweep'

/**
 * Removes sessions that ran out, regularly, by one process at a time: a lease beside the sessions says by which. Each is told
 * once. Nothing breaks where two hold it for a moment, since a store gives each expired session to one caller only.
 * `session()` sweeps by itself; give it `sweepEvery: false` where this does it.
 * @throws SessionError `bad-option`
 */
export function startSweeping(sessions: SweptSessions, given: SweepingOptions = {}): Sweeping {
  const known = [...Object.keys(SWEEPING_DEFAULTS), 'activity', 'onExpired', 'onError']
  const options = resolveOptions<SweepingOptions & Required<Pick<SweepingOptions, 'every' | 'batch' | 'lease'>>>(
    'startSweeping',
    SWEEPING_DEFAULTS,
    given,
    known
  )
  const everyMs = milliseconds('every', options.every)
  const leaseMs = Math.max(milliseconds('lease', options.lease), 2 * everyMs)
  const owner = `${hostname()}:${process.pid}:${newTag()}`
  const leases = sessions.backend.traits.shared ? sessions.backend.space?.('leases') : undefined
  const state: SweepingState = { at: undefined, removed: 0, leader: false }
  states.set(sessions, state)
  let stopped = false
  let running: Promise<number> | undefined
  let warned = false

  async function sweep(): Promise<number> {
    state.leader = await hold(leases, owner, leaseMs)
    if (!state.leader) return 0
    let removed = 0
    for (;;) {
      const batch = await sessions.sweep(options.batch)
      removed += batch
      if (batch < options.batch || stopped) break
      await new Promise<void>(later)
      if (!(await hold(leases, owner, leaseMs))) break
    }
    if (options.activity) removed += await options.activity.sweepDue(options.onExpired)
    state.at = now()
    state.removed += removed
    return removed
  }

  const turn = (): Promise<number> => (running ??= sweep().finally(() => (running = undefined)))
  const stopTimer = every(everyMs, () => {
    turn().catch((error: unknown) => {
      if (options.onError) return options.onError(error)
      if (warned) return
      warned = true
      process.emitWarning(
        `Sessions that ran out could not be removed; it is tried again: ${error instanceof Error ? error.message : String(error)}`,
        'SessileWarning'
      )
    })
  })
  return {
    now: turn,
    async stop() {
      stopped = true
      stopTimer()
      await running?.catch(() => {})
      if (!state.leader || !leases) return
      state.leader = false
      const held = await Promise.resolve(leases.read(LEASE)).catch(() => undefined)
      if (held?.data === owner) await Promise.resolve(leases.swap(LEASE, held.version, { data: '', expiresAt: now() + 1 })).catch(() => {})
    }
  }
}

/** Takes the lease, or keeps it. @returns whether this process has it */
async function hold(leases: SessionBackend | undefined, owner: string, leaseMs: number): Promise<boolean> {
  if (!leases) return true
  const next = { data: owner, expiresAt: now() + leaseMs }
  const held: StoredRecord | undefined = await leases.read(LEASE)
  if (!held) return (await leases.create(LEASE, next)).outcome === 'done'
  if (held.data !== owner && held.data !== '') return false
  return (await leases.swap(LEASE, held.version, next)).outcome === 'done'
}
