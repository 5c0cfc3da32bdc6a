import { now } from '../../core/clock.ts'
import type { Answer } from './client.ts'
import { type Probe, signingIn } from './probe.ts'
import type { Notes } from './report.ts'

const STRANGER = 'https://evil.example'

/** Items 67 and 68: headers of every answer, errors included. */
export async function lookAtHeaders(probe: Probe, notes: Notes): Promise<void> {
  notes.looked(67, 68)
  const { home, client, target } = probe
  const answers = [home, await client.ask('/nowhere-of-this-site'), ...(target.loginPath ? [await client.ask(target.loginPath)] : [])]
  for (const answer of answers) {
    const missing = missingHeaders(answer, target.url.protocol === 'https:' || target.behindProxy)
    if (missing.length === 0) continue
    notes.found(68, `GET ${answer.path} (${answer.status}): ${missing.join('; ')}.`)
    break
  }
  const foreign = await client.ask(home.path, { headers: { origin: STRANGER } })
  const allowed = foreign.headers['access-control-allow-origin']
  if ((allowed === STRANGER || allowed === 'null') && foreign.headers['access-control-allow-credentials'] === 'true') {
    notes.found(67, `GET ${home.path} with Origin: ${STRANGER} is answered with Access-Control-Allow-Origin: ${allowed}, and credentials.`)
  }
}

