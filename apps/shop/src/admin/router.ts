import { type Request, type RequestHandler, Router } from 'express'
import { isSessionError } from 'sessile'
import { z } from 'zod'
import { answer, at, HttpError, invalid, isoTime, parse } from '../http.ts'
import type { Sessions } from '../sessions.ts'
import type { Overview, SessionsPage } from './admin.ts'

const listing = z.object({
  userId: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'Must be a user id: a whole number above 0')
    .optional(),
  cursor: z.string().min(1, 'Must be a nextCursor').max(1_024, 'Must be a nextCursor').optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'Must be a whole number from 1 to 500')
    .default('50')
    .transform(Number)
    .pipe(z.int().min(1, 'Must be from 1 to 500').max(500, 'Must be from 1 to 500'))
})

/** What the administration needs of the rest of the shop. */
export interface AdminOptions {
  readonly overview: Overview
  readonly sessions: Sessions
  /** Who there is. */
  readonly accounts: {
    count(): Promise<number>
    user(id: number | string): Promise<object | undefined>
  }
  readonly admin: RequestHandler
  readonly fresh: RequestHandler
}

/** The counts and the sessions, for administrators alone. */
export function adminRouter({ overview, sessions, accounts, admin, fresh }: AdminOptions): Router {
  const router = Router()

  at(router, '/admin', [admin], {
    get: async (req: Request, res) => {
      const [user, totalUsers, { activeUsers, activeSessions }] = await Promise.all([
        accounts.user(req.session.userId!),
        accounts.count(),
        overview.count()
      ])
      res.json({ message: 'Admin panel access granted', user, adminData: { totalUsers, activeUsers, activeSessions } })
    }
  })

  at(router, '/admin/sessions', [admin], {
    get: async (req, res) => {
      const [page, { activeSessions }] = await Promise.all([pageOf(overview, parse(listing, req.query)), overview.count()])
      res.json({
        activeSessions,
        sessions: page.sessions.map(({ sessionId, userId, lastActivity, pages, duration }) => ({
          sessionId,
          userId: userId === undefined ? null : Number(userId),
          lastActivity: isoTime(lastActivity),
          pages,
          duration
        })),
        nextCursor: page.nextCursor ?? null
      })
    }
  })

  at(router, '/admin/sessions/:sessionId', [admin], {
    delete: [
      fresh,
      async (req, res) => {
        if (!(await sessions.revoke(String(req.params['sessionId'])))) throw new HttpError(404, 'Session not found')
        await answer(req, res, { message: 'Session revoked' })
      }
    ]
  })

  return router
}

async function pageOf(overview: Overview, asked: z.output<typeof listing>): Promise<SessionsPage> {
  try {
    return await overview.page(asked)
  } catch (error) {
    if (isSessionError(error) && error.code === 'bad-argument') throw invalid({ path: 'cursor', message: 'Must be a nextCursor' })
    throw error
  }
}
