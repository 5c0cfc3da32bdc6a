import type { Request, RequestHandler } from 'express'
import { safeReturnPath } from 'sessile/security'
import { deviceOf } from 'sessile/monitor'
import type { KnownDevices } from '../accounts/known-devices.ts'
import { noticesOf } from '../accounts/notices-router.ts'
import type { User } from '../accounts/accounts.ts'
import { type UsersOptions, usersPage } from '../admin/users-router.ts'
import type { AuditLog } from '../audit/audit.ts'
import { ownActivity, searchAudit } from '../audit/router.ts'
import { AUDIT_EVENTS, type AuditEvent } from '../audit-events.ts'
import type { Form } from './forms.ts'
import type { Page } from './page.ts'
import type { ShownNotice } from './views.ts'

/** The pages of accounts and administration, with their forms, and what users are told on every page. */
export interface PeoplePages {
  readonly pages: readonly PeoplePage[]
  readonly forms: readonly Form[]
  readonly notices: (req: Request) => Promise<readonly ShownNotice[]>
}

export interface PeoplePage {
  readonly path: string
  readonly page: Page
  readonly guards: readonly RequestHandler[]
  /** Whether there is JSON under the same address, for whoever prefers it. */
  readonly isShared?: boolean
}

/** What these pages show, from wherever it is. */
export interface PeopleOptions extends Pick<UsersOptions, 'users' | 'sessions'> {
  readonly accounts: { user(id: number | string): Promise<User | undefined> }
  readonly knownDevices: KnownDevices
  readonly audit: AuditLog
  readonly signedIn: RequestHandler
  readonly admin: RequestHandler
}

export function peoplePages(options: PeopleOptions): PeoplePages {
  const { accounts, audit, signedIn, admin } = options
  const user = async (req: Request) => ({ user: await accounts.user(req.session.userId!) })
  const pages: PeoplePage[] = [
    { path: '/account/email', guards: [signedIn], page: { view: 'email', title: 'Change email', load: user } },
    { path: '/account/delete', guards: [signedIn], page: { view: 'delete', title: 'Delete account', load: user } },
    { path: '/account/new-password', guards: [signedIn], page: { view: 'new-password', title: 'Choose a new password', load: user } },
    { path: '/account/activity', guards: [signedIn], isShared: true, page: activityPage(audit) },
    { path: '/admin/setup', guards: [signedIn], page: { view: 'setup', title: 'First administrator', load: user } },
    { path: '/admin/users', guards: [admin], isShared: true, page: listPage(options) },
    { path: '/admin/audit', guards: [admin], isShared: true, page: auditPage(audit) }
  ]
  return { pages, forms: FORMS, notices: (req) => noticesFor(options.knownDevices, req) }
}

const from = (req: Request) => safeReturnPath((req.body as { from?: unknown } | undefined)?.from)
const FORMS: readonly Form[] = [
  { method: 'POST', path: /^\/account\/email$/, page: '/account/email', name: () => 'email', leadsTo: () => '/account' },
  // The session that would carry a message is over.
  { method: 'DELETE', path: /^\/account$/, page: '/account/delete', name: () => 'delete', leadsTo: () => '/?signed-out' },
  {
    method: 'POST',
    path: /^\/account\/new-password$/,
    page: '/account/new-password',
    name: () => 'new-password',
    leadsTo: () => '/account'
  },
  { method: 'POST', path: /^\/account\/devices\/\d+\/confirm$/, page: '/account', name: () => 'notice', leadsTo: from },
  {
    method: 'POST',
    path: /^\/account\/devices\/\d+\/disown$/,
    page: '/account',
    name: () => 'notice',
    leadsTo: () => '/account/new-password',
    said: (_req, { message }) => `${message}.`
  },
  { method: 'POST', path: /^\/admin\/setup$/, page: '/admin/setup', name: () => 'setup', leadsTo: () => '/admin/dashboard/' },
  {
    method: 'POST',
    path: /^\/admin\/users\/[^/]+\/(disable|enable|promote|demote|sign-out)$/,
    page: '/admin/users',
    name: (req) => `user-${req.path.split('/')[3]}`,
    leadsTo: from
  },
  {
    method: 'POST',
    path: /^\/admin\/sessions\/revoke-others$/,
    page: '/admin/users',
    name: () => 'everybody',
    leadsTo: () => '/admin/users'
  }
]

/** One at a time: the page's own device, or the latest of the others, with how many more there are. */
async function noticesFor(devices: KnownDevices, req: Request): Promise<readonly ShownNotice[]> {
  if (!req.session || req.session.userId === undefined) return []
  const notices = await noticesOf(devices, req)
  const { device, current, mayAnswer } = notices.find((notice) => notice.current) ?? notices[0] ?? {}
  if (!device) return []
  const place = `${device.name}${device.address === null ? '' : `, ${device.address}`}, ${TIMES.format(device.firstSeenAt)} UTC`
  const more = notices.filter((notice) => !notice.current).length - 1
  const text = current
    ? `Your account did not know this device until now (${place}). Your other devices are told of it.`
    : `Somebody signed in to your account from a device that it did not know: ${place}.${more > 0 ? ` There are ${more} more, see Recent activity.` : ''} ${mayAnswer ? 'Was it you?' : 'If it was not you, say so on a device that your account knew before, or change your password.'}`
  const path = `/account/devices/${device.id}`
  if (current) return [{ text, actions: [{ path: `${path}/confirm`, label: 'All right', isMain: true }] }]
  const actions = [
    { path: `${path}/confirm`, label: 'It was me', isMain: true },
    { path: `${path}/disown`, label: "It wasn't me", isMain: false }
  ]
  return [{ text, actions: mayAnswer ? actions : [] }]
}

const TIMES = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

/** What happened to one's own account. */
function activityPage(audit: AuditLog): Page {
  return {
    view: 'activity',
    title: 'Recent activity',
    async load(req) {
      const { events, nextCursor } = await ownActivity(audit, req)
      const shown = events.map((event) => ({ ...event, what: wordsOf(event.event), device: deviceOf(event.userAgent ?? undefined) }))
      return { events: shown, nextCursor }
    }
  }
}

function auditPage(audit: AuditLog): Page {
  return {
    view: 'audit',
    title: 'Audit log',
    load: async (req) => ({
      ...(await searchAudit(audit, req)),
      query: req.query,
      kinds: [...new Set(Object.keys(AUDIT_EVENTS).flatMap((event) => [event.split('.')[0]!, event]))],
      next: nextOf(req),
      words: AUDIT_EVENTS
    })
  }
}

function listPage(options: PeopleOptions): Page {
  return {
    view: 'users',
    title: 'Users',
    load: async (req) => ({
      // Shown again for a form that was refused it is the first page: what was searched for is not in that request.
      ...(await usersPage(options, req)),
      search: typeof req.query['search'] === 'string' ? req.query['search'] : '',
      next: nextOf(req),
      self: Number(req.session.userId)
    })
  }
}

/** The address of the next page but for its cursor. */
function nextOf(req: Request): string {
  const query = new URLSearchParams(Object.entries(req.query).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  query.delete('cursor')
  return query.size === 0 ? '?cursor=' : `?${query}&cursor=`
}

function wordsOf(event: string): string {
  return Object.hasOwn(AUDIT_EVENTS, event) ? AUDIT_EVENTS[event as AuditEvent] : event
}
