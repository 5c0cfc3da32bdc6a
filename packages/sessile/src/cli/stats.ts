import { now } from '../core/clock.ts'
import { type Command, Trouble } from './command.ts'
import { bytes, json, span } from './print.ts'
import { Progress } from './progress.ts'
import { rowOf } from './rows.ts'
import { STORE_HELP, STORE_OPTIONS, STORE_URLS, lookingAtStore } from './store.ts'

const HELP = `sessile stats [STORE] [OPTIONS]

Counts: sessions, guests and users, how many were seen lately, how large they are, how old, and when they end. It reads all sessions once.

${STORE_HELP}
${STORE_URLS}
Examples:
  sessile stats redis://localhost:6379
  sessile stats mongodb://localhost/app?collectionName=sessions --json

Ends with 0, with 1 when the store cannot be read, with 2 when something else has to be typed.
`

/** Of one number of every session. */
interface Spread {
  /** Of how many sessions it is known. */
  readonly known: number
  readonly least: number
  readonly median: number
  readonly p95: number
  readonly most: number
}

/** `sessile stats STORE`. */
export const stats: Command = {
  summary: 'count sessions, guests and users; sizes and ages',
  help: HELP,
  options: STORE_OPTIONS,
  run: (positionals, values, terminal) =>
    lookingAtStore(positionals, values, terminal, async (sessions, rest) => {
      if (rest.length > 0) throw new Trouble('stats takes one store.')
      const progress = new Progress(terminal, 'Reading sessions:')
      const users = new Set<string>()
      const sizes: number[] = []
      const ages: number[] = []
      const ends: number[] = []
      const counts = { sessions: 0, guests: 0, signedIn: 0, users: 0, seen5m: 0, seen30m: 0, seenKnown: 0, neverExpire: 0 }
      for await (const loaded of sessions.all(progress)) {
        const { userId, createdAt, lastSeenAt, expiresAt, size } = rowOf(sessions, loaded)
        counts.sessions += 1
        if (userId === undefined) counts.guests += 1
        else {
          counts.signedIn += 1
          users.add(userId)
        }
        sizes.push(size)
        if (createdAt !== undefined) ages.push(now() - createdAt)
        if (expiresAt === undefined) counts.neverExpire += 1
        else ends.push(expiresAt - now())
        if (lastSeenAt === undefined) continue
        counts.seenKnown += 1
        if (now() - lastSeenAt <= 300_000) counts.seen5m += 1
        if (now() - lastSeenAt <= 1_800_000) counts.seen30m += 1
      }
      progress.end()
      counts.users = users.size
      const spreads = { sizeBytes: spreadOf(sizes), ageMs: spreadOf(ages), endsInMs: spreadOf(ends) }
      if (values['json']) {
        terminal.stdout.write(json({ store: sessions.backend.name, at: now(), ...counts, ...spreads }))
        return 0
      }
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const facts: [string, string][] = [
        ['sessions', String(counts.sessions)],
        ['guests', String(counts.guests)],
        ['signed in', `${counts.signedIn}, of ${counts.users} ${counts.users === 1 ? 'user' : 'users'}`],
        ['seen in 5 m', `${counts.seen5m}${ofKnown(counts.seenKnown, counts.sessions)}`],
        ['seen in 30 m', `${counts.seen30m}${ofKnown(counts.seenKnown, counts.sessions)}`],
        ['size', `${inWords(spreads.sizeBytes, bytes)}; together ${bytes(total)}`],
        ['age', `${inWords(spreads.ageMs, span)}${ofKnown(ages.length, counts.sessions)}`],
        ['ends in', `${inWords(spreads.endsInMs, span)}${counts.neverExpire > 0 ? `; ${counts.neverExpire} never` : ''}`]
      ]
      terminal.stdout.write(facts.map(([fact, value]) => `${fact.padEnd(14)}${value}\n`).join(''))
      return 0
    })
}

function ofKnown(known: number, all: number): string {
  return known === all ? '' : ` (known of ${known})`
}

function spreadOf(numbers: number[]): Spread | undefined {
  const sorted = Float64Array.from(numbers).sort()
  if (sorted.length === 0) return undefined
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!
  return { known: sorted.length, least: sorted[0]!, median: at(0.5), p95: at(0.95), most: sorted.at(-1)! }
}

function inWords(spread: Spread | undefined, words: (value: number) => string): string {
  if (!spread) return '-'
  return `${words(spread.least)} to ${words(spread.most)}, median ${words(spread.median)}, 95 % up to ${words(spread.p95)}`
}
