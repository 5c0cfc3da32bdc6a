import { sign } from '../../core/signatures.ts'
import type { Held, Probe } from './probe.ts'
import type { Notes } from './report.ts'

/** What stands in tutorials, examples and generators. */
const PUBLISHED = [
  'keyboard cat',
  'keyboardcat',
  'keyboard-cat',
  'secret',
  'my secret',
  'mysecret',
  'my-secret',
  'supersecret',
  'secret-key',
  'secretkey',
  'your-secret-key',
  'your secret key',
  'session secret',
  'session-secret',
  'changeme',
  'change-me',
  's3cr3t',
  'shhh',
  'shhhh, very secret',
  'password'
]

/** Item 10: cookies that are signed with a secret which everybody knows, or which was taken out. */
export async function lookAtSecrets(probe: Probe, notes: Notes): Promise<void> {
  const held = await probe.recognisable()
  const value = decoded(held.set.value)
  const dot = value.lastIndexOf('.')
  if (!value.startsWith('s:') || !/^[\w+/]{43}$/.test(value.slice(dot + 1))) {
    return notes.skip([10], 'the cookie is not signed in the way that can be tried')
  }
  if (!(await probe.recognises({ cookie: held.header }, held)) || (await takesAny(probe, held))) {
    return notes.skip([10], 'a session cannot be told from none')
  }
  notes.looked(10)
  const { retiredSecret } = probe.target
  for (const secret of [...(retiredSecret === undefined ? [] : [retiredSecret]), ...PUBLISHED]) {
    const forged = sign(value.slice(2, dot), secret)
    const named = secret === retiredSecret ? 'the secret that you took out' : `the secret ${JSON.stringify(secret)}, which everybody knows`
    if (value.slice(2) === forged) return notes.found(10, `The cookie is signed with ${named}.`)
    if (await takes(probe, held, forged)) return notes.found(10, `A cookie that was signed with ${named}, is taken.`)
  }
}

function takes(probe: Probe, held: Held, signed: string): Promise<boolean | undefined> {
  return probe.recognises({ cookie: probe.with(held.header, encodeURIComponent(`s:${signed}`)) }, held)
}

/** Whether any signature will do: that is item 4, and no matter of secrets. */
async function takesAny(probe: Probe, held: Held): Promise<boolean> {
  const value = decoded(held.set.value)
  return (await takes(probe, held, `${value.slice(2, value.lastIndexOf('.'))}.${'A'.repeat(43)}`)) !== false
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
