import { after } from '../../core/clock.ts'
import type { RedisLink } from './link.ts'

const AGAIN_MS = 1_000

/**
 * Where the sessions that other processes end are seen: listens by pub/sub to what they remove (`REMOVE` publishes it), on a
 * connection of its own, for as long as somebody wants to know. While that is broken nothing is told and nothing is made up for: it is
 * good for what should be quick, not for what must be.
 */
export class RemovalWatch {
  readonly #link: RedisLink
  readonly #channel: string
  readonly #origin: string
  readonly #listeners = new Set<(key: string) => void>()
  #stop: (() => void) | undefined
  /** Moves on when what is under way is not wanted any more. */
  #round = 0

  /** @param origin what this process's own removals are marked with: it knows of them already */
  constructor(link: RedisLink, channel: string, origin: string) {
    this.#link = link
    this.#channel = channel
    this.#origin = origin
  }

  /** What is published when a key is removed. */
  message(key: string): string {
    return `${this.#origin} ${key}`
  }

  add(listener: (key: string) => void): () => void {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#listen(++this.#round)
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.stop()
    }
  }

  stop(): void {
    this.#round++
    this.#stop?.()
    this.#stop = undefined
  }

  #listen(round: number): void {
    const again = (): void => {
      after(AGAIN_MS, () => {
        if (round === this.#round && !this.#link.closed) this.#listen(round)
      })
    }
    this.#link
      .use(async (connection) => {
        if (round === this.#round) this.#stop = connection.subscribe(this.#channel, (message) => this.#tell(message), again)
      })
      .catch(again)
  }

  #tell(message: string): void {
    const space = message.indexOf(' ')
    if (message.slice(0, space) === this.#origin) return
    for (const listener of this.#listeners) listener(message.slice(space + 1))
  }
}
