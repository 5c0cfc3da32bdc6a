import { optionalMilliseconds } from '../core/options.ts'
import { secretList, type Secret } from '../core/signatures.ts'
import type { CookieOptions } from './cookie.ts'
import type { SessionOptions } from './options.ts'

/** Options for `session()`, to be looked at only: what is called by them is left aside, so it may be typed in any way. */
export type SessionOptionsLike = Omit<SessionOptions, 'cookie' | 'genid' | 'store' | 'userIdOf' | 'merge'> & {
  readonly cookie?: CookieOptions | ((req: never) => CookieOptions) | undefined
  readonly genid?: ((req: never) => string) | undefined
  readonly store?: unknown
  readonly userIdOf?: unknown
  readonly merge?: unknown
}

/** What can be wrong with options that `session()` takes without a word, as express-session does. */
export type ReviewCode =
  | 'weak-secret'
  | 'uuid-ids'
  | 'cookie-over-http'
  | 'cookie-readable'
  | 'cookie-prefix'
  | 'same-site'
  | 'same-site-none'
  | 'long-cookie'
  | 'lazy-touch'
  | 'sessions-without-need'

/** One thing that should be otherwise. */
export interface ReviewFinding {
  readonly code: ReviewCode
  /** The item of the checklist in `docs/security.md`. */
  readonly item: number
  /** What is wrong, and what to do. Holds no secret. */
  readonly message: string
}

const MIN_SECRET = 32
const MAX_AGE_MS = 400 * 86_400_000
/** Parts of what stands in tutorials. */
const KNOWN_SECRET = /keyboard ?cat|secret|change.?me|password|example|my.?app|s3cr3t|^(.)\1*$|^(0123|1234|abcd)/i

/**
 * Looks at options for `session()` before the app starts, and tells what a security review would find in them. They are not
 * changed, and nothing is printed: `for (const { message } of reviewOptions(options)) log.warn(message)`, or refuse to start.
 * What `secure()` gives, with a good secret, has no finding.
 */
export function reviewOptions(options: SessionOptionsLike): readonly ReviewFinding[] {
  const findings: ReviewFinding[] = []
  const found = (code: ReviewCode, item: number, message: string): void => void findings.push({ code, item, message })
  const { secret, genid, cookie, saveUninitialized } = options
  for (const [place, one] of secretList(secret ?? '').entries()) {
    const fault = weakness(one)
    if (fault)
      found(
        'weak-secret',
        11,
        `secret${place > 0 ? `[${place}]` : ''} ${fault}; make one with: node -p "crypto.randomBytes(32).toString('base64')"`
      )
  }
  if (genid && /uuid/i.test(`${genid.name} ${Function.prototype.toString.call(genid)}`)) {
    found('uuid-ids', 2, 'genid makes UUIDs, of which 122 bits at most are random; leave it away: ids have 192 bits.')
  }
  if (typeof cookie !== 'function') reviewCookie(options.name ?? options.key ?? 'connect.sid', cookie ?? {}, found)
  if (saveUninitialized !== false)
    found('sessions-without-need', 40, 'saveUninitialized should be false: every robot gets a session otherwise.')
  const slack = optionalMilliseconds('touchSlack', options.touchSlack)
  for (const [name, idle] of idleTimes(options)) {
    if (slack !== undefined && slack > idle / 2)
      found('lazy-touch', 34, `touchSlack is more than half of ${name}, so half of it is taken; a hundredth is plenty.`)
  }
  return findings
}

/** How long sessions live unused, each by its option's name, ms. */
function idleTimes({ lifetimes, cookie }: SessionOptionsLike): [string, number][] {
  const times: [string, number][] = []
  for (const kind of ['anonymous', 'signedIn'] as const) {
    const idle = optionalMilliseconds('idle', lifetimes?.[kind]?.idle)
    if (idle !== undefined) times.push([`lifetimes.${kind}.idle`, idle])
  }
  const maxAge: unknown = typeof cookie === 'function' ? undefined : cookie?.maxAge
  if (typeof maxAge === 'number') times.push(['cookie.maxAge', maxAge])
  return times
}

/** What is wrong with a secret, to follow its name in a sentence; `undefined`: nothing. */
export function weakness(secret: Secret): string | undefined {
  if (typeof secret !== 'string') {
    if (typeof secret !== 'object' || secret === null) return 'is neither text nor bytes nor a key'
    const bytes = 'symmetricKeySize' in secret ? (secret.symmetricKeySize ?? 0) : 'byteLength' in secret ? secret.byteLength : 0
    return bytes >= MIN_SECRET ? undefined : `has ${bytes} bytes, ${MIN_SECRET} are asked for`
  }
  if (secret === '') return 'is missing'
  if (secret.length < MIN_SECRET) return `has ${secret.length} characters, ${MIN_SECRET} are asked for`
  return KNOWN_SECRET.test(secret) && new Set(secret).size < 20 ? 'can be guessed' : undefined
}

function reviewCookie(name: string, cookie: CookieOptions, found: (code: ReviewCode, item: number, message: string) => void): void {
  const { secure, httpOnly, domain, path = '/', sameSite, maxAge } = cookie
  if (!secure) found('cookie-over-http', 13, 'cookie.secure should be true: one request over HTTP gives the session away otherwise.')
  if (httpOnly === false) found('cookie-readable', 14, 'cookie.httpOnly should be true: scripts of the page can read the id otherwise.')
  const isHost = /^__host-/i.test(name)
  if (isHost && (domain !== undefined || path !== '/' || secure !== true)) {
    found('cookie-prefix', 16, `Browsers drop the cookie ${name} in silence: a __Host- name asks for secure: true, path '/' and no domain.`)
  } else if (/^__secure-/i.test(name) && secure !== true) {
    found('cookie-prefix', 16, `Browsers drop the cookie ${name} in silence: a __Secure- name asks for secure: true.`)
  }
  if (sameSite === undefined || sameSite === false) found('same-site', 17, "cookie.sameSite should be said: 'lax', or 'strict'.")
  else if (sameSite === 'none' && !secure)
    found('same-site-none', 17, "Browsers drop the cookie in silence: sameSite 'none' asks for secure: true.")
  if (typeof maxAge === 'number' && maxAge > MAX_AGE_MS) {
    found('long-cookie', 20, `cookie.maxAge is ${Math.round(maxAge / 86_400_000)} days; browsers cut it to 400.`)
  }
}
