import { isSessionError } from '../core/errors.ts'
import { milliseconds } from '../core/options.ts'
import { lookAtCrossSite, lookAtHeaders, lookAtPages } from './audit/browser.ts'
import {
  lookAtAbsoluteLimit,
  lookAtCookie,
  lookAtExpiry,
  lookAtIdleLimit,
  lookAtSigningInAndOut,
  lookAtWhatIsLeft
} from './audit/cookies.ts'
import { lookAtIds, lookAtRecognition } from './audit/identifiers.ts'
import { lookAtPasswordChange, lookAtPasswords } from './audit/passwords.ts'
import { Probe, type Target } from './audit/probe.ts'
import { Notes, printed, type Report } from './audit/report.ts'
import { lookAtSecrets } from './audit/secrets.ts'
import { type Command, type OptionValues, type Terminal, Trouble } from './command.ts'

const HELP = `sessile audit URL [OPTIONS]

Looks from outside at how a running site keeps its sessions, whatever it is written in, and tells what should be otherwise, why, and
what to change. It sends some hundred requests, signs in with the account you name, and changes nothing else. Look at your own sites only.
It leaves visitors' sessions behind (as many as --samples, and some), which run out by themselves; what it signed in it signs out at the end
where --logout tells how, else those sessions stay as well.

  --session PATH        a page whose GET begins a session (default: the address itself, if it does; at both it asks as a browser, then as a program)
  --login PATH          where to POST the name and password
  --logout PATH         where to POST to sign out
  --protected PATH      a page for signed-in users alone
  --user NAME           who signs in; the password is taken from SESSILE_PASSWORD
  --user-field NAME     the name of its field (default: username)
  --password-field NAME the name of its field (default: password)
  --form                send the sign-in as a form, not as JSON
  --cookie NAME         the session's cookie, when it is not guessed
  --password-change PATH  where to POST the password of now and a new one; where it is changed wrongly, it is changed back
  --current-field NAME  the name of the field for the one of now (default: currentPassword)
  --new-field NAME      the name of the field for the new one (default: newPassword)
  --register PATH       where to POST a new account; one is made, with a password of 200 characters
  --behind-proxy        speak as the proxy that ends TLS does (X-Forwarded-Proto: https)
  --samples N           how many ids to look at (default: 100)
  --wait DURATION       how long to wait for a session to run out, such as 60s (default: not at all)
  --idle DURATION       after what time without a request a session ends, as the site says; so long is waited (default: not at all)
  --absolute DURATION   after what time a session ends even if it is used, as the site says; so long is waited (default: not at all)
  --ignore N,N          items that you know of
  --json                print the report as JSON

A secret that was taken out, in SESSILE_RETIRED_SECRET, must not sign anything that the site takes.
Ends with 0 when nothing was found, 1 when something was, 2 when the site could not be looked at.
`

/** Runs all checks against a site. @throws Trouble when it does not answer, or no session is to be seen */
export async function auditSite(target: Target, ignored: ReadonlySet<number> = new Set()): Promise<Report> {
  const probe = await Probe.of(target)
  const notes = new Notes()
  try {
    // one after the other; the one that fails to sign in last, since a throttle may then refuse everybody
    for (const look of [
      lookAtCookie,
      lookAtIds,
      lookAtRecognition,
      lookAtSecrets,
      lookAtHeaders,
      lookAtSigningInAndOut,
      lookAtWhatIsLeft,
      lookAtCrossSite,
      lookAtPasswordChange,
      lookAtPasswords,
      lookAtPages,
      lookAtExpiry,
      lookAtIdleLimit,
      lookAtAbsoluteLimit
    ]) {
      await look(probe, notes)
    }
    return notes.report(target.url.href, probe.cookieName, probe.client.asked, ignored)
  } finally {
    await probe.signOutAll().catch(() => {}) // what was found counts more
    probe.client.close()
  }
}

/** `sessile audit URL`. */
export const audit: Command = {
  summary: 'look from outside at how a running site keeps its sessions',
  help: HELP,
  options: {
    session: { type: 'string' },
    login: { type: 'string' },
    logout: { type: 'string' },
    protected: { type: 'string' },
    user: { type: 'string' },
    'user-field': { type: 'string', default: 'username' },
    'password-field': { type: 'string', default: 'password' },
    form: { type: 'boolean', default: false },
    cookie: { type: 'string' },
    'password-change': { type: 'string' },
    'current-field': { type: 'string', default: 'currentPassword' },
    'new-field': { type: 'string', default: 'newPassword' },
    register: { type: 'string' },
    'behind-proxy': { type: 'boolean', default: false },
    samples: { type: 'string', default: '100' },
    wait: { type: 'string' },
    idle: { type: 'string' },
    absolute: { type: 'string' },
    ignore: { type: 'string' },
    json: { type: 'boolean', default: false }
  },
  async run(positionals, values, terminal) {
    const report = await auditSite(targetOf(positionals, values, terminal.env), ignoredOf(values['ignore']))
    const colour = terminal.stdout.isTTY === true && !terminal.env['NO_COLOR']
    terminal.stdout.write(values['json'] ? `${JSON.stringify(report, undefined, 2)}\n` : printed(report, colour))
    return report.findings.length > 0 ? 1 : 0
  }
}

function targetOf(positionals: readonly string[], values: OptionValues, env: Terminal['env']): Target {
  const password = env['SESSILE_PASSWORD']
  const [address, ...more] = positionals
  const url = URL.parse(address ?? '')
  if (!url || !/^https?:$/.test(url.protocol) || more.length > 0)
    throw new Trouble(`One address is needed, with http:// or https://.\n\n${HELP}`)
  const text = (name: string): string | undefined => values[name] as string | undefined
  const path = (name: string): string | undefined => {
    const given = text(name)
    if (given !== undefined && !given.startsWith('/'))
      throw new Trouble(`--${name} must be a path that begins with /, not ${JSON.stringify(given)}.`)
    return given
  }
  const samples = Number(text('samples'))
  if (!Number.isInteger(samples) || samples < 3 || samples > 10_000) throw new Trouble('--samples must be a whole number from 3 to 10000.')
  if (text('user') !== undefined && password === undefined)
    throw new Trouble('--user needs its password in the environment, as SESSILE_PASSWORD.')
  return {
    url,
    samples,
    password,
    sessionPath: path('session'),
    loginPath: path('login'),
    logoutPath: path('logout'),
    protectedPath: path('protected'),
    user: text('user'),
    userField: text('user-field')!,
    passwordField: text('password-field')!,
    form: values['form'] === true,
    cookieName: text('cookie'),
    behindProxy: values['behind-proxy'] === true,
    waitMs: durationOf('wait', text('wait')) ?? 0,
    idleMs: durationOf('idle', text('idle')),
    absoluteMs: durationOf('absolute', text('absolute')),
    changePath: path('password-change'),
    currentField: text('current-field')!,
    newField: text('new-field')!,
    registerPath: path('register'),
    retiredSecret: env['SESSILE_RETIRED_SECRET'] || undefined
  }
}

function durationOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  try {
    return milliseconds(`--${name}`, text)
  } catch (error) {
    throw isSessionError(error) ? new Trouble(error.message) : error
  }
}

function ignoredOf(value: OptionValues[string]): ReadonlySet<number> {
  const items = typeof value === 'string' ? value.split(',').map(Number) : []
  if (!items.every(Number.isInteger)) throw new Trouble('--ignore takes numbers of items, such as 18,45.')
  return new Set(items)
}
