import { SessionError } from '../core/errors.ts'
import { resolveOptions } from '../core/options.ts'
import type { SessionOptions } from '../express/options.ts'

/** `web`: a shop, a forum. `strict`: a bank, an administration. */
export type PresetName = 'web' | 'strict'

/** What `secure` takes. */
export interface PresetOptions {
  /** Whether cookies go over HTTPS only and carry a `__Host-` name. Default: whether `NODE_ENV` is `production`. */
  production?: boolean
  /** The cookie's name without its prefix. */
  name?: string
}

/** Options for `session()`, and why they are as they are. Spread it, then add `secret` and `store`. */
export interface Preset {
  readonly name: string
  readonly cookie: { readonly path: string; readonly httpOnly: true; readonly secure: boolean; readonly sameSite: 'lax' | 'strict' }
  readonly resave: false
  readonly saveUninitialized: false
  readonly rolling: true
  readonly lifetimes: Readonly<Record<'anonymous' | 'signedIn', { readonly idle: string; readonly absolute: string }>>
  readonly touchSlack: string
  readonly hashIds: true
  readonly onStoreError: 'fail'
  readonly storeTimeout: string
  readonly maxBytes: number
  /** Each setting with its reason, a line each. Not among what spreading copies. */
  explain(): string
}

interface Numbers {
  readonly sameSite: 'lax' | 'strict'
  readonly visitorIdle: string
  readonly visitorAbsolute: string
  readonly idle: string
  readonly absolute: string
  readonly touchSlack: string
}

const NUMBERS: Readonly<Record<PresetName, Numbers>> = {
  web: { sameSite: 'lax', visitorIdle: '7d', visitorAbsolute: '30d', idle: '30m', absolute: '8h', touchSlack: '15s' },
  strict: { sameSite: 'strict', visitorIdle: '1h', visitorAbsolute: '8h', idle: '15m', absolute: '8h', touchSlack: '5s' }
}

/**
 * Session options that a security review passes, by name: `session({ ...secure('web'), secret, store })`.
 * The times keep within NIST SP 800-63B-4: `web` its AAL2 (24 h, 1 h idle), `strict` its AAL3 (12 h, 15 min idle).
 * @throws SessionError `bad-option`
 */
export function secure(preset: PresetName = 'web', given: PresetOptions = {}): Preset {
  if (!Object.hasOwn(NUMBERS, preset)) {
    throw new SessionError('bad-option', `There is no preset ${JSON.stringify(preset)}; there are web and strict.`)
  }
  const numbers = NUMBERS[preset]
  const defaults = { production: process.env['NODE_ENV'] === 'production', name: 'sessionId' }
  const { production, name } = resolveOptions<Required<PresetOptions>>('secure', defaults, given)
  // a prefix of the name is a promise that browsers enforce by dropping the cookie in silence
  if (!/^(?!__(host|secure)-)[\w!#$%&'*+.^`|~-]+$/i.test(name)) {
    throw new SessionError('bad-option', `name must be letters, digits, - and the like, without a prefix, not ${JSON.stringify(name)}.`)
  }
  const options: Omit<Preset, 'explain'> = {
    name: production ? `__Host-${name}` : name,
    cookie: { path: '/', httpOnly: true, secure: production, sameSite: numbers.sameSite },
    resave: false,
    saveUninitialized: false,
    rolling: true,
    lifetimes: {
      anonymous: { idle: numbers.visitorIdle, absolute: numbers.visitorAbsolute },
      signedIn: { idle: numbers.idle, absolute: numbers.absolute }
    },
    touchSlack: numbers.touchSlack,
    hashIds: true,
    onStoreError: 'fail',
    storeTimeout: '2s',
    maxBytes: 1_048_576
  } satisfies SessionOptions
  const explain = (): string =>
    reasons(numbers, options)
      .map(([setting, reason]) => `${setting}: ${reason}`)
      .join('\n')
  return Object.defineProperty(options, 'explain', { value: explain }) as Preset
}

function reasons(numbers: Numbers, { name, cookie }: Omit<Preset, 'explain'>): readonly (readonly [string, string])[] {
  const { secure: overHttps } = cookie
  return [
    [
      `name ${name}`,
      overHttps
        ? 'browsers take a __Host- cookie from this host over HTTPS only, so no sibling and no network can plant one.'
        : 'no framework can be told from it; in production it is a __Host- name.'
    ],
    [
      `cookie.secure ${overHttps}`,
      overHttps ? 'the cookie never travels in the clear.' : 'so that it works without HTTPS; true in production.'
    ],
    ['cookie.httpOnly true', 'no script of the page can read it.'],
    [
      `cookie.sameSite ${numbers.sameSite}`,
      numbers.sameSite === 'lax'
        ? 'other sites cannot post with it, and who follows a link from elsewhere is still signed in.'
        : 'no request that begins on another site carries it, links included.'
    ],
    ['cookie.path /', 'what __Host- asks for; a path keeps nobody out.'],
    ['saveUninitialized false', 'who only reads gets no cookie and fills no store.'],
    ['resave false', 'what has not changed is not written, so it cannot undo what another request wrote.'],
    [`lifetimes.anonymous idle ${numbers.visitorIdle}, absolute ${numbers.visitorAbsolute}`, 'a cart is kept, and no record for ever.'],
    [`lifetimes.signedIn idle ${numbers.idle}`, 'a computer that was left is signed out by the server, whatever its cookie says.'],
    [`lifetimes.signedIn absolute ${numbers.absolute}`, 'counted from the sign-in: a stolen session ends, however busy it is kept.'],
    ['rolling true', 'the cookie follows the idle time.'],
    [`touchSlack ${numbers.touchSlack}`, 'use is written down once in that time; sessions live that much longer at most, never shorter.'],
    ['hashIds true', 'who reads the store finds nothing that signs anybody in.'],
    ['onStoreError fail', 'without the store nobody is taken for a visitor and nothing pretends to be saved: 503, and the cookie is kept.'],
    ['storeTimeout 2s', 'a slow store makes no queue of requests.'],
    ['maxBytes 1048576', 'no visitor can fill the store with one session.']
  ]
}
