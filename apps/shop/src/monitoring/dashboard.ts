import type { DashboardOptions } from 'sessile/monitor'
import type { Note } from '../audit-events.ts'

/** Has the audit log know what administrators do by the dashboard. The end of a single session is told by the session itself. */
export function noteDashboard(note: Note): NonNullable<DashboardOptions['audit']> {
  return ({ action, ended, userId, handle }) => {
    if (action === 'extend') note('admin.session-extended', { session: handle })
    else if (action === 'ask-to-confirm') note('admin.confirmation-asked', { session: handle })
    else if (action === 'end-user') note('admin.user-signed-out', { userId, details: { revoked: ended } })
    else if (action !== 'end') note('admin.everybody-signed-out', { details: { revoked: ended, own: action === 'end-everybody' } })
  }
}

/** Looking at the dashboard is no page of the shop: it asks by itself. */
export function isNoDashboard(req: { readonly originalUrl?: string; readonly url?: string | undefined }): boolean {
  return !(req.originalUrl ?? req.url ?? '').startsWith('/admin/dashboard/')
}
