import session, { type SessionOptions } from 'sessile'
import { movingFrom } from 'sessile/migrate'
import { secure } from 'sessile/security'
import type { Config } from './config.ts'

/** The session middleware, which is the manager of all sessions as well. */
export type Sessions = ReturnType<typeof createSessions>

/** @throws SessionError `unknown-store` */
export function createSessions(config: Config) {
  return session(sessionOptions(config))
}

/**
 * How the shop's sessions are. A visitor's cart keeps for a week, a sign-in for half an hour without a request and for
 * eight hours in all; the rest is the preset's: call its `explain()` for the reasons.
 */
export function sessionOptions(config: Config): SessionOptions {
  const preset = secure('web', { production: config.production, name: 'sessionId' })
  return {
    ...preset,
    cookie: { ...preset.cookie, sameSite: 'strict' },
    lifetimes: { anonymous: { idle: '7d' }, signedIn: { idle: '30m', absolute: '8h' } },
    secret: [...config.secrets],
    // the monitor sweeps, by one process at a time
    sweepEvery: false,
    store: config.storeMoveFrom === undefined ? config.storeUrl : movingFrom(config.storeMoveFrom, config.storeUrl)
  }
}

/** In production the name has the browser see to it that the cookie is this host's own, and came by HTTPS. */
export function sessionCookieName({ production }: Config): string {
  return production ? '__Host-sessionId' : 'sessionId'
}

declare module 'sessile' {
  interface SessionData {
    /** Who is signed in. */
    userId?: number
    /** What the next page says once. */
    flash?: string
  }
}
