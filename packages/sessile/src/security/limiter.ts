// A dependency, not an optional peer: a throttle that is missing where it was meant to be is a hole, and it has no dependencies itself.
import RateLimiterRes from 'rate-limiter-flexible/lib/RateLimiterRes.js'
import RateLimiterStoreAbstract from 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js'
import type { SessionBackend, StoredRecord } from '../core/backend.ts'
import type { StoreCalls } from '../core/calls.ts'
import { now, pause } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { Turns } from '../core/turns.ts'
import type { ResolvedLimit } from './options.ts'

/** A counter: how many points are used, and until when they count (epoch ms). */
interface Counter {
  readonly points: number
  readonly until: number
}

/** What a limiter says of an attempt: how many were used before and with it, and when the count ends. */
export interface Usage {
  readonly limit: ResolvedLimit
  readonly used: number
  readonly msLeft: number
  readonly allowed: boolean
}

const NONE: Counter = Object.freeze({ points: 0, until: 0 })
/** Each lost swap is somebody else's win, and no counter takes more wins than its points; this many means the store is broken. */
const MAX_TRIES = 300

/**
 * Counts in any of our stores by `create` and `swap`, so that of attempts sent at once, through any number of processes,
 * no more than the limit get through. An attempt past the limit writes nothing: a flood costs reads only.
 */
export class Limiter extends RateLimiterStoreAbstract<Counter> {
  readonly #limit: ResolvedLimit
  readonly #space: SessionBackend
  readonly #calls: StoreCalls
  readonly #sliding: boolean
  readonly #turns = new Turns()

  /**
   * @param name what its keys begin with
   * @param sliding whether each point moves the end of the count; otherwise the first one sets it
   */
  constructor(name: string, limit: ResolvedLimit, space: SessionBackend, calls: StoreCalls, sliding: boolean) {
    super({ points: limit.points, duration: limit.durationMs / 1000, keyPrefix: name })
    this.#limit = limit
    this.#space = space
    this.#calls = calls
    this.#sliding = sliding
  }

  /** Takes a point, if there is one left. @throws SessionError when the store cannot answer: nobody is let through then */
  async take(key: string): Promise<Usage> {
    try {
      return this.#usage(await this.consume(key), true)
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return this.#usage(refusal, false)
      throw refusal
    }
  }

  /** Gives a point back that was taken and not used. */
  async giveBack(key: string): Promise<void> {
    await this.reward(key)
  }

  #usage(result: RateLimiterRes, allowed: boolean): Usage {
    return { limit: this.#limit, used: Math.min(result.consumedPoints, this.points), msLeft: result.msBeforeNext, allowed }
  }

  protected override async _get(key: string): Promise<Counter | null> {
    const counter = counterOf(await this.#read(key))
    return counter === NONE ? null : counter
  }

  protected override async _delete(key: string): Promise<boolean> {
    return this.#turns.run(key, async () => (await this.#calls.run('remove', () => this.#space.remove(key))) !== undefined)
  }

  protected override _upsert(key: string, points: number, durationMs: number, force: boolean): Promise<Counter> {
    return this.#turns.run(key, async () => {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        if (tries >= 4) await pause(Math.random() * Math.min(tries, 40))
        const done = await this.#tryUpsert(key, points, durationMs, force)
        if (done) return done
      }
      throw new SessionError('conflict', 'A counter of the login throttle could not be written.')
    })
  }

  /** @returns `undefined` when another process came between */
  async #tryUpsert(key: string, points: number, durationMs: number, force: boolean): Promise<Counter | undefined> {
    const record = await this.#read(key)
    const present = counterOf(record)
    const sum = Math.max(0, (force ? 0 : present.points) + points)
    if (points > 0 && !force && sum > this.points) return { points: sum, until: present.until }
    if (points <= 0 && !force && present === NONE) return NONE
    const restart = force || present === NONE || (this.#sliding && points > 0)
    const next: Counter = { points: sum, until: restart ? now() + durationMs : present.until }
    const written = { data: JSON.stringify(next), expiresAt: next.until }
    const { outcome } = record
      ? await this.#calls.run('swap', () => this.#space.swap(key, record.version, written))
      : await this.#calls.run('create', () => this.#space.create(key, written))
    return outcome === 'done' ? next : undefined
  }

  async #read(key: string): Promise<StoredRecord | undefined> {
    return this.#calls.run('read', () => this.#space.read(key))
  }

  protected override _getRateLimiterRes(_key: string, changed: number, stored: Counter): RateLimiterRes {
    const { points, until } = stored
    return new RateLimiterRes(Math.max(0, this.points - points), Math.max(0, until - now()), points, points === changed)
  }
}

/** The counter of a record; one that is over (a store may keep it a little longer) or cannot be read counts nothing. */
function counterOf(record: StoredRecord | undefined): Counter {
  if (!record) return NONE
  try {
    const { points, until } = JSON.parse(record.data) as Counter
    return Number.isSafeInteger(points) && until > now() ? { points, until } : NONE
  } catch {
    return NONE
  }
}
