import { type Request, type RequestHandler, Router } from 'express'
import { deviceOf } from 'sessile/monitor'
import { z } from 'zod'
import { AUDIT_EVENTS } from '../audit-events.ts'
import { at, isoTime, parse } from '../http.ts'
import type { AuditLog } from './audit.ts'
import type { AuditRow } from './repository.ts'

const KINDS = new Set(Object.keys(AUDIT_EVENTS).flatMap((event) => [event, event.split('.')[0]!]))
/** What users see of their own. */
const OWN_KINDS = ['login', 'logout', 'step-up', 'device', 'account', 'admin.user', 'admin.appointed']

/** An empty field of a search form is one that was not filled in. */
const given = <T extends z.ZodType>(schema: T) => z.preprocess((value) => (value === '' ? undefined : value), schema.optional())
const whole = (least: number, most: number, message: string) =>
  z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.int().min(least, message).max(most, message))
const text = z
  .string()
  .max(256, 'Must be at most 256 characters long')
  .regex(/^[^\0]*$/, 'Must be text')
const time = z
  .string()
  .refine((value) => /^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(Date.parse(value)), 'Must be a date or a time, such as 2025-01-31')
  // A time without a zone is UTC here, wherever the server stands.
  .transform((value) => Date.parse(value.length > 10 && !/(Z|[+-]\d\d:?\d\d)$/i.test(value) ? `${value}Z` : value))

const paging = {
  cursor: given(whole(1, Number.MAX_SAFE_INTEGER, 'Must be a nextCursor')),
  limit: given(whole(1, 500, 'Must be a whole number from 1 to 500')).transform((limit) => limit ?? 50)
}
const searching = z.object({
  event: given(z.string().refine((event) => KINDS.has(event), 'Must be an event, or what several begin with')),
  userId: given(whole(1, Number.MAX_SAFE_INTEGER, 'Must be a user id: a whole number above 0')),
  sessionId: given(text),
  address: given(text),
  requestId: given(text),
  text: given(text),
  from: given(time),
  // A day is meant to its end.
  to: given(z.preprocess((value) => (typeof value === 'string' && /^.{10}$/.test(value) ? `${value}T23:59:59.999Z` : value), time)),
  ...paging
})
const own = z.object(paging)

/** The audit log: all of it for administrators, one's own part of it for users. */
export function auditRouter({
  audit,
  admin,
  signedIn
}: {
  readonly audit: AuditLog
  readonly admin: RequestHandler
  readonly signedIn: RequestHandler
}): Router {
  const router = Router()

  at(router, '/admin/audit', [admin], {
    get: async (req, res) => {
      const { events, nextCursor } = await searchAudit(audit, req)
      res.json({
        events: events.map(({ id, at, event, userId, byUserId, session, ...more }) => ({
          id,
          time: isoTime(at),
          event,
          userId,
          byUserId,
          sessionId: session,
          address: more.address,
          userAgent: more.userAgent,
          requestId: more.requestId,
          details: more.details
        })),
        nextCursor: nextCursor === undefined ? null : String(nextCursor)
      })
    }
  })

  at(router, '/account/activity', [signedIn], {
    get: async (req, res) => {
      const { events, nextCursor } = await ownActivity(audit, req)
      res.json({
        events: events.map(({ at, event, userAgent, address, details }) => ({
          time: isoTime(at),
          event,
          device: deviceOf(userAgent ?? undefined),
          address,
          details
        })),
        nextCursor: nextCursor === undefined ? null : String(nextCursor)
      })
    }
  })
  return router
}

/** What a request's query looks for. @throws HttpError 400 */
export function searchAudit(audit: AuditLog, req: Request): Promise<AuditPage> {
  const { sessionId, ...query } = parse(searching, req.query)
  return audit.search({ ...query, session: sessionId })
}

/** What happened to the account of who is signed in. @throws HttpError 400 */
export function ownActivity(audit: AuditLog, req: Request): Promise<AuditPage> {
  return audit.search({ ...parse(own, req.query), about: Number(req.session.userId), kinds: OWN_KINDS })
}

export interface AuditPage {
  readonly events: readonly AuditRow[]
  readonly nextCursor: number | undefined
}