function missingHeaders({ headers }: Answer, isSecure: boolean): string[] {
  const has = (name: string): string => String(headers[name] ?? '').toLowerCase()
  const missing: string[] = []
  if (!has('x-content-type-options').includes('nosniff')) missing.push('X-Content-Type-Options: nosniff is missing')
  if (has('referrer-policy') === '' || /unsafe-url/.test(has('referrer-policy'))) missing.push('Referrer-Policy is missing or open')
  const policy = has('content-security-policy')
  if (policy === '') missing.push('Content-Security-Policy is missing')
  else {
    const directive = (name: string) => new RegExp(`(?:^|;)\\s*${name}\\s+([^;]*)`).exec(policy)?.[1]
    if (!(directive('object-src') ?? directive('default-src'))?.includes("'none'"))
      missing.push("the policy leaves object-src open (it should be 'none')")
    if (!/'(none|self)'/.test(directive('base-uri') ?? '')) missing.push('the policy has no base-uri')
    if (directive('frame-ancestors') === undefined) missing.push('the policy has no frame-ancestors')
    const scripts = directive('script-src') ?? directive('default-src') ?? ''
    if (scripts.includes("'unsafe-inline'") && !/'nonce-|'strict-dynamic'/.test(scripts))
      missing.push("the policy allows scripts 'unsafe-inline'")
  }
  const age = Number(/max-age=(\d+)/.exec(has('strict-transport-security'))?.[1] ?? 0)
  if (isSecure && age < 31_536_000) missing.push('Strict-Transport-Security is missing or under a year')
  return missing
}

/** Items 62, 66 and 70: what other sites can make a browser do. All of it at the sign-in, which changes nothing but the session. */
export async function lookAtCrossSite(probe: Probe, notes: Notes): Promise<void> {
  const { target, client } = probe
  if (!probe.canSignIn) return notes.skip([62, 66, 70], 'needs --login, --user and SESSILE_PASSWORD')
  const path = target.loginPath!
  const asked = signingIn(target)
  const { 'sec-fetch-site': _, ...plain } = asked.headers!
  const good = await client.ask(path, asked)
  const isIn = (answer: Answer) => answer.status < 400 && probe.own(answer) !== undefined
  if (!isIn(good)) return notes.skip([62, 66, 70], `signing in at ${path} answers ${good.status}`)
  notes.looked(62, 70)
  const foreign: Record<string, string>[] = [{ 'sec-fetch-site': 'cross-site', origin: STRANGER }, { origin: STRANGER }, { origin: 'null' }]
  for (const headers of foreign) {
    const answer = await client.ask(path, { ...asked, headers: { ...plain, ...headers } })
    if (!isIn(answer)) continue
    notes.found(
      62,
      `POST ${path} with ${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}`)
        .join(', ')} was taken (${answer.status}).`
    )
    break
  }
  if (target.form) notes.skip([66], 'the sign-in takes a form')
  else {
    notes.looked(66)
    const answer = await client.ask(path, { ...asked, headers: { ...plain, 'content-type': 'text/plain' } })
    if (isIn(answer)) notes.found(66, `POST ${path} took JSON that was sent as text/plain (${answer.status}).`)
  }
  await lookForOpenRedirects(probe, notes)
}

async function lookForOpenRedirects(probe: Probe, notes: Notes): Promise<void> {
  const { target, client } = probe
  const targets = ['https://evil.example/', '//evil.example/', '/\\evil.example/', '/%09/evil.example/']
  for (const name of ['next', 'returnTo', 'redirect']) {
    for (const to of targets) {
      const asked = signingIn(target)
      const written = to.startsWith('/%') ? to : encodeURIComponent(to)
      const body = target.form ? `${asked.body}&${name}=${written}` : JSON.stringify({ ...(JSON.parse(asked.body!) as object), [name]: to })
      const path = `${target.loginPath}${target.loginPath!.includes('?') ? '&' : '?'}${name}=${written}`
      const answer = await client.ask(path, { ...asked, body, headers: { ...asked.headers, accept: 'text/html' } })
      const { location } = answer.headers
      if (answer.status >= 300 && answer.status < 400 && location !== undefined && leaves(location, target.url)) {
        return notes.found(70, `POST ${path} leads to ${location}.`)
      }
    }
    // the other names are tried at once where the first one was understood at all
  }
}

/** Whether a browser that follows this from the site ends up on another one. */
function leaves(location: string, site: URL): boolean {
  const url = URL.parse(location, site.href)
  return url !== null && url.host !== site.host
}

/** Items 69, 78, 82, 99 and 105. */
export async function lookAtPages(probe: Probe, notes: Notes): Promise<void> {
  const { target, client } = probe
  if (target.protectedPath === undefined || !probe.canSignIn) notes.skip([69], 'needs a page for users (--protected), and to sign in')
  else {
    notes.looked(69)
    const answer = await probe.protectedAnswer((await probe.signIn())?.header)
    const policy = String(answer.headers['cross-origin-resource-policy'] ?? '')
    if (!/same-(origin|site)/.test(policy))
      notes.found(69, `GET ${target.protectedPath} has Cross-Origin-Resource-Policy: ${policy || '(none)'}.`)
  }
  await lookAtLoginForm(probe, notes)
  await lookForEnumeration(probe, notes)
  notes.looked(99, 105)
  await lookAtErrors(probe, notes)
  for (const path of ['/metrics', '/admin', '/debug', '/actuator', '/status', '/server-status', '/.env', '/debug/vars', '/sessions']) {
    const answer = await client.ask(path, { headers: { accept: '*/*' } })
    if (answer.status === 200 && isTelling(answer, probe.home)) return notes.found(105, `GET ${path} is answered (200) to anybody.`)
  }
}

/** Whether a page is one of its own: not the page that a site shows for every address. */
function isTelling({ text, path }: Answer, home: Answer): boolean {
  if (text === home.text || text.trim() === '') return false
  return path !== '/admin' || !/type=["']?password/i.test(text)
}

async function lookAtLoginForm({ target, client }: Probe, notes: Notes): Promise<void> {
  if (target.loginPath === undefined) return notes.skip([78], 'needs --login')
  const { text, status } = await client.ask(target.loginPath, { headers: { accept: 'text/html' } })
  const inputs = text.match(/<input\b[^>]*>/gi) ?? []
  const password =
    inputs.find((input) => new RegExp(`name=["']?${target.passwordField}["'\\s>]`, 'i').test(input)) ??
    inputs.find((input) => /type=["']?password/i.test(input))
  if (status !== 200 || password === undefined) return notes.skip([78], `there is no form at ${target.loginPath}`)
  notes.looked(78)
  if (!/type=["']?password/i.test(password)) return notes.found(78, `The field for the password is ${password}`)
  if (!/autocomplete=["']?current-password/i.test(password)) return notes.found(78, `The field for the password is ${password}`)
  if (/onpaste=/i.test(password)) return notes.found(78, 'The field for the password meddles with pasting.')
  if (!inputs.some((input) => /autocomplete=["']?(?:[\w-]+ )*(username|email)/i.test(input)))
    notes.found(78, 'No field has autocomplete="username".')
}

const TRIES = 4

async function lookForEnumeration(probe: Probe, notes: Notes): Promise<void> {
  const { target, client } = probe
  if (!probe.canSignIn) return notes.skip([82], 'needs --login, --user and SESSILE_PASSWORD')
  const nobody = `nobody-${target.user!.replace(/[^a-z0-9]/gi, '').slice(0, 8)}x`
  const times: Record<string, number[]> = { known: [], unknown: [] }
  const seen: Record<string, string> = {}
  const answers: Answer[] = []
  for (let n = 0; n < TRIES; n++) {
    for (const [kind, user] of [
      ['known', target.user!],
      ['unknown', target.user!.includes('@') ? `${nobody}@example.com` : nobody]
    ] as const) {
      const begun = now()
      const answer = await client.ask(target.loginPath!, signingIn(target, user, `not-the-password-${n}`))
      times[kind]!.push(now() - begun)
      answers.push(answer)
      // what was typed may come back in the form, and the name may be a word of the page as well
      if (n === 0) seen[kind] = plain(`${answer.status} ${answer.text}`.replaceAll(user, '…').replaceAll(target.user!, '…'))
    }
  }
  if (answers.some(({ status }) => status === 429 || status >= 500))
    return notes.skip([82], 'wrong passwords are limited; that is good, but nothing can be compared')
  notes.looked(82)
  if (seen['known'] !== seen['unknown']) {
    const [exists, not] = apart(seen['known']!, seen['unknown']!)
    return notes.found(82, `Of a user that exists: ${exists} Of one that does not: ${not}`)
  }
  // the fastest: others' work makes answers late, and none early
  const [known, unknown] = [Math.min(...times['known']!), Math.min(...times['unknown']!)]
  if (Math.abs(known - unknown) > 20 && Math.max(known, unknown) > 2 * Math.min(known, unknown)) {
    notes.found(82, `A user that exists takes ${known} ms, one that does not ${unknown} ms.`)
  }
}

/** A page without what differs from answer to answer anyway: nonces and tokens; and on one line. */
function plain(text: string): string {
  return text.replace(/[\w+/=-]{20,}/g, '…').replace(/\s+/g, ' ')
}

/** What of two texts is worth being shown: from a little before where they begin to differ. */
function apart(one: string, other: string): [string, string] {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  const from = Math.max(0, at - 30)
  return [one.slice(from, from + 100), other.slice(from, from + 100)]
}

const INSIDE =
  /\bat (?:[\w.<>[\] ]+ \()?(?:file:\/\/)?\/?[\w./@-]+:\d+:\d+|node_modules\/|Traceback \(most recent|SQLITE_|SequelizeDatabaseError|syntax error at or near|ORA-\d{5}|\bselect\b.+\bfrom\b.+\bwhere\b/i

/** Item 99: requests that make careless apps fail. */
async function lookAtErrors({ client, home, target }: Probe, notes: Notes): Promise<void> {
  const json = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }
  const post = target.loginPath ?? home.path
  const tries: [string, string, string?][] = [
    ['GET', '/nowhere-of-this-site'],
    ['GET', '/%'],
    ['GET', `${home.path}?id[]=1&id[x]=1`],
    ['POST', post, '{'],
    ['POST', post, 'null'],
    ['POST', post, '[]']
  ]
  for (const [method, path, body] of tries) {
    const answer = await client.ask(path, { method, headers: json, ...(body === undefined ? {} : { body }) })
    const told = INSIDE.exec(answer.text)
    if (told)
      return notes.found(
        99,
        `${method} ${path}${body ? ` with ${body}` : ''} (${answer.status}) shows ${JSON.stringify(told[0].slice(0, 60))}.`
      )
  }
}
