import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { Request, RequestHandler } from 'express'

const requests = new AsyncLocalStorage<Request>()
const ids = new WeakMap<Request, string>()

/** In front of everything: whatever a request sets going knows from then on which request it was, and the client is told its number. */
export const requestContext: RequestHandler = (req, res, next) => {
  res.setHeader('X-Request-Id', requestIdOf(req))
  requests.run(req, next)
}

/** The request that the running code was set going by; `undefined` for what the shop does by itself. */
export function currentRequest(): Request | undefined {
  return requests.getStore()
}

/** The request's number: ours, never the client's, who could write another's there. */
export function requestIdOf(req: Request): string {
  let id = ids.get(req)
  if (id === undefined) ids.set(req, (id = randomUUID()))
  return id
}
