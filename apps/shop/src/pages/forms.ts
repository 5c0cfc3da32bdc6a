import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { safeReturnPath } from 'sessile/security'
import { type AnswerBody, type AnswerPage, type HttpError, wantsPage } from '../http.ts'
import type { Problem } from './page.ts'

/** A form on one of the pages. */
export interface Form {
  readonly method: 'POST' | 'PUT' | 'DELETE'
  readonly path: RegExp
  /** Where it stands: its errors are shown there. */
  readonly page: string
  /** Its name on that page; of several alike, with what tells them apart. */
  name(req: Request): string
  /** Where it leads when all went well. */
  leadsTo(req: Request): string
  /** What is said there; by default the answer's `message`. */
  said?(req: Request, body: AnswerBody): string | undefined
}

const last = (req: Request) => req.path.split('/').at(-1)!
const back = (req: Request) => safeReturnPath((req.body as { next?: unknown } | undefined)?.next)

const FORMS: readonly Form[] = [
  { method: 'POST', path: /^\/login$/, page: '/login', name: () => 'login', leadsTo: back, said: welcome },
  { method: 'POST', path: /^\/register$/, page: '/register', name: () => 'register', leadsTo: back },
  // The session that would carry a message is over.
  { method: 'POST', path: /^\/logout$/, page: '/', name: () => 'logout', leadsTo: () => '/?signed-out', said: () => undefined },
  { method: 'POST', path: /^\/cart\/add$/, page: '/', name: (req) => `add-${req.body?.productId}`, leadsTo: () => '/' },
  { method: 'PUT', path: /^\/cart\/update\/[^/]+$/, page: '/cart', name: (req) => `update-${last(req)}`, leadsTo: () => '/cart' },
  { method: 'DELETE', path: /^\/cart\/remove\/[^/]+$/, page: '/cart', name: (req) => `remove-${last(req)}`, leadsTo: () => '/cart' },
  { method: 'DELETE', path: /^\/cart$/, page: '/cart', name: () => 'clear', leadsTo: () => '/cart' },
  {
    method: 'POST',
    path: /^\/checkout$/,
    page: '/cart',
    name: () => 'checkout',
    leadsTo: (req) => (req.session.userId === undefined ? '/cart' : '/orders'),
    said: ordered
  },
  {
    method: 'DELETE',
    path: /^\/account\/sessions\/[^/]+$/,
    page: '/account',
    name: (req) => `device-${last(req)}`,
    leadsTo: () => '/account'
  },
  { method: 'POST', path: /^\/account\/sessions\/revoke-others$/, page: '/account', name: () => 'others', leadsTo: () => '/account' },
  { method: 'POST', path: /^\/account\/password$/, page: '/account', name: () => 'password', leadsTo: () => '/account' },
  { method: 'POST', path: /^\/account\/reauthenticate$/, page: '/account/confirm', name: () => 'confirm', leadsTo: back },
  {
    method: 'DELETE',
    path: /^\/admin\/sessions\/[^/]+$/,
    page: '/admin/dashboard/',
    name: (req) => `session-${last(req)}`,
    leadsTo: () => '/admin/dashboard/'
  }
]

/**
 * Makes requests that come from a page's form into those that the routers know: `_method` says PUT or DELETE, as HTML cannot.
 * What they answer leads to a page then, see `answer` and `errorHandler`.
 * @param show shows a page again, with what was wrong
 * @param more forms of other parts
 */
export function forms(
  show: (form: Form, problem: Problem, error: HttpError, req: Request, res: Response) => Promise<void>,
  more: readonly Form[] = []
): RequestHandler {
  const known = [...FORMS, ...more]
  return (req: Request, res: Response, next: NextFunction) => {
    if (req.method === 'GET' || req.method === 'HEAD' || !wantsPage(req)) return next()
    const body = (req.body ?? {}) as Record<string, unknown>
    if (req.method === 'POST' && req.is('urlencoded') && (body['_method'] === 'PUT' || body['_method'] === 'DELETE'))
      req.method = body['_method']
    const form = known.find(({ method, path }) => method === req.method && path.test(req.path))
    if (!form) return next()
    res.locals['form'] = form
    const answerPage: AnswerPage = async (answered) => {
      const said = form.said ? form.said(req, answered) : answered.message
      if (said !== undefined && req.session) req.session.flash = said
      res.redirect(303, form.leadsTo(req))
    }
    res.locals['page'] = answerPage
    res.locals['errorPage'] = (error: HttpError) => show(form, problemOf(form, req, error), error, req, res)
    next()
  }
}

function welcome(req: Request, body: AnswerBody): string {
  const failures = Number(req.res!.locals['failures'] ?? 0)
  if (failures === 0) return body.message
  return `${body.message}. ${failures === 1 ? 'One attempt' : `${failures} attempts`} to sign in to this account failed since the last time.`
}

function ordered(_req: Request, body: AnswerBody): string {
  const { id } = body['order'] as { id: number }
  return `${body.message}. Your order has the number ${id}.`
}

function problemOf(form: Form, req: Request, error: HttpError): Problem {
  const fields: Record<string, string> = {}
  const lines: Record<string, string> = {}
  for (const detail of error.details ?? []) {
    if (typeof detail['path'] === 'string') fields[detail['path']] ??= String(detail['message'])
    if ('available' in detail) lines[String(detail['productId'])] = `${String(detail['available'])} available`
    if ('priceCents' in detail) lines[String(detail['productId'])] = 'This is the new price'
  }
  const typed = Object.entries((req.body ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && !/password|^_method$/i.test(entry[0])
  )
  return { form: form.name(req), message: error.message, fields, lines, typed: Object.fromEntries(typed) }
}
