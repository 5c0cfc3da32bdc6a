import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import type { Addresses } from './places.ts'

/** What the environment says, read once at the start. */
export interface Config {
  /** `NODE_ENV` is `production`: cookies are `Secure`, no demo users, and a secret must be given. */
  readonly production: boolean
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** Where embedded databases and the generated secret are; absolute. */
  readonly dataDir: string
  /** The session store. */
  readonly storeUrl: string
  /** The session store of before, from which sessions move to `storeUrl` as they are met. */
  readonly storeMoveFrom: string | undefined
  /** Users, products and orders. */
  readonly databaseUrl: string
  /** Newest first: it signs, all of them are accepted. */
  readonly secrets: readonly string[]
  /** Express's `trust proxy`. */
  readonly trustProxy: boolean | number | string
  /** Where `/metrics` is served by itself; otherwise it is on the shop's port, for the admin. */
  readonly metricsPort: number | undefined
  /** What whoever starts the shop should know, a sentence each. */
  readonly warnings: readonly string[]
  /** What is kept of the addresses that people come from. */
  readonly addresses: Addresses
  /** A file for the lines of the audit log, absolute; without one they are among the log's other lines on stderr. */
  readonly auditFile: string | undefined
  /** How long the audit log is kept in the database. */
  readonly auditDays: number
  /** How much is logged on stderr. */
  readonly logLevel: 'info' | 'warn' | 'silent'
}

/** Something in the environment that cannot be used; its message is a sentence for whoever starts the shop. */
export class ConfigError extends Error {}

/**
 * Reads the environment, and makes a secret in `DATA_DIR` at the first start outside production.
 * @throws ConfigError on a value that cannot be used, and in production without `SESSION_SECRET`
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const text = (name: string) => env[name]?.trim() || undefined
  const production = text('NODE_ENV') === 'production'
  const secretText = text('SESSION_SECRET')
  const dataDir = resolve(text('DATA_DIR') ?? './data')
  return Object.freeze({
    production,
    host: text('HOST') ?? '127.0.0.1',
    port: portOf('PORT', text('PORT')) ?? 3000,
    dataDir,
    storeUrl: text('STORE_URL') ?? text('MONGODB_URI') ?? redisUrl(text) ?? `sqlite:${join(dataDir, 'sessions.db')}`,
    storeMoveFrom: text('STORE_MOVE_FROM'),
    databaseUrl: text('DATABASE_URL') ?? `sqlite:${join(dataDir, 'shop.db')}`,
    secrets: Object.freeze(secretsOf(secretText, production, dataDir)),
    trustProxy: trustProxyOf(text('TRUST_PROXY')),
    metricsPort: portOf('METRICS_PORT', text('METRICS_PORT')),
    addresses: addressesOf(text('ADDRESSES')),
    auditFile: text('AUDIT_LOG') && resolve(text('AUDIT_LOG')!),
    auditDays: daysOf(text('AUDIT_DAYS')),
    warnings: Object.freeze(production && isWeak(secretText ?? '') ? [WEAK] : []),
    logLevel: production ? 'info' : 'warn'
  })
}

const WEAK =
  'SESSION_SECRET begins with a secret of fewer than 32 characters or of few different ones: whoever guesses it signs in as anybody.'

/** Whether the secret that signs might be guessed. */
function isWeak(secrets: string): boolean {
  const [first = ''] = secrets.split(',')
  return first.trim().length < 32 || new Set(first).size < 10
}

/** Whether an address is this machine's own, so that nobody else reaches what listens there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function portOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const port = Number(value)
  if (/^\d+$/.test(value) && port <= 65_535) return port
  throw new ConfigError(`${name} must be a whole number from 0 to 65535, not ${JSON.stringify(value)}.`)
}

function addressesOf(value = 'full'): Addresses {
  if (value === 'full' || value === 'network' || value === 'none') return value
  throw new ConfigError(`ADDRESSES must be full, network or none, not ${JSON.stringify(value)}.`)
}

function daysOf(value = '90'): number {
  const days = Number(value)
  if (/^\d{1,4}$/.test(value) && days >= 1) return days
  throw new ConfigError(`AUDIT_DAYS must be a whole number of days from 1 to 9999, not ${JSON.stringify(value)}.`)
}

function redisUrl(text: (name: string) => string | undefined): string | undefined {
  const host = text('REDIS_HOST')
  if (host === undefined) return undefined
  const password = text('REDIS_PASSWORD')
  const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`
  return `redis://${login}${host.includes(':') ? `[${host}]` : host}:${portOf('REDIS_PORT', text('REDIS_PORT')) ?? 6379}`
}

function secretsOf(value: string | undefined, production: boolean, dataDir: string): string[] {
  const secrets = (value ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '')
  if (secrets.length > 0) return secrets
  if (production) {
    throw new ConfigError(
      'SESSION_SECRET is required with NODE_ENV=production. ' +
        "Make one with: node -p \"require('node:crypto').randomBytes(32).toString('base64url')\""
    )
  }
  return [keptSecret(dataDir)]
}

/** The development secret, made at the first start. Two processes that start at once get the same one. */
function keptSecret(dataDir: string): string {
  const file = join(dataDir, 'session-secret')
  const kept = readKept(file)
  if (kept) return kept
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(draft, randomBytes(32).toString('base64url') + '\n', { mode: 0o600 })
  try {
    // A link appears whole or not at all, and fails where there is a file already.
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
  const made = readKept(file)
  if (!made) throw new ConfigError(`${file} is empty. Delete it, and a new secret is made.`)
  return made
}

function readKept(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The names that Express has for networks. */
const NETWORKS: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal'])

function trustProxyOf(value: string | undefined): boolean | number | string {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  if (/^\d+$/.test(value)) return Number(value)
  for (const part of value.split(',')) {
    const [address = '', bits] = part.trim().split('/')
    const isNetwork = isIP(address) !== 0 && (bits === undefined || /^\d{1,3}$/.test(bits))
    if (!isNetwork && !NETWORKS.has(part.trim())) {
      throw new ConfigError(
        `TRUST_PROXY must be true, a number, loopback, linklocal, uniquelocal or addresses, not ${JSON.stringify(value)}.`
      )
    }
  }
  return value
}
