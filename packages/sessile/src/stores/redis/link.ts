import { every, now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { connectionOf, type Prefixes, type RedisConnection } from './client.ts'
import type { ResolvedRedisOptions } from './options.ts'
import { connect, type OwnConnection } from './own-client.ts'

/** How often a connection of ours is asked whether it is alive. */
const BEAT_MS = 2_500
/**
 * A connection that has answered nothing for so long never will: it is given up for a new one, so that a line that went dead
 * without a word is noticed before the system does, a quarter of an hour later.
 */
const DEAD_AFTER_MS = 10_000

/** The way to the server: the app's client, or a connection of ours, made at the first use. */
export class RedisLink {
  readonly prefixes: Prefixes
  readonly #url: string
  readonly #given: boolean
  #connection: RedisConnection | undefined
  #own: OwnConnection | undefined
  #connecting: Promise<RedisConnection> | undefined
  #stopBeat: (() => void) | undefined
  #closed = false

  constructor({ url, client }: ResolvedRedisOptions) {
    this.#url = url
    this.#given = client !== undefined
    this.#connection = client && connectionOf(client)
    this.prefixes = this.#connection ?? { sentPrefix: '', hiddenPrefix: '' }
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Does something over the connection.
   * @throws SessionError `store-closed`; whatever connecting and the call throw
   */
  use<T>(call: (connection: RedisConnection) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new SessionError('store-closed'))
    return this.#connection ? call(this.#connection) : this.#connect().then(call)
  }

  /** A failure is not remembered: the next call tries again. */
  #connect(): Promise<RedisConnection> {
    this.#connecting ??= connect(this.#url)
      .then(async (own) => {
        if (this.#closed) {
          await own.end()
          throw new SessionError('store-closed')
        }
        this.#own = own
        this.#connection = own.connection
        if (own.connection.ordered) this.#beat(own)
        return own.connection
      })
      .finally(() => (this.#connecting = undefined))
    return this.#connecting
  }

  #beat(own: OwnConnection): void {
    let askedAt = 0
    const answered = (): void => void (askedAt = 0)
    this.#stopBeat = every(BEAT_MS, () => {
      if (askedAt === 0) {
        askedAt = now()
        own.connection.command(undefined, ['PING']).then(answered, answered)
      } else if (now() - askedAt >= DEAD_AFTER_MS) {
        void this.#giveUp()
      }
    })
  }

  async #giveUp(): Promise<void> {
    this.#stopBeat?.()
    const own = this.#own
    this.#own = undefined
    if (!this.#given) this.#connection = undefined
    await own?.end()
  }

  /** Nothing can be done from now on. The app's client stays open. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#giveUp()
  }
}
