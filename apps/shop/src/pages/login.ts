import type { Request } from 'express'
import { safeReturnPath } from 'sessile/security'
import type { Page } from './page.ts'

/** Where to go afterwards: from the address, or, when the form is shown again, from the form. */
async function load(req: Request): Promise<{ next: string; ended: boolean }> {
  return {
    next: safeReturnPath(req.query['next'] ?? (req.body as { next?: unknown } | undefined)?.next),
    ended: 'ended' in req.query
  }
}

export const loginPage: Page = { view: 'login', title: 'Sign in', load }
export const registerPage: Page = { view: 'register', title: 'Create account', load }
/** The password once more, before something that matters. */
export const confirmPage: Page = { view: 'confirm', title: 'Confirm that it is you', load }
