import type { Request, RequestHandler } from 'express'
import type { ActivityTracker } from 'sessile/monitor'
import type { LoginThrottle } from 'sessile/security'
import type { Note } from '../audit-events.ts'
import type { Addresses } from '../places.ts'
import type { Sessions } from '../sessions.ts'
import type { Accounts } from './accounts.ts'
import type { FirstAdmin } from './first-admin.ts'
import type { KnownDevices } from './known-devices.ts'
import type { UserAdministration } from './user-administration.ts'

/** What the accounts need of the rest of the shop. */
export interface AccountsOptions {
  readonly accounts: Accounts
  readonly administration: UserAdministration
  readonly devices: KnownDevices
  readonly firstAdmin: FirstAdmin
  readonly sessions: Sessions
  readonly throttle: LoginThrottle
  /** Lets users through; others get 401. */
  readonly signedIn: RequestHandler
  /** Lets users through who proved lately who they are. */
  readonly fresh: RequestHandler
  /** A guest's cart becomes the user's. */
  readonly carts: { mergeGuestCart(session: Request['session']): Promise<unknown> }
  readonly seen: ActivityTracker
  readonly note: Note
  /** What is kept of addresses. */
  readonly addresses: Addresses
  /** Cookies are `Secure`, and their names say so. */
  readonly secureCookies: boolean
}

declare module 'sessile' {
  interface SessionData {
    /** The role that the session's id was made for: with another one it gets a new id. Rights are never read from here. */
    role?: string | undefined
    /** Which of the account's devices this is. */
    device?: number | undefined
    /** The account did not know this device before, and nobody has said yet who that was. */
    isNewDevice?: true | undefined
    /** Sign-ins that failed before this one succeeded. */
    failedSignIns?: number | undefined
    /** Nothing else can be done before there is a new password. */
    mustChangePassword?: true | undefined
  }
}
