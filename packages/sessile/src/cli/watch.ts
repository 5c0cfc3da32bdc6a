import { supports } from '../core/backend.ts'
import { now, pause } from '../core/clock.ts'
import { isSessionError } from '../core/errors.ts'
import { milliseconds } from '../core/options.ts'
import { splitText } from '../core/record-text.ts'
import { type Command, type OptionValues, Trouble } from './command.ts'
import { interrupted } from './interrupted.ts'
import { printable } from './print.ts'
import { noteNames, STORE_HELP, STORE_OPTIONS, STORE_URLS, type StoredSessions, lookingAtStore } from './store.ts'

const HELP = `sessile watch [STORE] [OPTIONS]

Tells of sessions that begin, get a new id, change hands, and end, until it is stopped with Ctrl-C. It looks through the store again and
again: give a longer --every where there are many. What begins and ends in between is not seen; on Redis and PostgreSQL ends are told at
once.

  --every DURATION    how often to look, such as 10s (default: 2s)
${STORE_HELP.replace('print JSON, for programs', 'a line of JSON for each, for programs')}
${STORE_URLS}
Examples:
  sessile watch redis://localhost:6379
  sessile watch sqlite:./data/sessions.db --every 10s --json

Ends with 0 when it is stopped, with 1 when the store cannot be read, with 2 when something else has to be typed.
`

const STEP_MS = 100

/** One thing that happened. */
interface Happening {
  readonly event: 'began' | 'renewed' | 'signed-in' | 'signed-out' | 'ended' | 'expired'
  readonly session: string
  /** Of a new id: what the session was called before. */
  readonly previous?: string
  readonly userId?: string | undefined
}

interface Known {
  readonly userId: string | undefined
  readonly expiresAt: number
}

/** `sessile watch STORE`. */
export const watch: Command = {
  summary: 'tell of sessions that begin and end, as it happens',
  help: HELP,
  options: { ...STORE_OPTIONS, every: { type: 'string', default: '2s' } },
  run: (positionals, values, terminal) =>
    lookingAtStore(positionals, values, terminal, async (sessions, rest) => {
      if (rest.length > 0) throw new Trouble('watch takes one store.')
      const everyMs = duration('--every', values['every'])
      const stop = interrupted()
      const say = (happening: Happening): void => {
        const { event, session, previous, userId } = happening
        const line = values['json']
          ? JSON.stringify({ at: now(), ...happening })
          : `${new Date(now()).toISOString()}  ${event.padEnd(10)}  ${session}${previous ? ` (before: ${previous})` : ''}${userId === undefined ? '' : `  user ${printable(userId)}`}`
        terminal.stdout.write(`${line}\n`)
      }
      if (!values['json']) noteNames(sessions, terminal)
      const watcher = new Watcher(sessions, say)
      await watcher.look(true)
      terminal.stderr.write(`Watching ${watcher.size} sessions. Ctrl-C ends it.\n`)
      try {
        while (!stop.aborted) {
          // in small steps, so that it ends soon when it is stopped
          for (let waited = 0; waited < everyMs && !stop.aborted; waited += STEP_MS) await pause(Math.min(STEP_MS, everyMs - waited))
          if (!stop.aborted) await watcher.look(false)
        }
        return 0
      } finally {
        watcher.close()
      }
    })
}

class Watcher {
  readonly #sessions: StoredSessions
  readonly #say: (happening: Happening) => void
  readonly #stop: () => void
  /** Of the last look, by key. */
  #known = new Map<string, Known>()
  /** Removed since the present look began. */
  #removed = new Set<string>()

  constructor(sessions: StoredSessions, say: (happening: Happening) => void) {
    this.#sessions = sessions
    this.#say = say
    const { backend } = sessions
    this.#stop = supports(backend, 'watchRemoved') ? backend.watchRemoved((key) => this.#ended(key)) : () => {}
  }

  get size(): number {
    return this.#known.size
  }

  close(): void {
    this.#stop()
  }

  #ended(key: string): void {
    this.#removed.add(key)
    const known = this.#known.get(key)
    if (!known) return
    this.#known.delete(key)
    this.#say({ event: 'ended', session: this.#sessions.nameOf(key), userId: known.userId })
  }

  /** @param first what is there at the beginning is nothing that happened */
  async look(first: boolean): Promise<void> {
    this.#removed = new Set()
    const present = new Map<string, Known>()
    for await (const loaded of this.#sessions.all()) {
      present.set(loaded.key, { userId: this.#sessions.userOf(loaded), expiresAt: loaded.stored.expiresAt })
    }
    for (const key of this.#removed) present.delete(key)
    const before = this.#known
    this.#known = present
    if (first) return
    const moved = new Set<string>()
    for (const [key, { userId, expiresAt }] of before) {
      if (present.has(key)) continue
      const next = await this.#movedTo(key)
      const session = this.#sessions.nameOf(key)
      if (next !== undefined && present.has(next)) {
        moved.add(next)
        const user = present.get(next)!.userId
        this.#say({ event: 'renewed', session: this.#sessions.nameOf(next), previous: session, userId: user })
        this.#handed(next, userId, user)
      } else this.#say({ event: expiresAt <= now() ? 'expired' : 'ended', session, userId })
    }
    for (const [key, { userId }] of present) {
      const known = before.get(key)
      if (known) this.#handed(key, known.userId, userId)
      else if (!moved.has(key)) this.#say({ event: 'began', session: this.#sessions.nameOf(key), userId })
    }
  }

  #handed(key: string, before: string | undefined, userId: string | undefined): void {
    if (before === userId) return
    const session = this.#sessions.nameOf(key)
    this.#say(userId === undefined ? { event: 'signed-out', session, userId: before } : { event: 'signed-in', session, userId })
  }

  /** Where the session of a key went, if it got a new id. */
  async #movedTo(key: string): Promise<string | undefined> {
    const { records, backend } = this.#sessions
    const marker = await records.calls.run('read', () => backend.read(key))
    return marker && splitText(marker.data).meta.n
  }
}

/** @throws Trouble */
export function duration(name: string, value: OptionValues[string]): number {
  try {
    return milliseconds(name, String(value))
  } catch (error) {
    throw isSessionError(error) ? new Trouble(error.message) : error
  }
}
