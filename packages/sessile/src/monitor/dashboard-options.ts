import { hostname } from 'node:os'
import type { MaybePromise } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { milliseconds, resolveOptions, type Duration } from '../core/options.ts'
import type { SessionManager } from '../express/manager.ts'
import type { HttpRequest } from './options.ts'
import type { Watching } from './session-list.ts'

/** What the dashboard needs of the manager that `session()` returned. */
export type DashboardSessions = Pick<
  SessionManager,
  'backend' | 'describe' | 'of' | 'get' | 'revoke' | 'revokeAll' | 'extend' | 'askToConfirm' | 'scan' | 'on' | 'ready'
>

/** What an administrator did by the dashboard. */
export interface DashboardAudit {
  /** Epoch ms. */
  readonly at: number
  readonly action: 'end' | 'extend' | 'ask-to-confirm' | 'end-user' | 'end-others' | 'end-everybody'
  /** How many sessions were ended. */
  readonly ended: number
  /** The handle of the session that was ended, extended, or asked to confirm. */
  readonly handle?: string
  /** The user whose sessions were ended. */
  readonly userId?: string
  /** Who did it, by which session. */
  readonly by?: string
  readonly session: string | undefined
}

/** What `dashboard` takes. */
export interface DashboardOptions<Req extends HttpRequest = HttpRequest> {
  /** Who may look: anything but `true` is a refusal, and so is an error. */
  authorize: (req: Req) => MaybePromise<boolean>
  /** What `activity()` gave. Default: sessions are listed as the store has them, without charts and events. */
  activity?: Watching
  /** Whoever ends sessions must have signed in, or confirmed it, no longer ago. */
  freshFor?: Duration
  /** Says it in place of `freshFor`. */
  fresh?: (req: Req) => MaybePromise<boolean>
  /** How much longer from now a session lives that is extended; never past its absolute end. */
  extendBy?: Duration
  /** Where one confirms who one is, for the page to link to. */
  confirmPath?: string
  /** Where the app is, for a link back to it in the page's header. */
  appPath?: string
  /** Attributes of sessions whose values are shown; of all others the name and the kind are. */
  show?: readonly string[]
  /** Told of each action, for a log of your own. It is among the events as well. */
  audit?: (entry: DashboardAudit) => void
  /** Who looks. Default: the user of the request's session. */
  viewerOf?: (req: Req) => string | undefined
  /** The page's title. */
  title?: string
  /** Pages that are open at once, of this process. */
  maxClients?: number
  /** What this process is called. Default: the host's name. */
  node?: string
}

/** The defaults of `dashboard`. */
export const DASHBOARD_DEFAULTS = {
  freshFor: '15m',
  extendBy: '1h',
  title: 'Sessions',
  maxClients: 50
} as const satisfies Partial<DashboardOptions>

/** `DashboardOptions`, checked. */
export interface ResolvedDashboard {
  readonly sessions: DashboardSessions
  readonly activity: Watching | undefined
  readonly authorize: (req: HttpRequest) => MaybePromise<boolean>
  readonly fresh: (req: HttpRequest) => MaybePromise<boolean>
  readonly viewerOf: (req: HttpRequest) => string | undefined
  readonly extendByMs: number
  readonly confirmPath: string | undefined
  readonly appPath: string | undefined
  readonly show: ReadonlySet<string>
  readonly audit: ((entry: DashboardAudit) => void) | undefined
  readonly title: string
  readonly maxClients: number
  readonly node: string
}

/** @throws SessionError `bad-option` */
export function resolveDashboard<Req extends HttpRequest>(sessions: DashboardSessions, given: DashboardOptions<Req>): ResolvedDashboard {
  const known = [
    ...Object.keys(DASHBOARD_DEFAULTS),
    'authorize',
    'activity',
    'fresh',
    'confirmPath',
    'appPath',
    'show',
    'audit',
    'viewerOf',
    'node'
  ]
  type Known = DashboardOptions & { freshFor: Duration; extendBy: Duration; title: string; maxClients: number }
  const options = resolveOptions<Known>('dashboard', DASHBOARD_DEFAULTS as unknown as Known, given as unknown as Known, known)
  if (typeof sessions?.describe !== 'function') throw new SessionError('bad-option', 'dashboard needs the manager that session() returned.')
  if (typeof options.authorize !== 'function') {
    throw new SessionError(
      'bad-option',
      'dashboard needs authorize, which says who may look: it shows who is signed in and can end sessions.'
    )
  }
  const freshMs = milliseconds('freshFor', options.freshFor)
  const isFresh = (req: HttpRequest): boolean => {
    const { signedInAt, mustConfirm } = sessions.describe(req) ?? {}
    return signedInAt !== undefined && mustConfirm !== true && now() - signedInAt <= freshMs
  }
  return Object.freeze({
    sessions,
    activity: options.activity,
    authorize: options.authorize,
    fresh: options.fresh ?? isFresh,
    viewerOf: options.viewerOf ?? ((req: HttpRequest) => sessions.describe(req)?.userId),
    extendByMs: milliseconds('extendBy', options.extendBy),
    confirmPath: options.confirmPath,
    appPath: options.appPath,
    show: new Set(options.show ?? []),
    audit: options.audit,
    title: options.title,
    maxClients: options.maxClients,
    node: options.node ?? hostname()
  })
}
