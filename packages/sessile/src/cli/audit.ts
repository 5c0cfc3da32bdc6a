import { isSessionError } from '../core/errors.ts'
import { milliseconds } from '../core/options.ts'
import { lookAtCrossSite, lookAtHeaders, lookAtPages } from './audit/browser.ts'
import { lookAtCookie, lookAtExpiry, lookAtSigningInAndOut } from './audit/cookies.ts'
import { lookAtIds, lookAtRecognition } from './audit/identifiers.ts'
import { Probe, type Target } from './audit/probe.ts'
import { Notes, printed, type Report } from './audit/report.ts'
import { type Command, type OptionValues, Trouble } from './command.ts'

const HELP = `sessile audit URL [OPTIONS]

Looks from outside at how a running site keeps its sessions, whatever it is written in, and tells what should be otherwise, why, and
what to change. It sends some hundred requests, signs in with the account you name, and changes nothing else. Look at your own sites only.

  --session PATH        a page whose GET begins a session (default: the address itself, if it does)
  --login PATH          where to POST the name and password
  --logout PATH         where to POST to sign out
  --protected PATH      a page for signed-in users alone
  --user NAME           who signs in; the password is taken from SESSILE_PASSWORD
  --user-field NAME     the name of its field (default: username)
  --password-field NAME the name of its field (default: password)
  --form                send the sign-in as a form, not as JSON
  --cookie NAME         the session's cookie, when it is not guessed
  --behind-proxy        speak as the proxy that ends TLS does (X-Forwarded-Proto: https)
  --samples N           how many ids to look at (default: 100)
  --wait DURATION       how long to wait for a session to run out, such as 60s (default: not at all)
  --ignore N,N          items that you know of
  --json                print the report as JSON

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
      lookAtHeaders,
      lookAtSigningInAndOut,
      lookAtCrossSite,
      lookAtPages,
      lookAtExpiry
    ]) {
      await look(probe, notes)
    }
    return notes.report(target.url.href, probe.cookieName, probe.client.asked, ignored)
  } finally {
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
    'behind-proxy': { type: 'boolean', default: false },
    samples: { type: 'string', default: '100' },
    wait: { type: 'string' },
    ignore: { type: 'string' },
    json: { type: 'boolean', default: false }
  },
  async run(positionals, values, terminal) {
    const report = await auditSite(targetOf(positionals, values, terminal.env['SESSILE_PASSWORD']), ignoredOf(values['ignore']))
    const colour = terminal.stdout.isTTY === true && !terminal.env['NO_COLOR']
    terminal.stdout.write(values['json'] ? `${JSON.stringify(report, undefined, 2)}\n` : printed(report, colour))
    return report.findings.length > 0 ? 1 : 0
  }
}

function targetOf(positionals: readonly string[], values: OptionValues, password: string | undefined): Target {
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
    waitMs: waitOf(text('wait'))
  }
}

function waitOf(text: string | undefined): number {
  if (text === undefined) return 0
  try {
    return milliseconds('--wait', text)
  } catch (error) {
    throw isSessionError(error) ? new Trouble(error.message) : error
  }
}

function ignoredOf(value: OptionValues[string]): ReadonlySet<number> {
  const items = typeof value === 'string' ? value.split(',').map(Number) : []
  if (!items.every(Number.isInteger)) throw new Trouble('--ignore takes numbers of items, such as 18,45.')
  return new Set(items)
}
