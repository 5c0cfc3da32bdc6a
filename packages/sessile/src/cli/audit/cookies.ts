import { now, pause } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import { type Answer, isCleared, laidOver, lifeOf, type SetCookie } from './client.ts'
import { shown } from './identifiers.ts'
import { KNOWN_NAMES } from './known-names.ts'
import type { Probe } from './probe.ts'
import type { Notes } from './report.ts'

const DAY_MS = 86_400_000
/** Time is written down now and then only, and clocks differ. */
const SLACK_MS = 1500

/** Items 13 to 25 and 40: the cookie as it is set. */
export async function lookAtCookie(probe: Probe, notes: Notes): Promise<void> {
  notes.looked(13, 14, 15, 17, 18, 20, 25)
  const { set, answer } = await probe.begin()
  const { name, attributes } = set
  const said = `Set-Cookie: ${[`${name}=…`, ...Object.entries(attributes).map(([key, value]) => (value === '' ? key : `${key}=${value}`))].join('; ')}`
  if (!('secure' in attributes)) notes.found(13, said)
  if (!('httponly' in attributes)) notes.found(14, said)
  const prefixed = name.startsWith('__Host-') ? !('domain' in attributes) && attributes['path'] === '/' && 'secure' in attributes : false
  if (!prefixed) {
    const broken = /^__(Host|Secure)-/.test(name)
    notes.found(15, broken ? `${said} (browsers drop it: it does not keep what its name promises)` : said)
  }
  const sameSite = attributes['samesite']?.toLowerCase()
  if (sameSite !== 'lax' && sameSite !== 'strict' && !(sameSite === 'none' && 'secure' in attributes)) notes.found(17, said)
  if (KNOWN_NAMES.has(name.replace(/^__\w+-/, '').toLowerCase())) notes.found(18, `The cookie is called ${name}.`)
  const life = lifeOf(set, now())
  if (life !== undefined && life > 400 * DAY_MS) notes.found(20, `It is kept for ${Math.round(life / DAY_MS)} days.`)
  lookAtCaching(answer, notes)
  lookForNeedless(probe, notes)
}

function lookAtCaching({ headers, method, path }: Answer, notes: Notes): void {
  const control = String(headers['cache-control'] ?? '').toLowerCase()
  const vary = String(headers['vary'] ?? '').toLowerCase()
  const isPrivate = /\bno-store\b/.test(control) || (/\bprivate\b/.test(control) && (/\bcookie\b/.test(vary) || vary.includes('*')))
  if (!isPrivate)
    notes.found(25, `${method} ${path} sets the cookie with Cache-Control: ${control || '(none)'}, Vary: ${vary || '(none)'}.`)
}

/** Item 40. Where one said that this page begins the session, that is its purpose. */
function lookForNeedless(probe: Probe, notes: Notes): void {
  const { home, target } = probe
  notes.looked(40)
  if (target.sessionPath === home.path) return notes.skip([40], 'you named the address itself as the page that begins a session')
  if (probe.own(home)) notes.found(40, `GET ${home.path} sets ${probe.cookieName} for somebody who only reads.`)
}

/** Item 21: whether the server ends a session when its cookie runs out. */
export async function lookAtExpiry(probe: Probe, notes: Notes): Promise<void> {
  const { waitMs } = probe.target
  const held = await probe.recognisable()
  const life = lifeOf(held.set, now())
  if (life === undefined) return notes.skip([21], 'the cookie has no time to run out')
  if (life > waitMs)
    return notes.skip(
      [21],
      `the cookie lives for ${Math.ceil(life / 1000)} s; --wait ${Math.ceil(life / 1000) + 2}s would wait for its end`
    )
  if ((await probe.recognises({}, held)) !== false) return notes.skip([21], 'a session cannot be told from none')
  await pause(Math.max(0, life) + SLACK_MS)
  notes.looked(21)
  if (await probe.recognises({ cookie: held.header }, held)) {
    notes.found(21, `The cookie ran out after ${Math.round(life / 1000)} s, and the server went on taking it.`)
  }
}

