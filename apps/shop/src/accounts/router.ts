import { type Request, type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { answer, at, cookieJson, HttpError, invalid, isoTime, parse } from '../http.ts'
import { httpErrorOf } from '../errors.ts'
import type { User } from './accounts.ts'
import { LoginAttempts } from './login-attempts.ts'
import type { AccountsOptions } from './options.ts'
import { faultOf } from './password-rules.ts'

const MAX_EMAIL = 254
/** Longer than any that can be chosen; what is longer still is wrong without being hashed. */
const password = z.string().min(1, 'Must not be empty').max(1_024, 'Must be at most 1024 characters long')
/** What is wrong with it whoever's it is, so that it is told together with the other fields' faults. */
const newPassword = z.string().superRefine((text, context) => {
  const fault = faultOf(text)
  if (fault !== undefined) context.addIssue({ code: 'custom', message: sentence(fault) })
})

const registration = z.object({
  username: z.string().regex(/^[A-Za-z0-9._-]{3,30}$/, 'Must be 3 to 30 letters, digits, dots, underscores or hyphens'),
  email: z.string().max(MAX_EMAIL, `Must be at most ${MAX_EMAIL} characters long`).pipe(z.email('Must be an email address')),
  password: newPassword
})
const login = z.object({
  // A NUL is in nobody's name, and PostgreSQL refuses to look for it.
  username: z
    .string()
    .min(1, 'Must not be empty')
    .max(MAX_EMAIL, `Must be at most ${MAX_EMAIL} characters long`)
    .regex(/^[^\0]*$/, 'Must be text'),
  password
})
const passwordChange = z.object({ currentPassword: password, newPassword })
const confirmation = z.object({ password })

/** Registering, signing in and out, and one's own account. */
export function accountsRouter(options: AccountsOptions): Router {
  const { accounts, sessions, signedIn, carts } = options
  const attempts = new LoginAttempts(options.throttle, options.secureCookies)
  const router = Router()

  at(router, '/register', {
    post: failingWith('Registration failed', async (req, res) => {
      const wanted = parse(registration, req.body)
      const registered = await accounts.register(wanted)
      if (registered.outcome === 'weak-password') throw invalid({ path: 'password', message: sentence(registered.reason) })
      if (registered.outcome === 'taken') throw new HttpError(409, 'User already exists')
      const { user } = registered
      await begin(req, user)
      await attempts.remember(req, res, accountOf(user))
      await answer(req, res, { message: 'Registration successful', user }, 201)
    })
  })

  at(router, '/login', {
    post: failingWith('Login failed', async (req, res) => {
      const { username, password } = parse(login, req.body)
      const { result: authenticated, failures } = await attempts.tried(req, res, await accounts.accountOf(username), () =>
        accounts.authenticate(username, password)
      )
      const { user } = authenticated
      await begin(req, user)
      if (!(await accounts.isStillCurrent(authenticated))) {
        await req.session.signOut()
        throw new HttpError(401, 'Invalid credentials')
      }
      res.locals['failures'] = failures
      await answer(req, res, { message: 'Login successful', user })
    })
  })

  at(router, '/logout', {
    post: failingWith('Logout failed', async (req, res) => {
      await req.session.signOut()
      // The Back button must not show what was private from the browser's own memory.
      res.set('Clear-Site-Data', '"cache", "storage"')
      await answer(req, res, { message: 'Logout successful' })
    })
  })

  at(router, '/profile', [signedIn], {
    get: async (req, res) => {
      const info = sessions.describe(req)!
      res.json({
        message: 'Profile data',
        user: await userOf(req),
        sessionInfo: {
          sessionId: info.handle,
          cookie: cookieJson(req.session.cookie),
          createdAt: isoTime(info.createdAt),
          lastSeenAt: isoTime(Date.now()),
          idleExpiresAt: isoTime(info.idleExpiresAt),
          absoluteExpiresAt: isoTime(info.absoluteExpiresAt)
        }
      })
    }
  })

  at(router, '/account/password', [signedIn], {
    post: async (req, res) => {
      const { currentPassword, newPassword } = parse(passwordChange, req.body)
      const user = await userOf(req)
      const fault = accounts.faultOfNewPassword(user, newPassword)
      if (fault !== undefined) throw invalid({ path: 'newPassword', message: sentence(fault) })
      await attempts.tried(
        req,
        res,
        accountOf(user),
        async () => (await accounts.changePassword(user, currentPassword, newPassword)) || undefined
      )
      // First the id: whoever copied the cookie is out even if the process dies here.
      await sessions.confirm(req)
      await sessions.revokeAll(String(user.id), { except: sessions.describe(req)!.handle })
      await answer(req, res, { message: 'Password changed' })
    }
  })

  at(router, '/account/reauthenticate', [signedIn], {
    post: async (req, res) => {
      const { password } = parse(confirmation, req.body)
      const user = await userOf(req)
      await attempts.tried(req, res, accountOf(user), async () => (await accounts.confirm(user.id, password)) || undefined)
      await sessions.confirm(req)
      await answer(req, res, { message: 'Confirmed' })
    }
  })

  async function begin(req: Request, user: User): Promise<void> {
    await req.session.signIn(user.id)
    await carts.mergeGuestCart(req.session)
  }

  /** @throws HttpError 401 when the account is gone since the sign-in */
  async function userOf(req: Request): Promise<User> {
    const user = await accounts.user(req.session.userId!)
    if (user) return user
    await req.session.signOut()
    throw new HttpError(401, 'Authentication required')
  }

  return router
}

function accountOf(user: User): string {
  return `user:${user.id}`
}

function sentence(reason: string): string {
  return `${reason[0]!.toUpperCase()}${reason.slice(1)}`
}

/** The text that a fault of ours has here; what is known by another answer keeps that. */
function failingWith(text: string, handler: (...args: Parameters<RequestHandler>) => Promise<void>): RequestHandler {
  return async (req, res, next) => {
    try {
      await handler(req, res, next)
    } catch (error) {
      const known = httpErrorOf(error)
      throw known.status === 500 ? new HttpError(500, text, { cause: error }) : known
    }
  }
}
