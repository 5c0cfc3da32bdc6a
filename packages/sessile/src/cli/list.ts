import { type Command, type OptionValues, Trouble } from './command.ts'
import { bytes, fromNow, json, table } from './print.ts'
import { Progress } from './progress.ts'
import { type Order, placeOf, type Row, rowOf } from './rows.ts'
import { noteNames, STORE_HELP, STORE_OPTIONS, STORE_URLS, lookingAtStore } from './store.ts'

const HELP = `sessile list [STORE] [OPTIONS]

Lists sessions, those seen last first.

  --user USER         only those of a user
  --sort new          those begun last first (default: seen)
  --limit N           how many (default: 50)
  --cursor CURSOR     go on where the list before this one ended, which printed it
${STORE_HELP}
${STORE_URLS}
Examples:
  sessile list redis://localhost:6379
  sessile list sqlite:./data/sessions.db --sort new --limit 10 --secret-file ./data/session-secret
  sessile list postgres://localhost/shop --user 42 --json

Ends with 0, with 1 when the store cannot be read, with 2 when something else has to be typed.
`

const MAX_LIMIT = 10_000

interface Place {
  readonly at: number
  readonly session: string
}

/** `sessile list STORE`. */
export const list: Command = {
  summary: 'list sessions, those seen last first',
  help: HELP,
  options: {
    ...STORE_OPTIONS,
    user: { type: 'string' },
    sort: { type: 'string', default: 'seen' },
    limit: { type: 'string', default: '50' },
    cursor: { type: 'string' }
  },
  run: (positionals, values, terminal) =>
    lookingAtStore(positionals, values, terminal, async (sessions, rest) => {
      if (rest.length > 0) throw new Trouble('list takes one store. Those of a user: --user USER.')
      const limit = wholeNumber('--limit', values['limit'], MAX_LIMIT)
      const order = orderOf(values)
      const after = cursorOf(values)
      const user = values['user'] as string | undefined
      const progress = new Progress(terminal, 'Reading sessions:')
      const kept: (Row & { place: number })[] = []
      const best = (): void => {
        kept.sort((one, other) => other.place - one.place || (one.session < other.session ? -1 : 1))
        kept.length = Math.min(kept.length, limit + 1)
      }
      let stored = 0
      const all = user === undefined ? sessions.all(progress) : await sessions.ofUser(user, progress)
      for await (const loaded of all) {
        stored += 1
        const row = rowOf(sessions, loaded)
        const place = placeOf(row, order)
        if (after && (place > after.at || (place === after.at && row.session <= after.session))) continue
        kept.push({ ...row, place })
        if (kept.length > 4 * limit + 1000) best()
      }
      progress.end()
      best()
      const rows = kept.slice(0, limit)
      const last = kept.length > limit ? rows.at(-1) : undefined
      const cursor = last && `${last.place}.${last.session}`
      if (values['json']) {
        terminal.stdout.write(
          json({ sessions: rows.map(({ place: _, ...row }) => row), stored, ...(cursor === undefined ? {} : { cursor }) })
        )
        return 0
      }
      noteNames(sessions, terminal)
      if (rows.length === 0) {
        terminal.stdout.write(stored === 0 ? 'There are no sessions.\n' : 'There are no more sessions.\n')
        return 0
      }
      const lines = rows.map((row) => [
        row.session,
        row.userId ?? '-',
        fromNow(row.lastSeenAt),
        fromNow(row.createdAt),
        fromNow(row.expiresAt, 'never'),
        bytes(row.size)
      ])
      terminal.stdout.write(table(terminal, ['SESSION', 'USER', 'SEEN', 'BEGUN', 'EXPIRES', 'SIZE'], lines))
      if (cursor !== undefined) terminal.stdout.write(`\n${rows.length} of ${stored}. The next ones: --cursor ${cursor}\n`)
      return 0
    })
}

function orderOf(values: OptionValues): Order {
  const { sort } = values
  if (sort === 'seen' || sort === 'new') return sort
  throw new Trouble(`--sort must be seen or new, not ${JSON.stringify(sort)}.`)
}

function cursorOf(values: OptionValues): Place | undefined {
  const { cursor } = values
  if (cursor === undefined) return undefined
  const parts = /^(-?\d{1,16})\.(~?[\w-]+)$/.exec(String(cursor))
  if (!parts) throw new Trouble('--cursor takes what an earlier list printed.')
  return { at: Number(parts[1]), session: parts[2]! }
}

/** @throws Trouble */
export function wholeNumber(name: string, value: OptionValues[string], most: number): number {
  const number = Number(value)
  if (typeof value === 'string' && /^\d+$/.test(value) && number >= 1 && number <= most) return number
  throw new Trouble(`${name} must be a whole number from 1 to ${most}, not ${JSON.stringify(value)}.`)
}
