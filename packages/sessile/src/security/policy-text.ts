import type { OnStoreError } from '../express/options.ts'

/** One thing that cryptography is used for. */
export interface CryptographyUse {
  readonly purpose: string
  readonly algorithm: string
  /** Which key, and where it is from; for what has none, its salt. */
  readonly key: string
}

/** How long one kind of session lives, ms. Absent: not limited. */
export interface PolicyLifetime {
  readonly idleMs?: number | undefined
  readonly absoluteMs?: number | undefined
  readonly renewAfterMs?: number | undefined
}

export interface PolicyLimit {
  readonly points: number
  readonly durationMs: number
}

/** What an app's sessions keep to. */
export interface PolicyValues {
  readonly timeouts: { readonly anonymous: PolicyLifetime; readonly signedIn: PolicyLifetime; readonly touchSlackMs: number }
  /** `null`: any number of sessions at once. */
  readonly concurrency: { readonly maxSessionsPerUser: number | null; readonly whenTooMany: 'refuse' | 'end-oldest' }
  readonly cookie: {
    readonly name: string
    readonly path: string
    readonly domain: string | null
    readonly secure: boolean | 'auto'
    readonly httpOnly: boolean
    readonly sameSite: string | null
    /** Whether it is sent anew with each answer. */
    readonly rolling: boolean
    /** Whether somebody who only reads gets one. */
    readonly withoutNeed: boolean
  }
  readonly throttling: {
    readonly signIn: {
      readonly pair: PolicyLimit
      readonly address: PolicyLimit
      readonly account: PolicyLimit
      readonly deviceMemoryMs: number
      readonly ipv6Prefix: number
    } | null
    readonly limits: Readonly<Record<string, string>>
  }
  readonly log: { readonly sessionEvents: readonly string[]; readonly appEvents: Readonly<Record<string, string>> }
  readonly cryptography: readonly CryptographyUse[]
  /** How many there are; never what they are. */
  readonly secrets: { readonly count: number; readonly rotatesWhileRunning: boolean }
  readonly store: {
    readonly hashIds: boolean | 'migrate'
    readonly encrypted: boolean
    readonly onStoreError: OnStoreError
    readonly storeTimeoutMs: number | null
    readonly maxBytes: number | null
  }
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
  [1, 'millisecond']
]

/** A time as people say it: `90 seconds`, `8 hours`. */
function said(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || ms === Infinity) return 'not limited'
  const [unit, name] = UNITS.find(([unit]) => ms % unit === 0 && ms >= unit) ?? [1, 'millisecond']
  const count = ms / unit
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

const STORE_ERRORS: Readonly<Record<OnStoreError, string>> = {
  fail: 'the request is answered 503, its cookie is kept, nobody is taken for a visitor',
  continue: 'the request goes on without a session',
  'express-session': 'the error goes to the app; a failed save changes no answer'
}

/** The values as a document, in Markdown. */
export function policyText(values: PolicyValues): string {
  const sections: readonly (readonly [string, string])[] = [
    ['Timeouts', timeouts(values)],
    ['Sessions at once', concurrency(values)],
    ['Cookie', cookie(values)],
    ['Guessing', throttling(values)],
    ['What is logged', log(values)],
    ['Cryptography', cryptography(values)],
    ['Secrets', secrets(values)],
    ['The store', store(values)]
  ]
  return `# Session policy\n\n${sections.map(([title, body]) => `## ${title}\n\n${body}\n`).join('\n')}`
}

function timeouts({ timeouts: { anonymous, signedIn, touchSlackMs } }: PolicyValues): string {
  const row = (name: string, { idleMs, absoluteMs, renewAfterMs }: PolicyLifetime): string[] => [
    name,
    said(idleMs),
    said(absoluteMs),
    renewAfterMs === undefined ? 'at a sign-in and a change of rights' : `then, and every ${said(renewAfterMs)}`
  ]
  const slack = touchSlackMs > 0 ? ` Use is written down once in ${said(touchSlackMs)}, so a session may live that much longer.` : ''
  return `${table(
    ['session of', 'ends without a request for', 'ends in any case after', 'new id'],
    [row('a visitor', anonymous), row('a signed-in user', signedIn)]
  )}

The server decides by its own clock, whatever the cookie says. The time in any case counts from the sign-in, or its last confirmation.${slack}`
}

