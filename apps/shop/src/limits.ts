import type { Request, RequestHandler } from 'express'
import { isLoopback } from './config.ts'
import { HttpError } from './http.ts'
import { keptAddress } from './places.ts'

/** So many requests in so long a time, of one visitor. */
export interface Limit {
  readonly method: string
  readonly path: RegExp
  readonly most: number
}

const WINDOW_MINUTES = 15
const WINDOW_MS = WINDOW_MINUTES * 60_000
/** Addresses, or users, that are counted at once; past it those counted longest ago are forgotten. */
const MAX_COUNTED = 100_000

/** No person does so much; whoever hammers does. Passwords have a limit of their own, which holds over all processes. */
export const LIMITS: readonly Limit[] = [
  { method: 'POST', path: /^\/register$/, most: 60 },
  { method: 'POST', path: /^\/checkout$/, most: 120 },
  { method: 'POST', path: /^\/cart\/add$/, most: 1_500 },
  { method: 'PUT', path: /^\/cart\/update\//, most: 1_500 }
]

/** The limits in words, for the policy. */
export function limitsInWords(): Record<string, string> {
  return Object.fromEntries(
    LIMITS.map(({ method, path, most }) => [
      `${method} ${path.source.replaceAll(/[\^$\\]/g, '')}`,
      `${most} in ${WINDOW_MINUTES} minutes, of one address and of one user`
    ])
  )
}

/**
 * Slows down programs that register, fill carts or order: each limit counts by address (IPv6 by /48) and, where somebody is signed in,
 * by user. Counted in this process alone. A loopback address is a proxy that is not trusted, or the machine's own owner: not counted,
 * for that would count everybody together.
 */
export function antiAutomation(limits: readonly Limit[] = LIMITS): RequestHandler {
  const counters = limits.map(() => new Map<string, { count: number; readonly until: number }>())

  function countOf(counter: (typeof counters)[number], key: string): { count: number; readonly until: number } {
    const now = Date.now()
    let entry = counter.get(key)
    if (entry === undefined || entry.until <= now) {
      counter.delete(key)
      if (counter.size >= MAX_COUNTED) counter.delete(counter.keys().next().value!)
      counter.set(key, (entry = { count: 0, until: now + WINDOW_MS }))
    }
    return entry
  }

  return (req, _res, next) => {
    const i = limits.findIndex(({ method, path }) => method === req.method && path.test(req.path))
    if (i < 0) return next()
    for (const key of visitorsOf(req)) {
      const entry = countOf(counters[i]!, key)
      if (entry.count < limits[i]!.most) entry.count++
      else {
        const seconds = String(Math.max(1, Math.ceil((entry.until - Date.now()) / 1000)))
        return next(
          new HttpError(429, 'Too many requests, please try again later', {
            code: 'too-many-requests',
            headers: { 'Retry-After': seconds }
          })
        )
      }
    }
    next()
  }
}

function visitorsOf(req: Request): string[] {
  const address = keptAddress(req.ip, 'full')
  if (address === undefined || isLoopback(address)) return []
  const { userId } = req.session ?? {}
  const place = address.includes(':') ? keptAddress(address, 'network')! : address
  return userId === undefined ? [`from ${place}`] : [`from ${place}`, `user ${userId}`]
}