/** Item 30: a session that nobody uses ends, although its cookie may live on. */
export async function lookAtIdleLimit(probe: Probe, notes: Notes): Promise<void> {
  const { idleMs } = probe.target
  if (idleMs === undefined) return notes.skip([30], 'needs --idle, the time after which an unused session ends, and waits so long')
  const held = await probe.recognisable()
  if ((await probe.recognises({}, held)) !== false) return notes.skip([30], 'a session cannot be told from none')
  await pause(idleMs + SLACK_MS)
  notes.looked(30)
  if (await probe.recognises({ cookie: held.header }, held)) {
    notes.found(30, `Not used for ${Math.round((idleMs + SLACK_MS) / 1000)} s, a session is still there.`)
  }
}

/** Item 31: a session that is used all the time ends all the same. */
export async function lookAtAbsoluteLimit(probe: Probe, notes: Notes): Promise<void> {
  const { absoluteMs, protectedPath } = probe.target
  if (absoluteMs === undefined)
    return notes.skip([31], 'needs --absolute, the time after which a session ends in any case, and waits so long')
  if (!probe.canSignIn || protectedPath === undefined) return notes.skip([31], 'needs a page for users (--protected), and to sign in')
  const end = now() + absoluteMs
  let cookie = (await probe.signIn())?.header
  if (!probe.isSignedIn(await probe.protectedAnswer(cookie))) return notes.skip([31], `${protectedPath} is not shown after signing in`)
  notes.looked(31)
  while (now() < end + SLACK_MS) {
    await pause(Math.min(60_000, Math.max(200, absoluteMs / 20)))
    const answer = await probe.protectedAnswer(cookie)
    if (!probe.isSignedIn(answer)) return
    cookie = laidOver(cookie, answer.cookies)
  }
  notes.found(31, `Used all the time, a session is still signed in ${Math.round((absoluteMs + SLACK_MS) / 1000)} s after it began.`)
}

/** Item 37: what a browser still has when its session is over signs nobody in. */
export async function lookAtWhatIsLeft(probe: Probe, notes: Notes): Promise<void> {
  const { protectedPath } = probe.target
  if (!probe.canSignIn || protectedPath === undefined) return notes.skip([37], 'needs a page for users (--protected), and to sign in')
  const held = await probe.signIn()
  if (!held || !probe.isSignedIn(await probe.protectedAnswer(held.header)))
    return notes.skip([37], `${protectedPath} is not shown after signing in`)
  notes.looked(37)
  const isOwn = (pair: string) => pair.startsWith(`${probe.cookieName}=`)
  const left = held.header.split('; ').filter((pair) => !isOwn(pair))
  const dead = `${probe.cookieName}=${newId()}`
  for (const cookies of [left, [...left, dead]]) {
    const names = left.map((pair) => pair.slice(0, pair.indexOf('='))).join(', ')
    if (!probe.isSignedIn(await probe.protectedAnswer(cookies.length > 0 ? cookies.join('; ') : undefined))) continue
    return notes.found(37, `Without a session ${protectedPath} is shown to whoever has ${names ? `the cookie ${names}` : 'none'}.`)
  }
}

/** Items 26, 27, 41, 43 to 45 and 50: signing in and out. */
export async function lookAtSigningInAndOut(probe: Probe, notes: Notes): Promise<void> {
  if (!probe.canSignIn) return notes.skip([26, 27, 41, 43, 44, 45, 50], 'needs --login, --user and SESSILE_PASSWORD')
  // where no visitor has a session, signing in once more has to give a new id as well
  const before = (await probe.visit()) ?? (await probe.signIn())
  if (!before) return notes.skip([26, 27, 41, 43, 44, 45, 50], 'signing in set no cookie')
  const held = await probe.signIn(before.header)
  if (!held) {
    notes.found(27, 'Signing in left the id as it was.')
    return
  }
  await lookForFixation(probe, notes, before.header, held.header, before.set.value === held.set.value)
  await lookForIdInPages(probe, notes, held.header, held.set)
  await lookAtSignOut(probe, notes, held.header)
}

