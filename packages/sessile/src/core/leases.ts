import { atLatestAfter, now, pause } from './clock.ts'
import { SessionError } from './errors.ts'
import { newTag } from './ids.ts'
import type { Loaded } from './loaded.ts'
import type { SessionRecords } from './records.ts'

export interface LeaseOptions {
  /** How long a holder that died keeps others waiting, ms; longer than any request takes. */
  readonly leaseMs: number
  /** How long a request waits for its turn, ms. */
  readonly waitMs: number
}

/** One request's turn with a session. */
export interface Lease {
  /** The session as it is now that it is this request's turn. */
  readonly loaded: Loaded
  /** Gives the turn to the next. Never throws: a lease that cannot be given back runs out. */
  release(): Promise<void>
}

/**
 * One request at a time per session: a queue within the process, and across processes a lease that is kept in the record itself
 * and taken by `swap`, so that every store can do it.
 */
export class Leases {
  readonly #records: SessionRecords
  readonly #options: LeaseOptions
  readonly #lines = new Map<string, Promise<void>>()

  constructor(records: SessionRecords, options: LeaseOptions) {
    this.#records = records
    this.#options = options
  }

  /**
   * Waits for this request's turn.
   * @returns `gone` when the session has ended meanwhile
   * @throws SessionError `conflict` when the turn did not come within `waitMs`
   */
  async take(key: string): Promise<Lease | 'gone'> {
    const until = now() + this.#options.waitMs
    const next = await this.#myTurn(key, until)
    try {
      const loaded = await this.#hold(key, newTag(), until)
      if (loaded === 'gone') {
        next()
        return loaded
      }
      return { loaded, release: () => this.#giveBack(loaded).finally(next) }
    } catch (error) {
      next()
      throw error
    }
  }

  /** Lines up within the process. @returns what calls the next one */
  async #myTurn(key: string, until: number): Promise<() => void> {
    const before = this.#lines.get(key)
    let next!: () => void
    const turn = new Promise<void>((resolve) => (next = resolve))
    const mine = (before ?? Promise.resolve()).then(() => turn)
    this.#lines.set(key, mine)
    void mine.then(() => {
      if (this.#lines.get(key) === mine) this.#lines.delete(key)
    })
    if (before && !(await inTime(before, until))) {
      next()
      throw tooLong()
    }
    return next
  }

  async #hold(key: string, owner: string, until: number): Promise<Loaded | 'gone'> {
    const { shared } = this.#records.backend.traits
    for (;;) {
      const loaded = await this.#records.load(key)
      if (!loaded) return 'gone'
      if (!shared) return loaded
      const held = loaded.stored.meta.k
      if (held === undefined || held[1] <= now()) {
        const outcome = await this.#records.mark(loaded, { k: [owner, now() + this.#options.leaseMs] })
        if (outcome === 'saved') return loaded
        if (outcome === 'gone') return 'gone'
      }
      if (now() >= until) throw tooLong()
      await pause(2 + Math.random() * 20)
    }
  }

  async #giveBack(loaded: Loaded): Promise<void> {
    const owner = loaded.stored.meta.k?.[0]
    if (owner === undefined) return
    try {
      await this.#records.unmark(loaded, owner)
    } catch {
      // it runs out
    }
  }
}

function tooLong(): SessionError {
  return new SessionError('conflict', 'Other requests of this session took too long.')
}

async function inTime(turn: Promise<void>, until: number): Promise<boolean> {
  const late = pauseUntil(until)
  try {
    return await Promise.race([turn.then(() => true), late.passed.then(() => false)])
  } finally {
    late.cancel()
  }
}

function pauseUntil(time: number): { passed: Promise<void>; cancel: () => void } {
  let cancel!: () => void
  const passed = new Promise<void>((resolve) => {
    cancel = atLatestAfter(Math.max(0, time - now()), resolve)
  })
  return { passed, cancel }
}
