import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExpressStore } from '../stores/express-store/types.ts'
import type { Session } from './session.ts'

/** Where a request keeps what the middleware knows about its session. */
export const OWNER = Symbol('sessile.owner')

/** Where a session of which only what is touched is parsed has what tracks it. */
export const TRACKED = Symbol('sessile.tracked')

/** The request as Express and its middleware leave it. */
export interface SessionRequest extends IncomingMessage {
  session?: Session | null | undefined
  sessionID?: string | undefined
  sessionStore?: StoreLike | undefined
  originalUrl?: string
  /** Express's answer, governed by `trust proxy`. */
  secure?: boolean
  /** Set by cookie-parser. */
  secret?: unknown
  cookies?: Record<string, unknown>
  signedCookies?: Record<string, unknown>
}

export type SessionResponse = ServerResponse

export type Next = (error?: unknown) => void

/** Any express-session store, with what the middleware puts on it and what its base class brings. */
export interface StoreLike extends ExpressStore {
  on?(event: string, listener: () => void): unknown
  generate?(req: SessionRequest): void
  createSession?(req: SessionRequest, record: object): unknown
  regenerate?(req: SessionRequest, callback: (error?: unknown) => void): unknown
}

/** The values of a session, as people see them. */
export type Attributes = Record<string, unknown>
