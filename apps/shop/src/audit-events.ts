/** Everything that the audit log knows, with what it means; `docs/shop.md` and the search show it. */
export const AUDIT_EVENTS = {
  'session.created': 'A session began: it was stored for the first time',
  'session.rotated': 'A session got a new id: at a sign-in, a confirmation, a change of rights',
  'session.touched': 'A session was used; a sample of its requests',
  'session.destroyed': 'A session was ended by its own request',
  'session.revoked': 'A session was ended from outside: by another device of its user, or an administrator',
  'session.expired': 'A session ran out',
  'session.reused': 'An id that had been replaced was used again',
  'login.succeeded': 'Somebody signed in',
  'login.failed': 'A wrong name or password; or a right one of an account that is closed',
  'login.locked': 'No password was tried: there had been too many failures',
  logout: 'Somebody signed out',
  'step-up.succeeded': 'A user proved once more who he is',
  'step-up.failed': 'He did not: a wrong password',
  'access.denied': 'Something was asked for that one may not have',
  'device.new': 'A user signed in from a device that the account did not know',
  'device.confirmed': 'He said that it was him',
  'device.disowned': 'He said that it was not: every session ended, a new password is due',
  'account.registered': 'A new account',
  'account.password-changed': 'A new password',
  'account.password-rehashed': 'The same password, its hash made anew by the settings of today',
  'account.email-changed': 'A new email',
  'account.deleted': 'An account was deleted by its owner',
  'admin.appointed': 'The first administrator, by the one-time secret',
  'admin.user-disabled': 'An administrator closed an account',
  'admin.user-enabled': 'An administrator opened it again',
  'admin.user-promoted': 'A user was made an administrator',
  'admin.user-demoted': 'An administrator was made a user',
  'admin.session-extended': 'An administrator had a session live longer',
  'admin.confirmation-asked': 'An administrator had a user asked to confirm who he is',
  'admin.user-signed-out': 'An administrator ended all sessions of a user',
  'admin.everybody-signed-out': 'An administrator ended all sessions of everybody else'
} as const

export type AuditEvent = keyof typeof AUDIT_EVENTS

/** What is noted besides the request, which is known. Never a password, an id, a cookie, a token, or a name that somebody typed. */
export interface AuditFacts {
  /** Whose account or session it is about; by default who is signed in. */
  readonly userId?: number | string | undefined
  /** Who did it, where that is somebody else; by default who is signed in. */
  readonly byUserId?: number | string | undefined
  /** A handle; by default that of the request's own session. */
  readonly session?: string | undefined
  /** Words and numbers of ours. */
  readonly details?: Readonly<Record<string, string | number | boolean | undefined>>
}

/** Writes down what happened. It never fails: what it is told of has happened. */
export type Note = (event: AuditEvent, facts?: AuditFacts) => void
