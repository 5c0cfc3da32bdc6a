import type { Request, RequestHandler } from 'express'
import type { ActivityTracker } from 'sessile/monitor'
import type { LoginThrottle } from 'sessile/security'
import type { Sessions } from '../sessions.ts'
import type { Accounts } from './accounts.ts'

/** What the accounts need of the rest of the shop. */
export interface AccountsOptions {
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly throttle: LoginThrottle
  /** Lets users through; others get 401. */
  readonly signedIn: RequestHandler
  /** Lets users through who proved lately who they are. */
  readonly fresh: RequestHandler
  /** A guest's cart becomes the user's. */
  readonly carts: { mergeGuestCart(session: Request['session']): Promise<unknown> }
  readonly seen: ActivityTracker
  /** Cookies are `Secure`, and their names say so. */
  readonly secureCookies: boolean
}
