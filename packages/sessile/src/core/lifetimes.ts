import { optionalMilliseconds, type Duration } from './options.ts'

/** How long a session of one kind lives. What is not given does not limit. */
export interface LifetimeOptions {
  /** Ends this long after the last request. */
  idle?: Duration
  /** Ends this long after it began (for signed-in sessions: after the sign-in), whatever happens. */
  absolute?: Duration
  /** Gets a new id after this long. */
  renewAfter?: Duration
}

/** Limits for visitors and for signed-in users, separately. */
export interface LifetimesOptions {
  anonymous?: LifetimeOptions
  signedIn?: LifetimeOptions
}

export interface Lifetime {
  readonly idleMs: number | undefined
  readonly absoluteMs: number | undefined
  readonly renewAfterMs: number | undefined
}

export interface Lifetimes {
  readonly anonymous: Lifetime
  readonly signedIn: Lifetime
}

/** When a session began: what its limits are counted from. Epoch ms. */
export interface Ages {
  readonly createdAt: number
  readonly signedInAt?: number | undefined
  readonly renewedAt?: number | undefined
}

/** When a session will end. Epoch ms; `Infinity` where nothing limits it. */
export interface Ends {
  readonly idleExpiresAt: number
  readonly absoluteExpiresAt: number
  /** The earlier of the two: what the store is told. */
  readonly expiresAt: number
}

function resolveOne(name: string, given: LifetimeOptions | undefined): Lifetime {
  return Object.freeze({
    idleMs: optionalMilliseconds(`lifetimes.${name}.idle`, given?.idle),
    absoluteMs: optionalMilliseconds(`lifetimes.${name}.absolute`, given?.absolute),
    renewAfterMs: optionalMilliseconds(`lifetimes.${name}.renewAfter`, given?.renewAfter)
  })
}

/** @throws SessionError `bad-option` for a duration that cannot be read */
export function resolveLifetimes(given: LifetimesOptions | undefined): Lifetimes {
  return Object.freeze({ anonymous: resolveOne('anonymous', given?.anonymous), signedIn: resolveOne('signedIn', given?.signedIn) })
}

/** Which limits a session has. */
export function lifetimeOf(lifetimes: Lifetimes, userId: string | undefined): Lifetime {
  return userId === undefined ? lifetimes.anonymous : lifetimes.signedIn
}

/**
 * When a session ends that is used at `at`.
 * @param idleMs overrides the lifetime's idle time (a session may carry its own, as express-session's `cookie.maxAge`)
 */
export function endsOf(lifetime: Lifetime, ages: Ages, at: number, idleMs: number | undefined = lifetime.idleMs): Ends {
  const idleExpiresAt = idleMs === undefined ? Infinity : at + idleMs
  const absoluteExpiresAt = lifetime.absoluteMs === undefined ? Infinity : (ages.signedInAt ?? ages.createdAt) + lifetime.absoluteMs
  return { idleExpiresAt, absoluteExpiresAt, expiresAt: Math.min(idleExpiresAt, absoluteExpiresAt) }
}

/** Whether the id is due for a routine renewal. */
export function renewalDue(lifetime: Lifetime, ages: Ages, at: number): boolean {
  return lifetime.renewAfterMs !== undefined && at - (ages.renewedAt ?? ages.signedInAt ?? ages.createdAt) >= lifetime.renewAfterMs
}

/**
 * Whether a stored expiry must be moved, and where to. A touch is put off while what is stored still covers the whole idle time;
 * when it is made, it goes `slackMs` further than asked, so a session never ends early, and lives at most that much longer.
 * @returns the expiry to store, or `undefined` when what is stored is enough
 */
export function touchTo(storedExpiresAt: number, ends: Ends, slackMs: number): number | undefined {
  if (slackMs > 0 && storedExpiresAt >= ends.expiresAt) return undefined
  return Math.min(ends.expiresAt + slackMs, ends.absoluteExpiresAt)
}

/** The default slack of throttled touches: 1 % of the idle time, at most 30 s. */
export function defaultSlackMs(idleMs: number | undefined): number {
  return idleMs === undefined ? 0 : Math.min(idleMs / 100, 30_000)
}
