import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { EventHub } from '../core/events.ts'
import { handleOf, keyOfHandle } from '../core/ids.ts'
import type { Loaded } from '../core/loaded.ts'
import { SessionRecords } from '../core/records.ts'
import { userOf } from '../core/user-of.ts'
import { backendByUrl, sqliteOptionsOf } from '../stores/by-url.ts'
import { sqliteStoreToRead } from '../stores/sqlite/backend.ts'
import { type OptionValues, type Terminal, Trouble } from './command.ts'
import type { Progress } from './progress.ts'

/** The options of every command that looks into a store. */
export const STORE_OPTIONS = { 'secret-file': { type: 'string' }, json: { type: 'boolean', default: false } } as const

/** The part of the help that is the same in all of them. */
export const STORE_HELP = `  --secret-file FILE  the app's secret; of several one a line, the newest first. Or in the environment, as SESSION_SECRET, several
                      separated by commas. With it sessions are named by their handles, as the app names them; without it by a
                      short name of this command's own (~…)
  --json              print JSON, for programs
`
export const STORE_URLS = `STORE is sqlite:PATH, redis://HOST, rediss://HOST, redis+cluster://HOST:PORT,HOST:PORT, mongodb://HOST/DATABASE or
postgres://HOST/DATABASE, with ?table= (SQLite), ?prefix=, ?collectionName=, ?tableName= (PostgreSQL) where the app says otherwise than its
store's default. Left out, it is taken from STORE_URL in the environment, where other users of the machine do not see its password.
`

const PAGE = 500
const DEADLINE_MS = 30_000
const IS_URL = /^[a-z][a-z0-9+]*:/i

/** The sessions of a store, as the commands see them. Ids and keys stay in here. */
export class StoredSessions {
  readonly backend: SessionBackend
  readonly records: SessionRecords
  readonly secrets: readonly string[]

  constructor(backend: SessionBackend, secrets: readonly string[]) {
    this.backend = backend
    this.secrets = secrets
    this.records = new SessionRecords(backend, { events: new EventHub(), handleOf: this.nameOf, deadlineMs: DEADLINE_MS })
  }

  /** What people see of a key: its handle, or without the app's secret a short name, from which nobody can guess the key. */
  readonly nameOf = (key: string): string =>
    this.secrets.length > 0
      ? handleOf(key, [...this.secrets])
      : `~${createHash('sha256').update(`sessile short name ${key}`).digest('base64url').slice(0, 16)}`

  /** The live session of a handle or short name. @throws Trouble for a handle without the secret */
  async find(name: string, progress: Progress): Promise<Loaded | undefined> {
    if (name.startsWith('~')) {
      const short = new StoredSessions(this.backend, [])
      for await (const session of this.all(progress)) if (short.nameOf(session.key) === name) return session
      return undefined
    }
    if (this.secrets.length === 0) throw new Trouble('A handle needs the secret of the app: --secret-file FILE, or SESSION_SECRET.')
    const key = keyOfHandle(name, [...this.secrets])
    return key === undefined ? undefined : this.records.load(key)
  }

