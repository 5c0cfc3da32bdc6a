import type { SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { memoryStore } from './memory/backend.ts'
import { mongodbStore } from './mongodb/backend.ts'
import { postgresStore } from './postgres/backend.ts'
import { redisStore } from './redis/backend.ts'
import { sqliteStore } from './sqlite/backend.ts'
import type { SqliteStoreOptions } from './sqlite/options.ts'

interface UrlScheme {
  /** How such a URL looks, for messages. */
  readonly form: string
  /** @param rest what follows the scheme and its colon */
  readonly make: (rest: string) => SessionBackend
}

/** By what stands before the first colon. */
const SCHEMES: Readonly<Record<string, UrlScheme>> = {
  memory: { form: 'memory:', make: memoryByUrl },
  mongodb: { form: 'mongodb://HOST/DATABASE', make: mongodbByUrl('mongodb') },
  'mongodb+srv': { form: 'mongodb+srv://HOST/DATABASE', make: mongodbByUrl('mongodb+srv') },
  postgres: { form: 'postgres://HOST/DATABASE', make: postgresByUrl },
  postgresql: { form: 'postgresql://HOST/DATABASE', make: postgresByUrl },
  redis: { form: 'redis://HOST', make: redisByUrl('redis') },
  rediss: { form: 'rediss://HOST', make: redisByUrl('rediss') },
  'redis+cluster': { form: 'redis+cluster://HOST:PORT,HOST:PORT', make: redisByUrl('redis+cluster') },
  'rediss+cluster': { form: 'rediss+cluster://HOST:PORT,HOST:PORT', make: redisByUrl('rediss+cluster') },
  sqlite: { form: 'sqlite:PATH', make: (rest) => sqliteStore(sqliteOptions(rest)) }
}

/**
 * The store that a URL names: `memory:`, `sqlite:./sessions.db`, `sqlite:///var/lib/app/sessions.db?table=people`,
 * `sqlite::memory:`,
 * `mongodb://user:password@host/database?collectionName=sessions`,
 * `postgres://user:password@host/database?tableName=session&schemaName=app`, `redis://user:password@host:port/0?prefix=sess:`,
 * `redis+cluster://host:port,host:port`.
 * @throws SessionError `unknown-store` on a scheme that is not known, without the URL itself, which may hold a password
 */
export function backendByUrl(url: string): SessionBackend {
  const colon = url.indexOf(':')
  const scheme = Object.hasOwn(SCHEMES, url.slice(0, colon)) ? SCHEMES[url.slice(0, colon)] : undefined
  if (scheme) return scheme.make(url.slice(colon + 1))
  const known = Object.values(SCHEMES)
    .map(({ form }) => form)
    .join(', ')
  throw new SessionError(
    'unknown-store',
    `Known are ${known}; given was ${colon > 0 ? `${JSON.stringify(url.slice(0, colon))}.` : 'text without a scheme.'}`
  )
}

function memoryByUrl(rest: string): SessionBackend {
  if (rest !== '' && rest !== '//') throw new SessionError('unknown-store', 'memory: takes nothing after the colon.')
  return memoryStore()
}

/**
 * What a URL of a SQLite file says; `undefined` of all other URLs.
 * @throws SessionError `unknown-store`
 */
export function sqliteOptionsOf(url: string): SqliteStoreOptions | undefined {
  return url.startsWith('sqlite:') ? sqliteOptions(url.slice('sqlite:'.length)) : undefined
}

/** `sqlite:PATH` and `sqlite://PATH`, so three slashes before an absolute path, as other tools have it; the path is taken as it is, but for `?table=NAME`. */
function sqliteOptions(rest: string): SqliteStoreOptions {
  const path = rest.startsWith('//') ? rest.slice(2) : rest
  const [file, table] = /^(.*)\?table=([^?]*)$/s.exec(path)?.slice(1) ?? [path]
  if (!file) throw new SessionError('unknown-store', 'sqlite: needs a path, as in sqlite:./sessions.db.')
  return table === undefined ? { file } : { file, table }
}

/** The URL as other tools have it; `tableName` and `schemaName` in its query are the store's own. */
function postgresByUrl(rest: string): SessionBackend {
  const { url, taken } = withoutOwn(`postgres:${rest}`, ['tableName', 'schemaName'])
  return postgresStore({ url, ...taken })
}

/** The URL as other tools have it; `prefix` in its query is the store's own. */
function redisByUrl(scheme: string): (rest: string) => SessionBackend {
  return (rest) => {
    const { url, taken } = withoutOwn(`${scheme}:${rest}`, ['prefix'])
    return redisStore({ url, ...taken })
  }
}

/** The URL as other tools have it; `collectionName` in its query is the store's own. */
function mongodbByUrl(scheme: string): (rest: string) => SessionBackend {
  return (rest) => {
    const { url, taken } = withoutOwn(`${scheme}:${rest}`, ['collectionName'])
    return mongodbStore({ url, ...taken })
  }
}

/** Takes the store's own parameters out of a URL that is handed on to a driver. */
function withoutOwn(url: string, names: readonly string[]): { url: string; taken: Record<string, string> } {
  const [address, query] = cut(url, '?')
  const taken: Record<string, string> = {}
  const kept = (query ?? '').split('&').filter((part) => {
    const [name, value] = cut(part, '=')
    if (!names.includes(name)) return part !== ''
    taken[name] = decodeURIComponent(value ?? '')
    return false
  })
  return { url: kept.length > 0 ? `${address}?${kept.join('&')}` : address, taken }
}

function cut(text: string, at: string): [string, string | undefined] {
  const place = text.indexOf(at)
  return place < 0 ? [text, undefined] : [text.slice(0, place), text.slice(place + 1)]
}
