import { supports, type SessionBackend } from '../core/backend.ts'
import { every, now } from '../core/clock.ts'
import type { SessionEvent, SessionEvents } from '../core/events.ts'

/** What watching for ends needs of the manager that `session()` returned. */
export interface EndingSessions {
  readonly backend: SessionBackend
  get(handle: string): Promise<{ readonly handle: string; readonly expiresAt: number } | undefined>
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void
}

/** How often it is looked whether something is due. */
const LOOK_MS = 200
/** How often a session is asked for whose end another process would not tell. */
const POLL_MS = 500
/** And where the store tells of it, but a message may be lost. */
const UNSURE_MS = 10_000
const AT_ONCE = 64

interface Watched {
  readonly ended: Set<() => void>
  checkAt: number
}

/**
 * Tells the end of single sessions within a second, whichever process ended them: this one's by its events, others' by the
 * store's own messages where it has some, else by asking for the sessions that are watched, and those alone.
 */
export class SessionEnds {
  readonly #sessions: EndingSessions
  readonly #watched = new Map<string, Watched>()
  readonly #pollMs: number
  #stops: (() => void)[] = []
  #looking = false

  constructor(sessions: EndingSessions) {
    this.#sessions = sessions
    const { backend } = sessions
    this.#pollMs = !backend.traits.shared ? Infinity : supports(backend, 'watchRemoved') ? UNSURE_MS : POLL_MS
  }

  /** @returns a function that stops it; `ended` is called once at most */
  watch(handle: string, ended: () => void): () => void {
    if (this.#watched.size === 0) this.#start()
    const once = (): void => {
      stop()
      ended()
    }
    const stop = (): void => {
      for (const [key, { ended: all }] of inOrder(this.#watched, handle)) {
        if (!all.delete(once)) continue
        if (all.size === 0) this.#watched.delete(key)
        break
      }
      if (this.#watched.size === 0) this.#stop()
    }
    const present = this.#watched.get(handle)
    if (present) present.ended.add(once)
    // when it ends by its time is known once it was asked for
    else this.#watched.set(handle, { ended: new Set([once]), checkAt: now() })
    return stop
  }

  #start(): void {
    const { backend } = this.#sessions
    this.#stops = [
      this.#sessions.on('renewed', ({ previous, handle }) => this.#moved(previous, handle)),
      this.#sessions.on('ended', ({ handle, reason }) => {
        if (reason !== 'renewed') this.#over(handle)
      }),
      every(LOOK_MS, () => void this.#look())
    ]
    if (!supports(backend, 'watchRemoved')) return
    // the store names keys, and only a handle leads from a key to its session
    const stop = backend.watchRemoved(() => {
      const at = now()
      for (const one of this.#watched.values()) one.checkAt = Math.min(one.checkAt, at)
      void this.#look()
    })
    this.#stops.push(stop)
  }

  #stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  #moved(previous: string, handle: string): void {
    const present = this.#watched.get(previous)
    if (!present) return
    this.#watched.delete(previous)
    const there = this.#watched.get(handle)
    if (there) for (const one of present.ended) there.ended.add(one)
    else this.#watched.set(handle, { ended: present.ended, checkAt: now() })
  }

  #over(handle: string): void {
    for (const ended of this.#watched.get(handle)?.ended ?? []) ended()
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const due = [...this.#watched].filter(([, { checkAt }]) => checkAt <= now())
      for (let start = 0; start < due.length; start += AT_ONCE) {
        await Promise.all(due.slice(start, start + AT_ONCE).map(([handle, watched]) => this.#check(handle, watched)))
      }
    } catch {
      // the store does not answer; the next look may find it back
    } finally {
      this.#looking = false
    }
  }

  async #check(handle: string, watched: Watched): Promise<void> {
    const session = await this.#sessions.get(handle)
    if (this.#watched.get(handle) !== watched) return
    if (!session) return this.#over(handle)
    watched.checkAt = Math.max(now() + 1, Math.min(session.expiresAt, now() + this.#pollMs))
  }
}

/** The entry of a handle first, then all others: a session may have got another handle meanwhile. */
function* inOrder(watched: ReadonlyMap<string, Watched>, handle: string): Generator<[string, Watched]> {
  const first = watched.get(handle)
  if (first) yield [handle, first]
  yield* watched
}

const known = new WeakMap<object, SessionEnds>()

/** One watch for all who ask of the same sessions. */
export function endsOfSessions(sessions: EndingSessions): SessionEnds {
  const present = known.get(sessions)
  if (present) return present
  const made = new SessionEnds(sessions)
  known.set(sessions, made)
  return made
}