function concurrency({ concurrency: { maxSessionsPerUser, whenTooMany } }: PolicyValues): string {
  if (maxSessionsPerUser === null) return 'A user may be signed in on any number of devices.'
  const then = whenTooMany === 'refuse' ? 'one more sign-in is refused' : 'one more sign-in ends the oldest session'
  return `A user may be signed in ${maxSessionsPerUser} ${maxSessionsPerUser === 1 ? 'time' : 'times'} at once; ${then}.`
}

function cookie({ cookie }: PolicyValues): string {
  const { name, path, domain, secure, httpOnly, sameSite, rolling, withoutNeed } = cookie
  const https = secure === 'auto' ? 'as the connection is' : secure ? 'yes: it is sent over HTTPS only' : 'no: it is sent over HTTP as well'
  return table(
    ['attribute', 'value'],
    [
      ['name', `\`${name}\``],
      ['Secure', https],
      ['HttpOnly', httpOnly ? 'yes: no script reads it' : 'no: scripts may read it'],
      ['SameSite', sameSite ?? 'not said'],
      ['Path', `\`${path}\``],
      ['Domain', domain === null ? 'none: this host alone' : `\`${domain}\``],
      ['set', withoutNeed ? 'for everybody' : 'when something is put into a session'],
      ['its time', rolling ? 'moves with each answer' : 'is set once'],
      ['holds', 'a random id and its signature, nothing else']
    ]
  )
}

function throttling({ throttling: { signIn, limits } }: PolicyValues): string {
  const limit = ({ points, durationMs }: PolicyLimit, from: string): string => `${points} failures in ${said(durationMs)}${from}`
  const rows: string[][] = Object.entries(limits).map(([what, most]) => [what, most])
  if (signIn) {
    rows.unshift(
      ['passwords of one account from one address', limit(signIn.pair, '')],
      ['passwords from one address', limit(signIn.address, `; IPv6 by /${signIn.ipv6Prefix}`)],
      [
        'passwords of one account, from anywhere',
        `${signIn.account.points} failures in a row, forgotten after ${said(signIn.account.durationMs)} without one; then only devices that it signed in from in the last ${said(signIn.deviceMemoryMs)}`
      ]
    )
  }
  const unlimited = signIn ? '' : 'How often passwords may be tried is not limited here.'
  return [rows.length > 0 ? table(['what', 'at most'], rows) : '', unlimited].filter(Boolean).join('\n\n')
}

function log({ log: { sessionEvents, appEvents } }: PolicyValues): string {
  const own = Object.entries(appEvents)
  const events = `Events of sessions: ${sessionEvents.map((event) => `\`${event}\``).join(', ')}. A session is named by its handle, which is useless as a cookie; no event holds an id, a cookie or a secret, and \`expired\` alone tells what the session held.`
  return own.length === 0
    ? events
    : `${table(
        ['event', 'what it means'],
        own.map(([event, what]) => [`\`${event}\``, what])
      )}\n\n${events}`
}

function cryptography({ cryptography }: PolicyValues): string {
  return table(
    ['for', 'algorithm', 'key'],
    cryptography.map(({ purpose, algorithm, key }) => [purpose, algorithm, key])
  )
}

function secrets({ secrets: { count, rotatesWhileRunning } }: PolicyValues): string {
  const how = rotatesWhileRunning
    ? 'The list may change while the app runs.'
    : 'To change it, give a list at the next start: the new one, then this one.'
  return `In use: ${count}. The first signs, all are accepted. A new one goes to the front; the old one goes out when the longest session has passed, or at once if it got known: every cookie it signed is dead then. ${how}`
}

function store({ store: { hashIds, encrypted, onStoreError, storeTimeoutMs, maxBytes } }: PolicyValues): string {
  const ids = hashIds === false ? 'as they are' : hashIds === true ? 'hashed' : 'hashed; those of before are moved when they are used'
  return table(
    ['what', 'how'],
    [
      ['ids', ids],
      ['records', encrypted ? 'encrypted' : 'readable to whoever reads the store'],
      ['largest record', maxBytes === null ? 'not limited' : `${maxBytes} bytes`],
      ['longest call', storeTimeoutMs === null ? '2 seconds; not limited for stores of others' : said(storeTimeoutMs)],
      ['when it fails', STORE_ERRORS[onStoreError]]
    ]
  )
}
