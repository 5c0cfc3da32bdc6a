import { after } from '../../core/clock.ts'
import { atMost } from '../at-most.ts'
import { CLOSE_MS, type Connections, type PgListener } from './client.ts'
import { quoted } from './names.ts'

const AGAIN_MS = 250
const AGAIN_AT_MOST_MS = 10_000

/**
 * Where the sessions that other processes end are seen: a `LISTEN` for what they remove (`removeAndTell` notifies), on a connection
 * of its own, for as long as somebody wants to know. When the connection breaks it is made again; what was removed meanwhile is not
 * told, so it is good for what should be quick, not for what must be.
 */
export class RemovalWatch {
  readonly #connections: Connections
  readonly #channel: string
  readonly #origin: string
  readonly #listeners = new Set<(key: string) => void>()
  #client: PgListener | undefined
  #waitMs = AGAIN_MS
  /** Moves on when what is under way is not wanted any more. */
  #round = 0

  /** @param origin what this process's own removals are marked with: it knows of them already */
  constructor(connections: Connections, channel: string, origin: string) {
    this.#connections = connections
    this.#channel = channel
    this.#origin = origin
  }

  add(listener: (key: string) => void): () => void {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) void this.#listen(++this.#round)
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) void this.stop()
    }
  }

  async stop(): Promise<void> {
    this.#round++
    const client = this.#client
    this.#client = undefined
    await atMost(CLOSE_MS, client?.end())
  }

  async #listen(round: number): Promise<void> {
    let client: PgListener | undefined
    try {
      client = await this.#connections.listener()
      if (!client) {
        process.emitWarning(
          'Removals by other processes are not told: hand in a pg.Pool, which tells how to connect once more.',
          'SessileWarning'
        )
        return
      }
      const lost = (): void => this.#again(round)
      client.on('error', lost)
      client.on('end', lost)
      client.on('notification', (message) => this.#tell(message))
      await client.connect()
      client.unref?.()
      await client.query({ text: `LISTEN ${quoted(this.#channel)}` })
      if (round !== this.#round) return void (await client.end().catch(() => {}))
      this.#client = client
      this.#waitMs = AGAIN_MS
    } catch {
      void client?.end().catch(() => {})
      this.#again(round)
    }
  }

  /** Once for each round, whatever is heard of its connection. */
  #again(round: number): void {
    if (round !== this.#round) return
    const client = this.#client
    this.#client = undefined
    void client?.end().catch(() => {})
    const next = ++this.#round
    after(this.#waitMs, () => {
      if (next === this.#round && !this.#connections.closed) void this.#listen(next)
    })
    this.#waitMs = Math.min(this.#waitMs * 2, AGAIN_AT_MOST_MS)
  }

  #tell({ channel, payload = '' }: { channel: string; payload?: string }): void {
    const space = payload.indexOf(' ')
    if (channel !== this.#channel || space < 0 || payload.slice(0, space) === this.#origin) return
    for (const listener of this.#listeners) listener(payload.slice(space + 1))
  }
}
