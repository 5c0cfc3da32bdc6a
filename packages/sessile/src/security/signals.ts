import type { ServerResponse } from 'node:http'
import { parse } from 'bowser'
import { addressBucket } from '../core/addresses.ts'
import type { MaybePromise } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { resolveOptions } from '../core/options.ts'
import type { HttpRequest, Middleware, SignalsOptions } from './options.ts'

/** From where a session is used, so coarsely that it seldom changes by itself. */
export interface Signals {
  /** Kind of browser and system, without versions: `Chrome on Linux`. */
  readonly agent: string
  /** The network of the address: IPv4 /24, IPv6 /48. */
  readonly network: string
}

/** A signed-in session was used from somewhere else than before. */
export interface SignalChange {
  readonly handle: string
  readonly userId: string
  readonly changed: readonly (keyof Signals)[]
  readonly before: Signals
  readonly now: Signals
}

/**
 * What follows from a change: `log` lets it pass, and what is seen now counts from here on; `step-up` has `requireFresh` refuse
 * until the user confirms who he is; `end` ends the session, and the request goes on as a visitor's.
 */
export type SignalVerdict = 'log' | 'step-up' | 'end'

/** What is kept in the session, as its attribute `signals`. */
interface Kept extends Signals {
  /** The sign-in (or confirmation) that these were seen at, epoch ms: whoever signs in anew begins anew. */
  readonly of?: number | undefined
  /** Since when a confirmation is asked for, epoch ms. */
  readonly stepUpAt?: number
  /** What it was asked of, so that the policy is asked once. */
  readonly stepUpBy?: string
}

type SessionLike = Record<string, unknown> & { regenerate(): Promise<void> }

const FAMILIES_KEPT = 1000
const families = new Map<string, string>()

/** The kind of browser and system in a User-Agent; the same for all versions of both. */
export function agentFamily(userAgent: string | undefined): string {
  const text = (userAgent ?? '').slice(0, 500)
  const known = families.get(text)
  if (known !== undefined) return known
  const { browser, os, platform } = text === '' ? { browser: {}, os: {}, platform: {} } : parse(text)
  // programs that bowser does not know: the word before the version
  const name = browser.name || /^[\w.-]+/.exec(text)?.[0] || 'unknown'
  const family = `${name} on ${os.name || platform.type || 'unknown'}`
  if (families.size >= FAMILIES_KEPT) families.clear()
  families.set(text, family)
  return family
}

/** Ends a session whose browser has become another one, which no browser does; asks who moved to another network to confirm. */
export function strictSignals({ changed }: SignalChange): SignalVerdict {
  return changed.includes('agent') ? 'end' : 'step-up'
}

/** Whether a change asks the user to confirm who he is, and he has not yet. */
export function needsStepUp(attributes: Readonly<Record<string, unknown>> | undefined, signedInAt: number | undefined): boolean {
  const { stepUpAt } = (attributes?.['signals'] ?? {}) as Partial<Kept>
  return typeof stepUpAt === 'number' && (signedInAt === undefined || signedInAt < stepUpAt)
}

function seen(req: HttpRequest, options: { ipv4Prefix: number; ipv6Prefix: number }): Signals {
  const address = (req as { ip?: string }).ip ?? req.socket?.remoteAddress
  return { agent: agentFamily(req.headers['user-agent']), network: addressBucket(address, options.ipv6Prefix, options.ipv4Prefix) }
}

/** `signals()`'s middleware, which can also be told that somebody has just signed in. */
export interface SignalsMiddleware<Req extends HttpRequest, Res extends ServerResponse> extends Middleware<Req, Res> {
  /** Notes from where a sign-in came; called after `signIn`, else the session's next request is what counts. */
  note(req: Req): void
}

/**
 * Notices when a signed-in session is used by another kind of browser or from another network than it was signed in from,
 * as a stolen cookie is, and does what the policy says. What it compares with is kept in the session.
 * @throws SessionError `bad-option`
 */
export function signals<Req extends HttpRequest = HttpRequest, Res extends ServerResponse = ServerResponse>(
  given: SignalsOptions<Req>
): SignalsMiddleware<Req, Res> {
  const defaults = { ipv4Prefix: 24, ipv6Prefix: 48 }
  type Known = SignalsOptions<Req> & typeof defaults
  const options = resolveOptions<Known>('signals', defaults as Known, given as Partial<Known>, [
    ...Object.keys(defaults),
    'sessions',
    'policy'
  ])
  const { sessions, policy } = options
  if (!sessions) throw new SessionError('bad-option', 'signals needs sessions, the manager that session() returned.')
  if (typeof policy !== 'function')
    throw new SessionError('bad-option', 'signals needs a policy: a function that says log, step-up or end.')

  const keep = (req: Req, kept: Kept): void => {
    ;(req.session as SessionLike)['signals'] = kept
  }
  const note = (req: Req): void => {
    const info = sessions.describe(req)
    if (info?.userId !== undefined) keep(req, { ...seen(req, options), of: info.signedInAt })
  }
  const look = async (req: Req): Promise<void> => {
    const info = sessions.describe(req)
    if (info?.userId === undefined) return
    const current = seen(req, options)
    const before = (info.attributes['signals'] ?? undefined) as Kept | undefined
    if (!before || before.of !== info.signedInAt) return keep(req, { ...current, of: info.signedInAt })
    const changed = (['agent', 'network'] as const).filter((name) => before[name] !== current[name])
    if (changed.length === 0) return
    const { agent, network } = before
    const by = `${current.agent} ${current.network}`
    if (needsStepUp(info.attributes, info.signedInAt) && before.stepUpBy === by) return
    const verdict: MaybePromise<SignalVerdict> = policy(
      { handle: info.handle, userId: info.userId, changed, before: { agent, network }, now: current },
      req
    )
    const decided = await verdict
    if (decided === 'end') await (req.session as SessionLike).regenerate()
    else if (decided === 'step-up') {
      // what it was signed in from stays what counts, so that going back there asks no second time
      keep(req, { ...before, stepUpAt: now(), stepUpBy: by })
    } else keep(req, { ...before, ...current })
  }
  const middleware: Middleware<Req, Res> = (req, _res, next) => {
    look(req).then(() => next(), next)
  }
  return Object.assign(middleware, { note })
}
