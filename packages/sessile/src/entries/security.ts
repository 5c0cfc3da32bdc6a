export { prefersHtml } from '../security/answers.ts'
export { crossSite, crossSiteVerdict, type CrossSiteVerdict } from '../security/cross-site.ts'
export { csrf, csrfToken, isCsrfToken } from '../security/csrf.ts'
export { encrypted, type EncryptionOptions } from '../security/encrypted.ts'
export { requireFresh, requireRole, requireUser, type GuardOptions, type RoleOptions, type SessionFacts } from '../security/guards.ts'
export { markPrivate, noStore } from '../security/no-store.ts'
export type {
  CrossSiteOptions,
  CsrfOptions,
  HttpRequest,
  Limit,
  Middleware,
  Refusal,
  SignalledSession,
  SignalsOptions,
  ThrottleOptions
} from '../security/options.ts'
export { policy, type Policy, type PolicyParts } from '../security/policy.ts'
export type { CryptographyUse, PolicyLifetime, PolicyValues } from '../security/policy-text.ts'
export { safeReturnPath } from '../security/return-path.ts'
export { reviewOptions, type ReviewCode, type ReviewFinding, type SessionOptionsLike } from '../express/review.ts'
export {
  agentFamily,
  signals,
  strictSignals,
  type SignalChange,
  type Signals,
  type SignalsMiddleware,
  type SignalVerdict
} from '../security/signals.ts'
export {
  loginThrottle,
  type AllowedAttempt,
  type LimitHeaders,
  type LoginAttempt,
  type LoginSuccess,
  type LoginThrottle,
  type RefusedAttempt
} from '../security/throttle.ts'
export { secure, type Preset, type PresetName, type PresetOptions } from '../security/presets.ts'
