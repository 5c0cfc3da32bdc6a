import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { safeReturnPath } from 'sessile/security'
import { type AnswerBody, type AnswerPage, HttpError, wantsPage } from '../http.ts'
import type { Problem } from './page.ts'

/** A form on one of the pages. */
export interface Form {
  readonly method: 'POST' | 'PUT' | 'DELETE'
  readonly path: RegExp
  /** Where it stands: its errors are shown there. */
  readonly page: string | ((req: Request) => string)
  /** Its name on that page; of several alike, with what tells them apart. */
  name(req: Request): string
  /** Where it leads when all went well; by default to where it stands. */
  leadsTo?(req: Request): string
  /** What is said there; by default the answer's `message`. */
  said?(req: Request, body: AnswerBody): string | undefined
}

const last = (req: Request) => req.path.split('/').at(-1)!
const bodyOf = (req: Request) => (req.body ?? {}) as Readonly<Record<string, unknown>>
const back = (req: Request) => safeReturnPath(bodyOf(req)['next'])
/** The address that the form says it stands on. */
const from = (req: Request) => safeReturnPath(bodyOf(req)['from'])

const FORMS: readonly Form[] = [
  { method: 'POST', path: /^\/login$/, page: '/login', name: () => 'login', leadsTo: back, said: welcome },
  { method: 'POST', path: /^\/register$/, page: '/register', name: () => 'register', leadsTo: back },
  // The session that would carry a message is over.
  { method: 'POST', path: /^\/logout$/, page: '/', name: () => 'logout', leadsTo: () => '/?signed-out', said: () => undefined },
  {
    method: 'POST',
    path: /^\/cart\/add$/,
    page: (req) => (from(req).startsWith('/products/') ? '/products/:productId' : '/'),
    name: (req) => `add-${req.body?.productId}`,
    leadsTo: from
  },
  { method: 'PUT', path: /^\/cart\/update\/[^/]+$/, page: '/cart', name: (req) => `update-${last(req)}` },
  { method: 'DELETE', path: /^\/cart\/remove\/[^/]+$/, page: '/cart', name: (req) => `remove-${last(req)}` },
  { method: 'DELETE', path: /^\/cart$/, page: '/cart', name: () => 'clear' },
  {
    method: 'POST',
    path: /^\/checkout$/,
    page: '/cart',
    name: () => 'checkout',
    leadsTo: (req) => (req.session.userId === undefined ? String(req.res?.get('Content-Location')) : '/orders'),
    said: ordered
  },
  {
    method: 'POST',
    path: /^\/orders\/(by-link\/)?[^/]+\/cancel$/,
    page: (req) => req.path.replace(/\/cancel$/, ''),
    name: () => 'cancel'
  },
  { method: 'DELETE', path: /^\/account\/sessions\/[^/]+$/, page: '/account', name: (req) => `device-${last(req)}` },
  { method: 'POST', path: /^\/account\/sessions\/revoke-others$/, page: '/account', name: () => 'others' },
  { method: 'POST', path: /^\/account\/password$/, page: '/account', name: () => 'password' },
  { method: 'POST', path: /^\/account\/reauthenticate$/, page: '/account/confirm', name: () => 'confirm', leadsTo: back },
  { method: 'DELETE', path: /^\/admin\/sessions\/[^/]+$/, page: '/admin/dashboard/', name: (req) => `session-${last(req)}` },
  { method: 'PUT', path: /^\/admin\/products\/[^/]+$/, page: '/admin/products', name: (req) => `product-${last(req)}` }
]

/** What the forms need of the pages. */
export interface FormsOptions {
  /** Shows a page again, with what was wrong. */
  show(page: string, problem: Problem, error: HttpError, req: Request, res: Response): Promise<void>
  /** Tells one content of the cart from another. */
  revision(req: Request): Promise<{ readonly revision: string; readonly isEmpty: boolean }>
  /** Forms besides those above. */
  readonly more: readonly Form[]
}

/**
 * Makes requests that come from a page's form into those that the routers know: `_method` says PUT or DELETE, as HTML cannot.
 * What they answer leads to a page then, see `answer` and `errorHandler`.
 */
export function forms({ show, revision, more }: FormsOptions): RequestHandler {
  const known = [...FORMS, ...more]
  return async (req: Request, res: Response, next: NextFunction) => {
    if (req.method === 'GET' || req.method === 'HEAD' || !wantsPage(req)) return next()
    const body = bodyOf(req)
    if (req.method === 'POST' && req.is('urlencoded') && (body['_method'] === 'PUT' || body['_method'] === 'DELETE'))
      req.method = body['_method']
    const form = known.find(({ method, path }) => method === req.method && path.test(req.path))
    if (!form) return next()
    const page = typeof form.page === 'string' ? form.page : form.page(req)
    const stands = page.includes(':') ? from(req) : page
    res.locals['form'] = { page: stands }
    const answerPage: AnswerPage = async (answered) => {
      const said = form.said ? form.said(req, answered) : answered.message
      if (said !== undefined && req.session) req.session.flash = said
      res.redirect(303, form.leadsTo?.(req) ?? stands)
    }
    res.locals['page'] = answerPage
    res.locals['errorPage'] = (error: HttpError) => show(page, problemOf(form, req, error), error, req, res)

    const whose = whoseForm(req, stands)
    if (whose) return res.redirect(303, whose)
    if (typeof body['revision'] === 'string') {
      const now = await revision(req)
      // An empty one may have been ordered by this very form, a moment ago: its key tells.
      if (!now.isEmpty && now.revision !== body['revision']) return next(new HttpError(409, 'Your cart has changed meanwhile'))
    }
    next()
  }
}

/**
 * A form says whose page it stood on. When that session is over, what it asks for must not happen to a guest's cart, or to
 * that of somebody else who signed in since: one signs in and goes on where one was.
 * @returns where to go instead
 */
function whoseForm(req: Request, stands: string): string | undefined {
  const as = bodyOf(req)['as']
  if (as === undefined || as === String(req.session?.userId)) return undefined
  if (req.session?.userId !== undefined) {
    req.session.flash = 'You are signed in as somebody else by now. Nothing was changed.'
    return stands
  }
  const key = bodyOf(req)['idempotencyKey']
  const next = typeof key === 'string' ? `${stands}?key=${encodeURIComponent(key)}` : stands
  return `/login?ended&next=${encodeURIComponent(next)}`
}

/** The query of the page: its own, or, when it is shown again for a form, that of the address where the form stood. */
export function queryOf(req: Request): Readonly<Record<string, unknown>> {
  if (req.method === 'GET' || req.method === 'HEAD') return req.query
  return Object.fromEntries(new URL(from(req), 'http://shop').searchParams)
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
  const typed = Object.entries(bodyOf(req)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && !/password|^_method$/i.test(entry[0])
  )
  return { form: form.name(req), code: error.code, message: error.message, fields, lines, typed: Object.fromEntries(typed) }
}
