import { now } from '../../core/clock.ts'
import type { Notes } from './report.ts'
import type { Held, Probe } from './probe.ts'

/** The part of a cookie's value that tells sessions apart: without `s:` and signature, where it has the form of a signed one. */
export function idOf(value: string): string {
  const plain = decoded(value)
  const signed = /^s:(.+)\.[\w+/-]{43}=?$/.exec(plain)
  return signed ? signed[1]! : plain
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[1-8][0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i

/** Items 1 to 3: what the ids are made of. */
export async function lookAtIds(probe: Probe, notes: Notes): Promise<void> {
  notes.looked(1, 2, 3)
  const wanted = probe.sessionPath === undefined ? Math.min(probe.target.samples, 3) : probe.target.samples
  const ids: string[] = []
  while (ids.length < wanted) {
    const some = await Promise.all(
      Array.from({ length: Math.min(8, wanted - ids.length) }, () => probe.visit().then((held) => held ?? signedIn(probe)))
    )
    const got = some.filter((held) => held !== undefined).map(({ set }) => idOf(set.value))
    if (got.length === 0) break
    ids.push(...got)
  }
  if (ids.length < 3) return notes.skip([1, 2, 3], `only ${ids.length} ids could be had`)
  const repeated = ids.length - new Set(ids).size
  if (repeated > 0) notes.found(1, `Of ${ids.length} ids ${repeated} came twice.`)
  if (ids.every((id) => UUID.test(id))) notes.found(2, `All ${ids.length} ids look like ${shown(ids[0]!)}.`)
  const told = ids.map(whatItTells).find((one) => one !== undefined) ?? counted(ids) ?? namesUser(ids, probe.target.user)
  if (told !== undefined) notes.found(3, told)
  const bits = guessable(ids)
  if (repeated === 0 && bits < 112 && !ids.every((id) => UUID.test(id))) {
    notes.found(1, `By ${ids.length} ids, such as ${shown(ids[0]!)}, there are about ${Math.floor(bits)} random bits in one.`)
  }
}

async function signedIn(probe: Probe): Promise<Held | undefined> {
  return probe.canSignIn ? probe.signIn() : undefined
}

/**
 * How many random bits an id has at most, by what differs: each place counts by how many characters were seen in it, places that
 * are alike in all ids count nothing.
 */
export function guessable(ids: readonly string[]): number {
  const length = Math.min(...ids.map((id) => id.length))
  const alphabet = Math.max(2, ...alphabets(ids))
  let bits = 0
  for (let place = 0; place < length; place++) {
    const seen = new Set(ids.map((id) => id[place])).size
    // few ids cannot show all characters of a place: what they show at least is counted up to the whole alphabet
    const shows = alphabet * (1 - (1 - 1 / alphabet) ** ids.length)
    bits += seen <= 1 ? 0 : Math.min(Math.log2(alphabet), Math.log2(alphabet) * (Math.log2(seen) / Math.log2(Math.max(2, shows))))
  }
  return bits
}

/** How large the alphabet is that ids are written in: by kinds of characters, so that few ids show it too. */
function alphabets(ids: readonly string[]): number[] {
  const text = ids.join('')
  if (/^\d+$/.test(text)) return [10]
  if (/^[\da-f-]+$/i.test(text)) return [16]
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[-_+/]/]
  const sizes = [26, 26, 10, 2]
  return [kinds.reduce((sum, kind, n) => sum + (kind.test(text) ? sizes[n]! : 0), 0)]
}

/** Readable text in an id, as it stands or decoded. */
function whatItTells(id: string): string | undefined {
  if (/[{}"<>@ ]/.test(id) || /^[a-z]+[:=]/i.test(id)) return `The id reads ${shown(id, 30)}.`
  for (const part of id.split('.')) {
    for (const code of /^[\da-f]+$/i.test(part) ? (['hex'] as const) : (['base64url'] as const)) {
      const text = Buffer.from(part, code).toString('latin1')
      if (text.length >= 8 && /^[\x20-\x7e]+$/.test(text)) return `The id decodes (${code}) to text: ${shown(text, 30)}.`
    }
  }
  return undefined
}

/** How many ids are asked for one after the other: that random ones happen to be in order, one set in 3 million is. */
const IN_ORDER = 10

/** Ids that grow one after the other, as a whole or in a part, or hold the time. */
function counted(ids: readonly string[]): string | undefined {
  const first = ids.slice(0, IN_ORDER)
  if (first.length < IN_ORDER) return undefined
  const grows = (values: readonly (string | number)[]) => values.every((value, n) => n === 0 || value > values[n - 1]!)
  const few = first
    .slice(0, 3)
    .map((id) => shown(id))
    .join(', ')
  if (grows(first)) return `The ids grow: ${few}.`
  const runs = first.map((id) => id.match(/\d+/g) ?? [])
  for (let place = 0; place < Math.min(...runs.map((run) => run.length)); place++) {
    const numbers = runs.map((run) => Number(run[place]))
    if (grows(numbers)) return `The ids count: ${few}.`
    if (numbers.every((number) => isTime(number) || isTime(number * 1000))) return `The ids hold a time: ${few}.`
  }
  return undefined
}

function isTime(ms: number): boolean {
  return Math.abs(ms - now()) < 86_400_000
}

function namesUser(ids: readonly string[], user: string | undefined): string | undefined {
  if (user === undefined || user.length < 3) return undefined
  const found = ids.find((id) => id.toLowerCase().includes(user.toLowerCase()))
  return found && `The id holds the user’s name: ${shown(found)}.`
}

/** The beginning of an id: enough to recognise it, too little to use it. */
export function shown(text: string, length = 10): string {
  return JSON.stringify(text.length > length ? `${text.slice(0, length)}…` : text)
}

/** Items 4, 5 and 7: what is taken for a session. */
export async function lookAtRecognition(probe: Probe, notes: Notes): Promise<void> {
  const held = await probe.recognisable()
  if ((await probe.recognises({ cookie: held.header }, held)) !== true) {
    return notes.skip([4, 5, 7], 'the site does not know its own session again; name a page for users with --protected')
  }
  if ((await probe.recognises({}, held)) !== false) {
    return notes.skip([4, 5, 7], 'a session cannot be told from none; name a page for users with --protected, and sign in')
  }
  notes.looked(4, 7)
  const { value } = held.set
  for (const altered of alterations(value)) {
    if (await probe.recognises({ cookie: probe.with(held.header, altered) }, held)) {
      notes.found(4, `The cookie was taken with ${alteration(value, altered)}.`)
      break
    }
  }
  await lookForOtherCarriers(probe, notes, held)
  await lookForAdoption(probe, notes, held)
}

/** The value with one character changed: some in the id, some behind it, and the very end cut off. */
function alterations(value: string): string[] {
  const places = [0, 0.2, 0.4, 0.6, 0.8].map((part) => Math.floor(part * value.length)).filter((place) => /[A-Za-z0-9]/.test(value[place]!))
  const changed = [...new Set(places)].map((place) => value.slice(0, place) + (value[place] === 'A' ? 'B' : 'A') + value.slice(place + 1))
  // `s%3A`, and the like, tell the form: what is left of a value without its signature must not do either
  const bare = decoded(value)
  const unsigned = /^(?:s:)?(.+)\.[^.]+$/.exec(bare)
  return [...changed, value.slice(0, -4), ...(unsigned ? [encodeURIComponent(unsigned[1]!), encodeURIComponent(`s:${unsigned[1]!}`)] : [])]
}

function alteration(value: string, altered: string): string {
  if (altered.length === value.length) return `character ${[...value].findIndex((one, n) => one !== altered[n]) + 1} changed`
  return altered === value.slice(0, -4) ? 'its end cut off' : 'its signature left away'
}

async function lookForOtherCarriers(probe: Probe, notes: Notes, held: Held): Promise<void> {
  const { cookieName } = probe
  const { value } = held.set
  const id = encodeURIComponent(idOf(value))
  const query = (name: string, text: string) => (path: string) =>
    `${path}${path.includes('?') ? '&' : '?'}${encodeURIComponent(name)}=${text}`
  const matrix = (name: string, text: string) => (path: string) => path.replace(/(\?|$)/, `;${name}=${text}$1`)
  const ways: [string, (path: string) => string][] = [
    ...new Set([cookieName, cookieName.replace(/^__\w+-/, ''), 'sid', 'sessionid', 'session_id', 'token'])
  ].flatMap((name) => [
    [`?${name}=`, query(name, value)] as [string, (path: string) => string],
    [`?${name}=`, query(name, id)] as [string, (path: string) => string]
  ])
  ways.push([';jsessionid=', matrix('jsessionid', id)], [`;${cookieName}=`, matrix(cookieName, value)])
  for (const [name, path] of ways) {
    if (await probe.recognises({}, held, path)) return notes.found(7, `The session was found by its id in the address: ${name}…`)
  }
  for (const [name, text] of [
    ['x-session-id', id],
    ['x-session-id', value],
    ['x-session', value],
    ['authorization', `Bearer ${id}`],
    ['authorization', `Bearer ${value}`]
  ] as const) {
    if (await probe.recognises({ headers: { [name]: text } }, held))
      return notes.found(7, `The session was found by its id in the header ${name}.`)
  }
}

async function lookForAdoption(probe: Probe, notes: Notes, held: Held): Promise<void> {
  if (probe.sessionPath === undefined) {
    if (!probe.canSignIn) return notes.skip([5], 'needs a page that begins a session (--session)')
    notes.looked(5)
    const planted = probe.with(held.header, invented(held.set.value))
    const answer = await probe.signIn(planted)
    if (!answer || idOf(answer.set.value) === idOf(invented(held.set.value)))
      notes.found(5, 'Signing in kept an id that the browser made up.')
    return
  }
  notes.looked(5)
  for (const value of [invented(held.set.value), 'chosenbyanattacker1234567890abcdef']) {
    const answer = await probe.client.ask(probe.sessionPath, { cookie: `${probe.cookieName}=${value}` })
    const set = probe.own(answer)
    if (answer.status < 400 && (set === undefined || idOf(set.value) === idOf(value))) {
      notes.found(5, `The made-up id ${shown(value)} was taken for a session.`)
      return
    }
  }
}

/** An id of the same form that nobody issued. */
function invented(value: string): string {
  return value.replace(/[a-z0-9]/gi, (one, at: number) =>
    /%[0-9a-f]?$/i.test(value.slice(Math.max(0, at - 2), at))
      ? one
      : /\d/.test(one)
        ? '7'
        : /[a-f]/.test(one)
          ? 'c'
          : /[a-z]/.test(one)
            ? 'k'
            : 'K'
  )
}