  /** All live sessions, in the order of the store; one that begins or ends meanwhile may be missing. */
  async *all(progress?: Progress): AsyncGenerator<Loaded> {
    // a store may show one twice
    const seen = new Set<string>()
    let cursor: string | undefined
    do {
      const page = await this.records.scan(cursor, PAGE)
      for (const session of page.sessions) {
        if (seen.has(session.key)) continue
        seen.add(session.key)
        progress?.step()
        yield session
      }
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  /** Whose a session is; older writers' records say it in their attributes alone. */
  userOf({ userId, stored }: Loaded): string | undefined {
    return userId ?? userOf(attributesOf(stored.text))
  }

  /** The live sessions of a user: by the index, and those of older writers, who kept none. */
  async ofUser(user: string, progress?: Progress): Promise<Loaded[]> {
    const found = new Map((await this.records.users.list(user)).map((session) => [session.key, session]))
    for await (const session of this.all(progress)) if (this.userOf(session) === user) found.set(session.key, session)
    return [...found.values()]
  }
}

/** The attributes of a session's text; none of one that is no JSON. */
export function attributesOf(text: string): Record<string, unknown> {
  try {
    const { cookie: _, ...attributes } = JSON.parse(text) as Record<string, unknown>
    return attributes
  } catch {
    return {}
  }
}

/** What is done on the sessions of a store; it is given what follows the store. */
type Work = (sessions: StoredSessions, rest: readonly string[]) => Promise<number>

/** As `withStore`, only looking: a SQLite file is opened so that nothing is made or changed in it. */
export function lookingAtStore(positionals: readonly string[], values: OptionValues, terminal: Terminal, work: Work): Promise<number> {
  return withStore(positionals, values, terminal, work, true)
}

/**
 * Does `work` on the sessions of the store that the arguments or the environment name, and closes it.
 * @throws Trouble when there is none, or one that only its own process sees
 */
export async function withStore(
  positionals: readonly string[],
  values: OptionValues,
  terminal: Terminal,
  work: Work,
  isReadOnly = false
): Promise<number> {
  const [first] = positionals
  const given = first !== undefined && IS_URL.test(first)
  const url = given ? first : terminal.env['STORE_URL']
  if (!given && first !== undefined) refusePath(first)
  if (url === undefined || url === '') throw new Trouble(`Which store? ${STORE_URLS}`)
  const secrets = secretsOf(values, terminal)
  const sessions = new StoredSessions(await existingStore(url, isReadOnly), secrets)
  try {
    await sessions.records.calls.open()
    return await work(sessions, given ? positionals.slice(1) : positionals)
  } catch (error) {
    // what opening throws is the driver's own
    if (error instanceof Trouble || error instanceof SessionError) throw error
    const message = error instanceof Error ? error.message || error.name : String(error)
    throw new Trouble(`The store ${sessions.backend.name} cannot be used: ${withoutPasswords(message, [url], {})}`, 1)
  } finally {
    await sessions.backend.close?.()
  }
}

/** @throws Trouble for a store that only its own process sees, SessionError `unknown-store` */
export function sharedStore(url: string): SessionBackend {
  if (/^memory:/i.test(url) || /^sqlite:(\/\/)?:memory:$/i.test(url))
    throw new Trouble('Sessions in memory are seen by the process of the app alone; look at them by its own dashboard or routes.')
  return backendByUrl(url)
}

/**
 * As `sharedStore`, of a store that is there: a file that is missing, or has no table of sessions, is a slip of the pen, not a new store.
 * @throws Trouble too
 */
export async function existingStore(url: string, isReadOnly: boolean): Promise<SessionBackend> {
  const store = sharedStore(url)
  const options = sqliteOptionsOf(url)
  if (!options) return store
  if (!existsSync(options.file)) throw new Trouble(`There is no file ${options.file}.`, 1)
  const toRead = sqliteStoreToRead(options)
  if (isReadOnly) return toRead
  try {
    await toRead.open?.()
    return store
  } finally {
    await toRead.close?.()
  }
}

/** A path in the place of a store. @throws Trouble */
export function refusePath(given: string): void {
  if (!/[./\\]/.test(given) || given.startsWith('~')) return
  const path = /^\.{0,2}[/\\]/.test(given) ? given : `./${given}`
  throw new Trouble(`${JSON.stringify(given)} is no store; did you mean sqlite:${path}?`)
}

function secretsOf(values: OptionValues, { env }: Terminal): string[] {
  const file = values['secret-file']
  if (typeof file !== 'string') return listOf(env['SESSION_SECRET'] ?? '', ',')
  try {
    const secrets = listOf(readFileSync(file, 'utf8'), '\n')
    if (secrets.length > 0) return secrets
  } catch (error) {
    throw new Trouble(`--secret-file ${file} cannot be read: ${(error as Error).message}`)
  }
  throw new Trouble(`--secret-file ${file} is empty.`)
}

function listOf(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
}

/** Said where sessions are named without the app's secret. */
export function noteNames({ secrets }: StoredSessions, terminal: Terminal): void {
  if (secrets.length > 0) return
  terminal.stderr.write("Without the app's secret sessions have short names here; for handles give --secret-file or SESSION_SECRET.\n")
}

/** A message without what stands as the password in one of these URLs, or in one of the environment. */
export function withoutPasswords(message: string, args: readonly string[], env: Terminal['env']): string {
  let clean = message
  for (const url of [...args, env['STORE_URL'] ?? '']) {
    const password = /^[a-z][a-z0-9+]*:\/\/[^/?#]*?:([^/?#]*)@/i.exec(url)?.[1]
    if (!password) continue
    let plain = password
    try {
      plain = decodeURIComponent(password)
    } catch {
      // taken as it is
    }
    for (const form of new Set([password, plain])) clean = clean.replaceAll(form, '***')
  }
  return clean
}
