import { type Request, type RequestHandler, Router } from 'express'
import { deviceOf } from 'sessile/monitor'
import { httpErrorOf } from '../errors.ts'
import { answer, at, cookieJson, HttpError, invalid, isoTime, parse } from '../http.ts'
import { keptAddress } from '../places.ts'
import { type Authenticated, countedAs, type User } from './accounts.ts'
import { devicesRouter } from './devices-router.ts'
import { login, registration, sentence } from './fields.ts'
import { LoginAttempts } from './login-attempts.ts'
import { noticesRouter } from './notices-router.ts'
import type { AccountsOptions } from './options.ts'
import { ownAccountRouter } from './own-account-router.ts'
import { setupRouter } from './setup-router.ts'

/** Registering, signing in and out, and one's own account. */
export function accountsRouter(options: AccountsOptions): Router {
  const { accounts, devices, sessions, signedIn, carts, note } = options
  const attempts = new LoginAttempts(options.throttle, note, options.secureCookies)
  const router = Router()

  at(router, '/register', {
    post: failingWith('Registration failed', async (req, res) => {
      const wanted = parse(registration, req.body)
      const registered = await accounts.register(wanted)
      if (registered.outcome === 'weak-password') throw invalid({ path: 'password', message: sentence(registered.reason) })
      if (registered.outcome === 'taken') throw new HttpError(409, 'User already exists')
      const { user } = registered
      const device = await attempts.remember(req, res, countedAs(user.id))
      await begin(req, user, device)
      note('account.registered', { userId: user.id })
      await answer(req, res, { message: 'Registration successful', user }, 201)
    })
  })

  at(router, '/login', {
    post: failingWith('Login failed', async (req, res) => {
      const { username, password } = parse(login, req.body)
      const passed = await attempts.tried(req, res, 'login', await accounts.accountOf(username), () =>
        accounts.authenticate(username, password, (userId) => devices.isKnown(userId, attempts.deviceOf(req)))
      )
      const { result, failures, device } = passed
      const { user } = result
      if (result.wasRehashed) note('account.password-rehashed', { userId: user.id })
      const isNewDevice = await beginIfCurrent(req, result, device, failures)
      note('login.succeeded', {
        userId: user.id,
        details: { failures, newDevice: isNewDevice, passwordDue: result.passwordDue ?? undefined }
      })
      if (isNewDevice) note('device.new', { userId: user.id })
      res.locals['failures'] = failures
      await answer(req, res, { message: 'Login successful', user })
    })
  })

  at(router, '/logout', {
    post: failingWith('Logout failed', async (req, res) => {
      if (req.session.userId !== undefined) note('logout')
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

  const shared = { ...options, attempts, userOf }
  router.use(ownAccountRouter(shared), noticesRouter(shared), devicesRouter(options), setupRouter(shared))
  return router

  /** @returns whether the account did not know the device */
  async function begin(req: Request, user: User, device: string | undefined, more: { failures?: number; mustChange?: boolean } = {}) {
    const seen = { name: deviceOf(req.get('user-agent')), address: keptAddress(req.ip, options.addresses) ?? null }
    const known = device === undefined ? undefined : await devices.signedIn(user.id, device, seen)
    await req.session.signIn(user.id, {
      role: user.role,
      device: known?.id,
      isNewDevice: known?.isNew || undefined,
      failedSignIns: more.failures || undefined,
      mustChangePassword: more.mustChange || undefined
    })
    await carts.mergeGuestCart(req.session)
    return known?.isNew === true
  }

  /** @throws HttpError 401 when the account was closed, or its password changed, at the same moment */
  async function beginIfCurrent(req: Request, found: Authenticated, device: string, failures: number): Promise<boolean> {
    const { user } = found
    const begun = await begin(req, user, device, { failures, mustChange: found.passwordDue !== null }).catch(async (error: unknown) => {
      // What is deleted meanwhile takes no new rows.
      if (await accounts.isStillCurrent(found)) throw error
      return undefined
    })
    if (begun !== undefined && (await accounts.isStillCurrent(found))) return begun
    if (Number(req.session.userId) === user.id) await req.session.signOut()
    note('login.failed', { userId: user.id, details: { reason: 'changed-meanwhile' } })
    throw new HttpError(401, 'Invalid credentials')
  }

  /** @throws HttpError 401 when the account is gone, or closed, since the sign-in */
  async function userOf(req: Request): Promise<User> {
    const user = await accounts.user(req.session.userId!)
    if (user) return user
    await req.session.signOut()
    throw new HttpError(401, 'Authentication required')
  }
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
