import type { IRouter, NextFunction, Request, RequestHandler, Response } from 'express'
import type { z } from 'zod'

/** A field at fault, or a line of the cart that is. */
export type Details = readonly Readonly<Record<string, unknown>>[]

interface More {
  /** By default the text as a word. */
  readonly code?: string
  readonly details?: Details
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** An answer that is not the one asked for: `{ error, code, details? }`, or the same on a page. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly details: Details | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, text: string, more: More = {}) {
    super(text, { cause: more.cause })
    this.name = 'HttpError'
    this.status = status
    this.code = more.code ?? wordOf(text)
    this.details = more.details
    this.headers = more.headers ?? {}
  }

  toJSON(): { error: string; code: string; details?: Details } {
    return { error: this.message, code: this.code, ...(this.details && { details: this.details }) }
  }
}

/** `Quantity must be positive` -> `quantity-must-be-positive`: texts and codes are promised alike, so one is made of the other. */
function wordOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}

/**
 * Reads a body, query or the like by a schema.
 * @param value a missing one (`req.body` of a POST without body) counts as `{}`
 * @throws HttpError 400 `Invalid request` with `details: [{ path, message }]`
 */
export function parse<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value ?? {}, { error: wordsFor })
  if (result.success) return result.data
  throw invalid(...result.error.issues.map((issue) => ({ path: fieldOf(issue), message: issue.message })))
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  object: 'an object',
  array: 'a list',
  boolean: 'true or false'
}

/** For people, where a schema has no words of its own; `undefined` leaves it to zod. */
function wordsFor(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined
  return issue.input === undefined ? 'Is missing' : `Must be ${KINDS[issue.expected] ?? issue.expected}`
}

/** 400 `Invalid request` for what a schema cannot tell. */
export function invalid(...details: { path: string; message: string }[]): HttpError {
  return new HttpError(400, 'Invalid request', { details })
}

function fieldOf(issue: z.core.$ZodIssue): string {
  return issue.path.length > 0 ? issue.path.join('.') : 'body'
}

type Method = 'get' | 'post' | 'put' | 'delete'

/**
 * Puts the handlers of one path on a router, its guards before them whatever the method. A method that no router has
 * under the path ends at `notFound` as a 405.
 * @example at(router, '/cart', { get: show, delete: clear })
 * @example at(router, '/profile', [requireUser()], { get: profile })
 */
export function at(router: IRouter, path: string, ...rest: [Handlers] | [RequestHandler[], Handlers]): void {
  const [guards, handlers] = rest.length === 1 ? [[], rest[0]] : rest
  const route = router.route(path)
  const methods = Object.keys(handlers) as Method[]
  route.all(
    (_req, res, next) => {
      const allow: Set<string> = (res.locals['allow'] ??= new Set<string>())
      for (const method of methods) allow.add(method.toUpperCase())
      if (methods.includes('get')) allow.add('HEAD')
      next()
    },
    ...guards
  )
  for (const method of methods) route[method](...[handlers[method]!].flat())
}

type Handlers = { readonly [method in Method]?: RequestHandler | RequestHandler[] }

/** The end of the line: 404, or 405 with `Allow` where the path is known. */
export function notFound(_req: Request, res: Response, next: NextFunction): void {
  const allow = res.locals['allow'] as Set<string> | undefined
  if (!allow) return next(new HttpError(404, 'Not found'))
  next(new HttpError(405, 'Method not allowed', { headers: { Allow: [...allow].sort().join(', ') } }))
}

/**
 * Whether a page is wanted: `Accept` prefers HTML, or there is nothing but a page under the address. Absent, or with
 * everything welcome, it is JSON.
 */
export function wantsPage(req: Request): boolean {
  return req.res?.locals['pageOnly'] === true || req.accepts(['json', 'html']) === 'html'
}

/**
 * Answers a request that changed something: with JSON, or, where it came from a form on a page, with a 303 to where
 * that form leads and `message` as the flash on it. Every handler of POST, PUT and DELETE ends with it.
 */
export async function answer(_req: Request, res: Response, body: AnswerBody, status = 200): Promise<void> {
  const page = res.locals['page'] as AnswerPage | undefined
  if (page) return page(body)
  res.status(status).json(body)
}

export interface AnswerBody {
  readonly message: string
  readonly [field: string]: unknown
}

/** Set by the pages on requests that came from one; see `answer`. */
export type AnswerPage = (body: AnswerBody) => Promise<void>

/** A time in JSON: ISO 8601 in UTC; `null` where there is none, or never will be. */
export function isoTime(at: number | undefined): string | null {
  return at === undefined || !Number.isFinite(at) ? null : new Date(at).toISOString()
}

/** A cookie's settings as JSON shows them: never its value. */
export function cookieJson(cookie: CookieSettings): Record<string, unknown> {
  const { originalMaxAge, expires, httpOnly = false, secure = false, sameSite = false, path = '/' } = cookie
  return { originalMaxAge, expires: expires instanceof Date ? expires.toISOString() : (expires ?? null), httpOnly, secure, sameSite, path }
}

interface CookieSettings {
  readonly originalMaxAge: number | null
  readonly expires?: unknown
  readonly httpOnly?: boolean | undefined
  readonly secure?: unknown
  readonly sameSite?: unknown
  readonly path?: string | undefined
}
