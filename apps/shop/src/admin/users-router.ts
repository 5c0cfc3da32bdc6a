import { type Request, type RequestHandler, Router } from 'express'
import { z } from 'zod'
import type { AuditEvent, Note } from '../audit-events.ts'
import { answer, at, HttpError, isoTime, parse } from '../http.ts'
import type { Sessions } from '../sessions.ts'

/** A user as administrators see it. */
export interface ListedUser {
  readonly id: number
  readonly username: string
  readonly email: string
  readonly role: string
  readonly createdAt: number
  readonly disabledAt: number | null
  readonly passwordDue: string | null
}

type Changed = 'changed' | 'unchanged' | 'unknown' | 'last-admin'

/** What the administration of users needs of the accounts. */
export interface Users {
  page(asked: { search?: string | undefined; cursor?: number | undefined; limit: number }): Promise<{
    readonly users: readonly ListedUser[]
    readonly nextCursor: number | undefined
  }>
  disable(id: number): Promise<Changed>
  enable(id: number): Promise<Changed>
  setRole(id: number, role: 'user' | 'admin'): Promise<Changed>
}

/** What the administration of users needs of the rest of the shop. */
export interface UsersOptions {
  readonly users: Users
  readonly sessions: Sessions
  /** Forgets the failed sign-ins of a user. */
  readonly forgive: (userId: number) => Promise<void>
  readonly note: Note
  readonly admin: RequestHandler
  readonly fresh: RequestHandler
}

const whole = (most: number, message: string) =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, message)
    .transform(Number)
    .pipe(z.int().max(most, message))
const blank = (value: unknown) => (value === '' ? undefined : value)

const listing = z.object({
  search: z.preprocess(
    blank,
    z
      .string()
      .max(254, 'Must be at most 254 characters long')
      .regex(/^[^\0]*$/, 'Must be text')
      .optional()
  ),
  cursor: whole(999_999_999, 'Must be a nextCursor').optional(),
  limit: whole(500, 'Must be a whole number from 1 to 500').default(50)
})

/** Everybody's accounts, and everybody's sessions, for administrators alone. */
export function usersRouter({ users, sessions, forgive, note, admin, fresh }: UsersOptions): Router {
  const router = Router()

  at(router, '/admin/users', [admin], {
    get: async (req, res) => {
      const { users: rows, nextCursor } = await usersPage({ users, sessions }, req)
      res.json({
        users: rows.map(({ id, username, email, role, createdAt, disabledAt, passwordDue, activeSessions }) => ({
          id,
          username,
          email,
          role,
          createdAt: isoTime(createdAt),
          disabledAt: isoTime(disabledAt ?? undefined),
          passwordDue: passwordDue !== null,
          activeSessions
        })),
        nextCursor: nextCursor === undefined ? null : String(nextCursor)
      })
    }
  })

  action('disable', 'admin.user-disabled', 'User disabled', (id) => users.disable(id), true)
  action('enable', 'admin.user-enabled', 'User enabled', async (id) => {
    await forgive(id)
    return users.enable(id)
  })
  action('promote', 'admin.user-promoted', 'User promoted', (id) => users.setRole(id, 'admin'))
  action('demote', 'admin.user-demoted', 'User demoted', (id) => users.setRole(id, 'user'), true)

  at(router, '/admin/users/:id/sign-out', [admin], {
    post: [
      fresh,
      async (req, res) => {
        const userId = idOf(req)
        const revoked = await sessions.revokeAll(userId, exceptOwn(req, userId))
        note('admin.user-signed-out', { userId, details: { revoked } })
        await answer(req, res, { message: 'User signed out', revoked })
      }
    ]
  })

  at(router, '/admin/sessions/revoke-others', [admin], {
    post: [
      fresh,
      async (req, res) => {
        const revoked = await endAllBut(sessions.describe(req)!.handle)
        note('admin.everybody-signed-out', { details: { revoked } })
        await answer(req, res, { message: 'Other sessions revoked', revoked })
      }
    ]
  })
  return router

  /** `POST /admin/users/:id/<word>` */
  function action(word: string, event: AuditEvent, message: string, change: (id: number) => Promise<Changed>, endsSessions = false): void {
    at(router, `/admin/users/:id/${word}`, [admin], {
      post: [
        fresh,
        async (req, res) => {
          const userId = idOf(req)
          const changed = await change(userId)
          if (changed === 'unknown') throw new HttpError(404, 'User not found')
          if (changed === 'last-admin') throw new HttpError(409, 'Last administrator')
          if (changed === 'changed') note(event, { userId })
          // Also where it was done before: perhaps the store failed then, and this is the second try.
          const revoked = endsSessions ? await sessions.revokeAll(userId) : undefined
          await answer(req, res, { message, ...(revoked !== undefined && { revoked }) })
        }
      ]
    })
  }

  /** Who signs himself out everywhere stays where he is. */
  function exceptOwn(req: Request, userId: number): { except?: string } {
    const own = sessions.describe(req)!
    return own.userId === String(userId) ? { except: own.handle } : {}
  }

  async function endAllBut(own: string): Promise<number> {
    let revoked = 0
    for (let cursor: string | undefined; ;) {
      const page = await sessions.scan({ limit: 500, ...(cursor !== undefined && { cursor }) })
      const ended = await Promise.all(page.sessions.map(({ handle }) => handle !== own && sessions.revoke(handle)))
      revoked += ended.filter(Boolean).length
      if (page.cursor === undefined) return revoked
      cursor = page.cursor
    }
  }
}

export interface UsersPage {
  readonly users: readonly (ListedUser & { readonly activeSessions: number })[]
  readonly nextCursor: number | undefined
}

/** The users that a request's query asks for. @throws HttpError 400 */
export async function usersPage({ users, sessions }: Pick<UsersOptions, 'users' | 'sessions'>, req: Request): Promise<UsersPage> {
  const page = await users.page(parse(listing, req.query))
  const counted = page.users.map(async (user) => ({ ...user, activeSessions: (await sessions.of(user.id)).length }))
  return { users: await Promise.all(counted), nextCursor: page.nextCursor }
}

/** @throws HttpError 404 for what cannot be one */
function idOf(req: Request): number {
  const id = String(req.params['id'])
  if (/^[1-9]\d{0,8}$/.test(id)) return Number(id)
  throw new HttpError(404, 'User not found')
}
