import { Router } from 'express'
import type { ActivityTracker } from 'sessile/monitor'
import { at, cookieJson, isoTime } from '../http.ts'
import type { Sessions } from '../sessions.ts'

/** What a session tells of itself: the counter of views, and what was noted of its requests. */
export function monitoringRouter({ sessions, seen }: { readonly sessions: Sessions; readonly seen: ActivityTracker }): Router {
  const router = Router()

  at(router, '/', {
    get: async (req, res) => {
      const views = await req.session.update((draft) => {
        const counted = Number(draft['views'] ?? 0) + 1
        draft['views'] = counted
        return counted
      })
      res.json({ message: 'Session demo', views, sessionId: sessions.describe(req)?.handle ?? null })
    }
  })

  at(router, '/session-info', {
    get: async (req, res) => {
      const session = sessions.describe(req)
      const sighting = session && (await seen.of(session.handle))
      res.json({
        sessionId: session?.handle ?? null,
        sessionData: session
          ? {
              userId: req.session.userId ?? null,
              lastActivity: isoTime(sighting?.lastActivity ?? Date.now()),
              userAgent: sighting?.userAgent ?? null,
              ip: sighting?.ip ?? null,
              pages: sighting?.pages ?? 1
            }
          : null,
        cookie: cookieJson(req.session.cookie),
        isAuthenticated: session?.userId !== undefined
      })
    }
  })

  return router
}
