import type { ServerResponse } from 'node:http'
import { every } from '../core/clock.ts'
import type { DashboardApi } from './dashboard-api.ts'
import type { LiveMessages } from './api-types.ts'
import type { ResolvedDashboard } from './dashboard-options.ts'
import { endsOfSessions } from './session-ends.ts'

const TICK_MS = 1000
/** Of the ticks, every so many tell of counts, and of the store. */
const LIVE_TICKS = 2
const HEALTH_TICKS = 5
const PULSE_TICKS = 15
/** Events that are sent at once; who missed more reads all anew. */
const CATCH_UP = 500
/** A client that has not read so much of what it was sent before is let go; it comes back and catches up. */
const MAX_BUFFERED = 128 * 1024

interface Client {
  readonly res: ServerResponse
  /** The last event that it was sent. */
  seq: number
  readonly forget: () => void
}

/**
 * What is going on, to every page that is open, by server-sent events. Asked of the store once for all of them, and not at all
 * while no page is open. Each event has its number, by which a page that was away gets what it missed.
 */
export class LiveFeed {
  readonly #options: ResolvedDashboard
  readonly #api: DashboardApi
  readonly #clients = new Set<Client>()
  #stops: (() => void)[] = []
  #ticks = 0
  #ticking = false
  #closed = false

  constructor(options: ResolvedDashboard, api: DashboardApi) {
    this.#options = options
    this.#api = api
  }

  get size(): number {
    return this.#clients.size
  }

  /**
   * Takes over a response.
   * @param own the handle of whoever looks: the stream ends with that session
   * @param lastSeen the number of the last event that this page has
   * @returns false when there are too many; the response is as it was then
   */
  async open(res: ServerResponse, own: string | undefined, lastSeen: number | undefined): Promise<boolean> {
    if (this.#closed || this.#clients.size >= this.#options.maxClients) return false
    const events = this.#options.activity?.history.events
    const end = events ? (await events.end()) - 1 : -1
    // a number that is not reached yet is of a store that was emptied
    const isGap = lastSeen !== undefined && lastSeen > end
    const seq = isGap ? end : (lastSeen ?? end)
    if (res.destroyed || this.#closed || this.#clients.size >= this.#options.maxClients) return res.destroyed
    const stop = own === undefined ? () => {} : endsOfSessions(this.#options.sessions).watch(own, () => this.#end(client))
    const client: Client = { res, seq, forget: stop }
    this.#clients.add(client)
    res.once('close', () => this.#forget(client))
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no' })
    res.write('retry: 2000\n\n')
    if (isGap) this.#send(client, 'gap', {}, end)
    // a page that is cut off before anything happened has to know as well where to go on
    else if (seq >= 0) this.#send(client, 'start', {}, seq)
    if (this.#stops.length === 0) this.#stops = [this.#api.health.watch(), every(TICK_MS, () => this.#tick())]
    this.#ticks = 0
    this.#tick()
    return true
  }

  close(): void {
    this.#closed = true
    for (const client of this.#clients) {
      this.#forget(client)
      client.res.end()
    }
  }

  #end(client: Client): void {
    this.#send(client, 'ended', {})
    this.#forget(client)
    client.res.end()
  }

  #forget(client: Client): void {
    client.forget()
    this.#clients.delete(client)
    if (this.#clients.size > 0) return
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  #tick(): void {
    if (this.#ticking || this.#clients.size === 0) return
    this.#ticking = true
    this.#tell()
      .catch(() => {
        // the store does not answer; the next tick may find it back
      })
      .finally(() => (this.#ticking = false))
  }

  async #tell(): Promise<void> {
    const tick = this.#ticks++
    for (const { res } of this.#clients) if (res.writableLength > MAX_BUFFERED) res.destroy()
    if (tick % PULSE_TICKS === PULSE_TICKS - 1) for (const { res } of this.#clients) res.write(':\n\n')
    const { activity } = this.#options
    if (tick % HEALTH_TICKS === 0) this.#broadcast('health', await this.#api.readHealth())
    if (!activity) return
    await this.#tellEvents()
    if (tick % LIVE_TICKS !== 0) return
    const [live, point] = await Promise.all([activity.live(), activity.history.point()])
    this.#broadcast('live', live)
    this.#broadcast('point', point)
  }

  async #tellEvents(): Promise<void> {
    const { events } = this.#options.activity!.history
    await events.flush()
    const from = Math.min(...[...this.#clients].map(({ seq }) => seq))
    const { entries, gap } = await events.after(from, CATCH_UP)
    if (gap) {
      const end = (await events.end()) - 1
      for (const client of this.#clients) {
        client.seq = end
        this.#send(client, 'gap', {}, end)
      }
      return
    }
    for (const client of this.#clients) {
      for (const { seq, entry } of entries) {
        if (seq <= client.seq) continue
        client.seq = seq
        this.#send(client, 'event', entry, seq)
      }
    }
  }

  #broadcast<M extends keyof LiveMessages>(event: M, message: LiveMessages[M]): void {
    for (const client of this.#clients) this.#send(client, event, message)
  }

  #send<M extends keyof LiveMessages>({ res }: Client, event: M, message: LiveMessages[M], id?: number): void {
    if (res.destroyed) return
    res.write(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`)
  }
}
