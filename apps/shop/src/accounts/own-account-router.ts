import { type Request, type RequestHandler, type Response, Router } from 'express'
import { answer, at, HttpError, invalid, parse } from '../http.ts'
import { countedAs, type User } from './accounts.ts'
import { confirmation, deletion, emailChange, passwordChange, sentence } from './fields.ts'
import type { LoginAttempts } from './login-attempts.ts'
import type { AccountsOptions } from './options.ts'

/** What the routers of accounts share. */
export interface AccountsShared extends AccountsOptions {
  readonly attempts: LoginAttempts
  /** @throws HttpError 401 when the account is gone since the sign-in */
  readonly userOf: (req: Request) => Promise<User>
}

/** One's own account: proving who one is, password, email, and the end of it. */
export function ownAccountRouter(shared: AccountsShared): Router {
  const { accounts, administration, sessions, signedIn, fresh, attempts, userOf, note } = shared
  const router = Router()

  at(router, '/account/reauthenticate', [signedIn], {
    post: async (req, res) => {
      const { password } = parse(confirmation, req.body)
      await proved(req, res, await userOf(req), password)
      await sessions.confirm(req)
      note('step-up.succeeded')
      await answer(req, res, { message: 'Confirmed' })
    }
  })

  const changePassword: RequestHandler = async (req, res) => {
    const { currentPassword, newPassword } = parse(passwordChange, req.body)
    const user = await userOf(req)
    const wasDue = req.session.mustChangePassword === true
    const isSame = wasDue && newPassword.normalize('NFC') === currentPassword.normalize('NFC')
    const fault = isSame ? 'must be another one than before' : accounts.faultOfNewPassword(user, newPassword)
    if (fault !== undefined) throw invalid({ path: 'newPassword', message: sentence(fault) })
    await attempts.tried(req, res, 'step-up', countedAs(user.id), async () =>
      (await accounts.changePassword(user, currentPassword, newPassword)) ? {} : 'wrong-password'
    )
    delete req.session.mustChangePassword
    // First the id: whoever copied the cookie is out even if the process dies here.
    await sessions.confirm(req)
    const revoked = await endOthers(req, user)
    note('account.password-changed', { details: { revoked, wasDue } })
    await answer(req, res, { message: 'Password changed' })
  }
  at(router, '/account/password', [signedIn], { post: changePassword })
  // The same from the page that asks for a new one, which nothing else can be seen beside.
  at(router, '/account/new-password', [signedIn], { post: changePassword })

  at(router, '/account/email', [signedIn], {
    post: [
      fresh,
      async (req, res) => {
        const { email, currentPassword } = parse(emailChange, req.body)
        const user = await userOf(req)
        await proved(req, res, user, currentPassword)
        if (!(await accounts.changeEmail(user, email))) throw new HttpError(409, 'User already exists')
        await sessions.confirm(req)
        note('account.email-changed')
        await answer(req, res, { message: 'Email changed', user: await userOf(req) })
      }
    ]
  })

  at(router, '/account', [signedIn], {
    delete: [
      fresh,
      async (req, res) => {
        const { currentPassword } = parse(deletion, req.body)
        const user = await userOf(req)
        await proved(req, res, user, currentPassword)
        if ((await administration.remove(user.id)) === 'last-admin') throw new HttpError(409, 'Last administrator')
        // The account first: a sign-in at the same moment either sees that it is gone, or is ended with the others.
        const revoked = await sessions.revokeAll(user.id)
        note('account.deleted', { userId: user.id, byUserId: user.id, details: { revoked } })
        await req.session.signOut()
        res.set('Clear-Site-Data', '"cache", "storage"')
        await answer(req, res, { message: 'Account deleted' })
      }
    ]
  })
  return router

  /** @throws HttpError 401 for a wrong password, 429 for too many */
  async function proved(req: Request, res: Response, user: User, password: string): Promise<void> {
    const { failures } = await attempts.tried(req, res, 'step-up', countedAs(user.id), async () =>
      (await accounts.confirm(user.id, password)) ? {} : 'wrong-password'
    )
    // What was counted begins anew now; its owner is to hear of it all the same.
    if (failures > 0) req.session.failedSignIns = (req.session.failedSignIns ?? 0) + failures
  }

  function endOthers(req: Request, user: User): Promise<number> {
    return sessions.revokeAll(user.id, { except: sessions.describe(req)!.handle })
  }
}
