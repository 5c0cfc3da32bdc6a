import { policy, type Policy } from 'sessile/security'
import { PASSWORD_CRYPTOGRAPHY } from './accounts/passwords.ts'
import { FIRST_ADMIN_CRYPTOGRAPHY } from './accounts/first-admin.ts'
import { AUDIT_EVENTS } from './audit-events.ts'
import { type Config, readConfig } from './config.ts'
import { limitsInWords } from './limits.ts'
import { sessionOptions } from './sessions.ts'

/** What the shop's sessions and accounts keep to, made of what it runs with. */
export function shopPolicy(config: Config): Policy {
  return policy(sessionOptions(config), {
    throttle: true,
    limits: limitsInWords(),
    log: AUDIT_EVENTS,
    cryptography: [PASSWORD_CRYPTOGRAPHY, FIRST_ADMIN_CRYPTOGRAPHY]
  })
}

/** That of the shop in production, as a page of docs/. */
export function policyPage(): string {
  const config = readConfig({ NODE_ENV: 'production', SESSION_SECRET: 'none: only how many there are is said' })
  const note = '<!-- Made from what the shop runs with by `npm run policy -w apps/shop`; a test compares it. -->'
  return shopPolicy(config)
    .text()
    .replace('# Session policy\n', `# Policy of the shop\n\n${note}\n\nWhat it keeps to in production, with one secret.\n`)
}

if (import.meta.main) process.stdout.write(policyPage())
