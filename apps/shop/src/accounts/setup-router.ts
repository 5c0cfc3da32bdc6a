import { Router } from 'express'
import { answer, at, HttpError, parse } from '../http.ts'
import { setup } from './fields.ts'
import type { AccountsShared } from './own-account-router.ts'

/** Becoming the first administrator. */
export function setupRouter(shared: AccountsShared): Router {
  const { firstAdmin, throttle, signedIn, fresh, userOf, note } = shared
  const router = Router()

  at(router, '/admin/setup', [signedIn], {
    post: [
      fresh,
      async (req, res) => {
        const { secret } = parse(setup, req.body)
        const user = await userOf(req)
        // Nobody guesses it; this keeps the log short of those who try.
        const attempt = await throttle.attempt({ account: 'setup', address: req.ip })
        if (!attempt.allowed) throw new HttpError(429, 'Too many attempts, please try again later', { headers: attempt.headers })
        if (!(await firstAdmin.appoint(user.id, secret.trim()))) throw new HttpError(403, 'Invalid secret')
        await attempt.succeeded()
        req.session.role = 'admin'
        await req.session.renew()
        note('admin.appointed')
        await answer(req, res, { message: 'You are the administrator now', user: await userOf(req) })
      }
    ]
  })
  return router
}
