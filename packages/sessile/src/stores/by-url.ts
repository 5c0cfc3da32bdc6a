import type { SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { memoryStore } from './memory/backend.ts'
import { sqliteStore } from './sqlite/backend.ts'

interface UrlScheme {
  /** How such a URL looks, for messages. */
  readonly form: string
  /** @param rest what follows the scheme and its colon */
  readonly make: (rest: string) => SessionBackend
}

/** By what stands before the first colon. */
const SCHEMES: Readonly<Record<string, UrlScheme>> = {
  memory: { form: 'memory:', make: memoryByUrl },
  sqlite: { form: 'sqlite:PATH', make: sqliteByUrl }
}

/**
 * The store that a URL names: `memory:`, `sqlite:./sessions.db`, `sqlite:///var/lib/app/sessions.db`, `sqlite::memory:`.
 * @throws SessionError `unknown-store` on a scheme that is not known, without the URL itself, which may hold a password
 */
export function backendByUrl(url: string): SessionBackend {
  const colon = url.indexOf(':')
  const scheme = Object.hasOwn(SCHEMES, url.slice(0, colon)) ? SCHEMES[url.slice(0, colon)] : undefined
  if (scheme) return scheme.make(url.slice(colon + 1))
  const known = Object.values(SCHEMES).map(({ form }) => form).join(', ')
  throw new SessionError('unknown-store', `Known are ${known}; given was ${colon > 0 ? `${JSON.stringify(url.slice(0, colon))}.` : 'text without a scheme.'}`)
}

function memoryByUrl(rest: string): SessionBackend {
  if (rest !== '' && rest !== '//') throw new SessionError('unknown-store', 'memory: takes nothing after the colon.')
  return memoryStore()
}

/** `sqlite:PATH` and `sqlite://PATH`, so three slashes before an absolute path, as other tools have it; the path is taken as it is. */
function sqliteByUrl(rest: string): SessionBackend {
  const file = rest.startsWith('//') ? rest.slice(2) : rest
  if (file === '') throw new SessionError('unknown-store', 'sqlite: needs a path, as in sqlite:./sessions.db.')
  return sqliteStore({ file })
}
