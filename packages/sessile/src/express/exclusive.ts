import { Leases } from '../core/leases.ts'
import { milliseconds, type Duration } from '../core/options.ts'
import { ownerOf, type Context } from './context.ts'
import type { RequestSession } from './request-session.ts'
import type { Next, SessionRequest, SessionResponse } from './types.ts'

export interface ExclusiveOptions {
  /** How long a process that died while it held the turn keeps others waiting; longer than any request takes. Default: 30 s. */
  lease?: Duration
  /** How long a request waits for its turn, then it gets a 503. Default: 10 s. */
  wait?: Duration
}

export type Exclusive = (req: object, res: object, next: (error?: unknown) => void) => void

/**
 * A route middleware that lets one request at a time have a session, on all processes: code that reads `req.session`, waits and
 * writes is right as it stands. The session is what the one before left. A request without a stored session goes on at once,
 * for nobody else has it.
 */
export function exclusiveOf(context: Context, { lease = '30s', wait = '10s' }: ExclusiveOptions = {}): Exclusive {
  const leases = new Leases(context.records, { leaseMs: milliseconds('lease', lease), waitMs: milliseconds('wait', wait) })
  return (req, res, next) => {
    const of = ownerOf<RequestSession>(req as SessionRequest)
    if (!of?.loaded || !of.current()) return next()
    void waitForTurn(leases, of, res as SessionResponse, next)
  }
}

async function waitForTurn(leases: Leases, of: RequestSession, res: SessionResponse, next: Next): Promise<void> {
  let release: (() => Promise<void>) | undefined
  try {
    const lease = await leases.take(of.loaded!.key)
    if (lease !== 'gone') {
      release = lease.release
      // after the answer, which leaves when the session is stored; or when the client went away
      const once = () => void release!()
      if (res.closed) once()
      else res.once('close', once)
      of.adopt(lease.loaded)
    } else of.startAnew()
  } catch (error) {
    return next(error)
  }
  next()
}