async function lookForFixation(probe: Probe, notes: Notes, before: string, after: string, isSame: boolean): Promise<void> {
  const { protectedPath } = probe.target
  notes.looked(27)
  if (isSame) return notes.found(27, 'Signing in left the id as it was.')
  if (protectedPath === undefined) return
  if (!probe.isSignedIn(await probe.protectedAnswer(after))) return notes.skip([27], `${protectedPath} is not shown after signing in`)
  if (probe.isSignedIn(await probe.protectedAnswer(before))) notes.found(27, 'The id of before signing in is signed in as well.')
}

async function lookForIdInPages(probe: Probe, notes: Notes, cookie: string, set: SetCookie): Promise<void> {
  notes.looked(50)
  const whole = [set.value, decodeURIComponent(set.value.replace(/%(?![\da-f]{2})/gi, '%25'))]
  const id = /^(?:s:)?(.+)\.[^.]+$/.exec(whole[1]!)?.[1]
  const secrets = [...whole, ...(id ? [id] : [])].filter((secret) => secret.length >= 8)
  for (const path of new Set([probe.home.path, probe.sessionPath, probe.target.protectedPath])) {
    if (path === undefined) continue
    const { text } = await probe.client.ask(path, { cookie })
    const told = secrets.find((secret) => text.includes(secret))
    if (told) return notes.found(50, `GET ${path} shows ${shown(told)}, which is in the cookie.`)
  }
}

async function lookAtSignOut(probe: Probe, notes: Notes, cookie: string): Promise<void> {
  const { logoutPath, protectedPath } = probe.target
  if (logoutPath === undefined) return notes.skip([26, 41, 43, 44, 45], 'needs --logout')
  const own = { 'sec-fetch-site': 'same-origin' }
  const canTell = protectedPath !== undefined && probe.isSignedIn(await probe.protectedAnswer(cookie))
  if (canTell) {
    notes.looked(43)
    await probe.client.ask(logoutPath, { cookie, headers: own })
    if (!probe.isSignedIn(await probe.protectedAnswer(cookie))) notes.found(43, `GET ${logoutPath} signed out.`)
  } else notes.skip([43, 41], 'needs a page for users (--protected)')

  const held = (await probe.signIn()) ?? undefined
  const signedIn = held?.header ?? cookie
  const out = await probe.client.ask(logoutPath, { method: 'POST', cookie: signedIn, headers: own })
  notes.looked(26, 44, 45)
  const kept = signedIn
    .split('; ')
    .map((pair) => pair.slice(0, pair.indexOf('=')))
    .find((name) => name === probe.cookieName)
  const set = out.cookies.find(({ name }) => name === kept)
  if (!set || !isCleared(set, now()))
    notes.found(26, `POST ${logoutPath} answers ${out.status} and ${set ? 'sets another' : 'does not clear the'} ${probe.cookieName}.`)
  if (!/"(cache|storage|\*)"/.test(String(out.headers['clear-site-data'] ?? ''))) {
    notes.found(45, `POST ${logoutPath} has Clear-Site-Data: ${String(out.headers['clear-site-data'] ?? '(none)')}.`)
  }
  if (canTell) {
    notes.looked(41)
    if (probe.isSignedIn(await probe.protectedAnswer(signedIn)))
      notes.found(41, `After POST ${logoutPath} the old cookie still opens ${protectedPath}.`)
  }
  const again = await probe.client.ask(logoutPath, { method: 'POST', headers: own })
  if (again.status !== out.status) notes.found(44, `POST ${logoutPath} answers ${out.status} with a session and ${again.status} without.`)
}
