import { type Request, Router } from 'express'
import { answer, at, HttpError, isoTime } from '../http.ts'
import type { KnownDevice } from './known-devices.ts'
import type { AccountsOptions } from './options.ts'
import type { AccountsShared } from './own-account-router.ts'

/** A sign-in from a device that the account did not know, which nobody has answered for yet. */
export interface Notice {
  readonly device: KnownDevice
  /** Whether it is the device that asks: told once, and it cannot answer for itself. */
  readonly current: boolean
  /** Whether the device that asks may answer for this one. */
  readonly mayAnswer: boolean
}

/** What the user of a request should know. */
export async function noticesOf(devices: AccountsOptions['devices'], req: Request): Promise<Notice[]> {
  const { userId, device: own, isNewDevice } = req.session
  if (userId === undefined) return []
  const open = await devices.open(Number(userId))
  if (open.length === 0) return []
  const mayAnswer = await devices.mayAnswer(Number(userId), own)
  return open.map((device) => ({ device, current: device.id === own, mayAnswer })).filter(({ current }) => !current || isNewDevice === true)
}

/** New devices: hearing of them, "it was me" and "it wasn't me". */
export function noticesRouter(shared: AccountsShared): Router {
  const { accounts, devices, sessions, signedIn, fresh, userOf, note } = shared
  const router = Router()

  at(router, '/account/notices', [signedIn], {
    get: async (req, res) => {
      const notices = await noticesOf(devices, req)
      res.json({
        failedSignIns: req.session.failedSignIns ?? 0,
        newDevices: notices.map(({ device, current }) => ({
          deviceId: device.id,
          device: device.name,
          ip: device.address,
          time: isoTime(device.firstSeenAt),
          current
        }))
      })
    }
  })

  at(router, '/account/devices/:deviceId/confirm', [signedIn], {
    post: async (req, res) => {
      const device = await deviceOf(req)
      // A device answers for itself only to itself: whoever came by a password must not be able to hide that.
      if (device.id === req.session.device) delete req.session.isNewDevice
      else {
        await mustBeKnown(req)
        await devices.confirm(Number(req.session.userId), device.id)
        note('device.confirmed', { details: { device: device.id } })
      }
      await answer(req, res, { message: 'Thank you' })
    }
  })

  at(router, '/account/devices/:deviceId/disown', [signedIn], {
    post: [
      fresh,
      async (req, res) => {
        const user = await userOf(req)
        const device = await deviceOf(req)
        if (device.id === req.session.device) throw new HttpError(403, 'Another device required')
        await mustBeKnown(req)
        // The password first: who signs in with it from now on can do nothing but change it, and that only from a known device.
        await accounts.distrustPassword(user.id)
        await devices.disown(user.id, device.id, req.session.device)
        req.session.mustChangePassword = true
        delete req.session.isNewDevice
        await req.session.renew()
        const revoked = await sessions.revokeAll(user.id, { except: sessions.describe(req)!.handle })
        note('device.disowned', { details: { device: device.id, revoked } })
        await answer(req, res, { message: 'Everybody else is signed out. Choose a new password now', revoked })
      }
    ]
  })
  return router

  /** @throws HttpError 403 on a device that nobody has answered for yet */
  async function mustBeKnown(req: Request): Promise<void> {
    const { userId, device } = req.session
    if (!(await devices.mayAnswer(Number(userId), device))) throw new HttpError(403, 'Known device required')
  }

  async function deviceOf(req: Request): Promise<KnownDevice> {
    const id = String(req.params['deviceId'])
    const device = /^[1-9]\d{0,8}$/.test(id) ? await devices.find(Number(req.session.userId), Number(id)) : undefined
    if (device) return device
    throw new HttpError(404, 'Device not found')
  }
}
