import { Router } from 'express'
import { answer, at, HttpError, isoTime } from '../http.ts'
import { devicesOf } from './devices.ts'
import type { AccountsOptions } from './options.ts'

/** One's own sessions: where one is signed in, and signing out there. */
export function devicesRouter(options: Pick<AccountsOptions, 'sessions' | 'seen' | 'signedIn' | 'fresh'>): Router {
  const { sessions, signedIn, fresh } = options
  const router = Router()

  at(router, '/account/sessions', [signedIn], {
    get: async (req, res) => {
      const devices = await devicesOf(options, sessions.describe(req)!)
      res.json({
        sessions: devices.map(({ handle, createdAt, lastActivity, current, userAgent, device, ip }) => ({
          sessionId: handle,
          current,
          createdAt: isoTime(createdAt),
          lastActivity: isoTime(lastActivity),
          userAgent,
          device,
          ip
        }))
      })
    }
  })

  at(router, '/account/sessions/revoke-others', [signedIn], {
    post: [
      fresh,
      async (req, res) => {
        const current = sessions.describe(req)!
        const revoked = await sessions.revokeAll(current.userId!, { except: current.handle })
        await answer(req, res, { message: 'Other sessions revoked', revoked })
      }
    ]
  })

  at(router, '/account/sessions/:sessionId', [signedIn], {
    delete: [
      fresh,
      async (req, res) => {
        const handle = String(req.params['sessionId'])
        const session = await sessions.get(handle)
        // Somebody else's is answered like one that is not there: otherwise handles could be tried out.
        if (session?.userId !== String(req.session.userId) || !(await sessions.revoke(handle))) {
          throw new HttpError(404, 'Session not found')
        }
        await answer(req, res, { message: 'Session revoked' })
      }
    ]
  })
  return router
}
