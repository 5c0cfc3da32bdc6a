import { newId } from '../../core/ids.ts'
import type { Answer } from './client.ts'
import { type Probe, signingIn, type Target } from './probe.ts'
import type { Notes } from './report.ts'

const NEEDS_ACCOUNT = 'needs --login, --user and SESSILE_PASSWORD'

/** Items 55 and 79: a change of the password asks for the one of now. */
export async function lookAtPasswordChange(probe: Probe, notes: Notes): Promise<void> {
  const { changePath, currentField, newField, password } = probe.target
  if (!probe.canSignIn) return notes.skip([55, 79], NEEDS_ACCOUNT)
  if (changePath === undefined) return notes.skip([55, 79], 'needs --password-change')
  notes.looked(55, 79)
  const wrong = `not ${password}`
  for (const [item, how, fields] of [
    [55, 'without the password of now', {}],
    [79, 'with a wrong password of now', { [currentField]: wrong }]
  ] as const) {
    const wanted = `${password} ${newId()}`
    const answer = await change(probe, { ...fields, [newField]: wanted })
    if (answer.status >= 400 || !(await signsIn(probe, wanted))) continue
    notes.found(item, `POST ${changePath} ${how} changed the password (${answer.status}).`)
    const back = await change(probe, { [currentField]: wanted, [newField]: password! }, wanted)
    if (!(await signsIn(probe, password!))) {
      notes.found(
        item,
        `The password of ${probe.target.user} is ${JSON.stringify(wanted)} now: it could not be changed back (${back.status}).`
      )
      return
    }
  }
}

async function change(probe: Probe, fields: Record<string, string>, password = probe.target.password): Promise<Answer> {
  const { target, client } = probe
  const held = await probe.signIn(undefined, signingIn(target, target.user, password))
  return client.ask(target.changePath!, { ...sent(target, fields), cookie: held?.header })
}

/** Item 74: the whole password counts, as it was typed, and may be long. */
export async function lookAtPasswords(probe: Probe, notes: Notes): Promise<void> {
  if (!probe.canSignIn) return notes.skip([74], NEEDS_ACCOUNT)
  notes.looked(74)
  const password = probe.target.password!
  const swapped = password.replace(/\p{L}/gu, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()))
  const others: [string, string][] = [
    ['without its last character', password.slice(0, -1)],
    ['with a space behind it', `${password} `],
    ['in the other case', swapped]
  ]
  for (const [how, other] of others) {
    if (other !== password && (await signsIn(probe, other)))
      return notes.found(74, `POST ${probe.target.loginPath} takes the password ${how}.`)
  }
  // so that nobody's next wrong password is one too many
  await signsIn(probe, password)
  if (probe.target.registerPath !== undefined) await lookAtLongPassword(probe, notes)
}

/** With an account of its own: 200 characters, some of them beyond ASCII. */
async function lookAtLongPassword(probe: Probe, notes: Notes): Promise<void> {
  const { registerPath, loginPath } = probe.target
  const long = `${newId()} Zoë über 🧭 ${newId().repeat(6)}`.slice(0, 200).normalize('NFC')
  const user = await registered(probe, long)
  if (typeof user !== 'string') {
    const other = await registered(probe, `${newId().slice(0, 10)} ${newId().slice(0, 10)}`)
    if (typeof other !== 'string') return notes.skip([74], `registering at ${registerPath} answers ${other.status}`)
    return notes.found(74, `POST ${registerPath} refuses a password of ${long.length} characters (${user.status}).`)
  }
  const last = long.at(-1) === 'x' ? 'y' : 'x'
  if (!(await signsIn(probe, long, user))) return notes.found(74, `POST ${loginPath} refuses a password of ${long.length} characters.`)
  if (await signsIn(probe, long.slice(0, -1) + last, user))
    return notes.found(74, `POST ${loginPath} does not look at the last of ${long.length} characters.`)
  if (!(await signsIn(probe, long.normalize('NFD'), user)))
    notes.found(74, `POST ${loginPath} refuses the same password as another keyboard writes it (NFD in place of NFC).`)
}

/** @returns the new account's name, or the answer that refused it */
async function registered({ target, client }: Probe, password: string): Promise<string | Answer> {
  const name = `audit-${newId()
    .replace(/[^a-z0-9]/gi, '')
    .slice(0, 10)
    .toLowerCase()}`
  const fields = { [target.userField]: name, email: `${name}@example.com`, [target.passwordField]: password }
  const answer = await client.ask(target.registerPath!, sent(target, fields))
  return answer.status < 400 ? name : answer
}

async function signsIn(probe: Probe, password: string, user = probe.target.user): Promise<boolean> {
  const held = await probe.signIn(undefined, signingIn(probe.target, user, password))
  if (held === undefined || held.answer.status >= 400) return false
  return probe.target.protectedPath === undefined || probe.isSignedIn(await probe.protectedAnswer(held.header))
}

function sent(target: Target, fields: Record<string, string>): Parameters<Probe['client']['ask']>[1] & object {
  const { headers } = signingIn(target)
  return { method: 'POST', headers: headers!, body: target.form ? new URLSearchParams(fields).toString() : JSON.stringify(fields) }
}
