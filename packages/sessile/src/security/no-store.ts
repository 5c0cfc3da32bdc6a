import type { ServerResponse } from 'node:http'
import type { Middleware } from './options.ts'

/** Adds to the `Vary` of a response, once. */
function vary(res: ServerResponse, name: string): void {
  const present = [res.getHeader('Vary') ?? []].flat().join(', ')
  const names = present.split(/\s*,\s*/).filter(Boolean)
  if (names.some((one) => one === '*' || one.toLowerCase() === name.toLowerCase())) return
  res.setHeader('Vary', [...names, name].join(', '))
}

/** Marks a response as one person's: no cache keeps it, and none takes it for an answer to somebody else. */
export function markPrivate(res: ServerResponse): void {
  res.setHeader('Cache-Control', 'no-store')
  vary(res, 'Cookie')
}

/** `Cache-Control: no-store` and `Vary: Cookie`, for routes whose answers carry what is in a session. */
export function noStore(): Middleware {
  return (_req, res, next) => {
    markPrivate(res)
    next()
  }
}
