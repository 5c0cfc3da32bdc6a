import type { ServerResponse } from 'node:http'
import type { Sessions } from '../sessions.ts'

/** One content of a cart: which one, told from others by its revision. */
export interface CartState {
  readonly items: number
  readonly revision: string
}

/** The carts of sessions that are there, as they are now. */
export interface CartStates {
  /** A guest's, from what the session holds. */
  ofGuest(attributes: Readonly<Record<string, unknown>>): CartState
  /** The users', in one look at the database. */
  ofUsers(userIds: readonly number[]): Promise<ReadonlyMap<number, CartState>>
}

export interface LiveOptions {
  readonly sessions: Pick<Sessions, 'get' | 'on'>
  readonly states: CartStates
  /** Streams of one session; one more ends the oldest. Browsers have six connections for a host in all. */
  readonly maxOfSession?: number
  /** Streams of this process; one more is refused. */
  readonly maxStreams?: number
  /** How often it is looked whether another process changed something. */
  readonly lookEveryMs?: number
}

interface Stream {
  handle: string
  readonly res: ServerResponse
  told: string | undefined
}

const DEFAULTS = { maxOfSession: 4, maxStreams: 1_000, lookEveryMs: 500 } as const
/** So that whatever stands between does not take the silence for an end. */
const PULSE_MS = 20_000

/**
 * Tells the open windows of a session what is in the cart, by server-sent events: `cart` with `{ items, revision }` whenever it
 * is another one, `ended` when the session is over. Changes made by this process are seen at once, those by others within
 * `lookEveryMs`: all sessions that are watched are looked at together, and none while nobody watches.
 */
export class Live {
  readonly #options: LiveOptions & typeof DEFAULTS
  readonly #streams = new Set<Stream>()
  readonly #stops: (() => void)[]
  #looking: Promise<void> | undefined
  #again = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #pulseAt = 0

  constructor(options: LiveOptions) {
    this.#options = { ...DEFAULTS, ...options } as LiveOptions & typeof DEFAULTS
    const { sessions } = options
    this.#stops = [
      sessions.on('ended', ({ handle, reason }) => {
        if (reason !== 'renewed') this.#end(handle, 'ended')
      }),
      // The page of before a sign-in shows somebody else's world.
      sessions.on('renewed', ({ previous, reason, handle }) => {
        if (reason === 'sign-in') return this.#end(previous, 'ended')
        for (const stream of this.#streams) if (stream.handle === previous) stream.handle = handle
      })
    ]
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.size
  }

  /**
   * Takes over a response.
   * @param handle of the session whose cart it tells of
   * @returns false when there are too many; the response is as it was
   */
  open(handle: string, res: ServerResponse): boolean {
    if (this.#closed || this.#streams.size >= this.#options.maxStreams) return false
    const own = [...this.#streams].filter((stream) => stream.handle === handle)
    for (const oldest of own.slice(0, Math.max(0, own.length - this.#options.maxOfSession + 1))) this.#finish(oldest, 'replaced')
    const stream: Stream = { handle, res, told: undefined }
    this.#streams.add(stream)
    res.once('close', () => this.#forget(stream))
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' })
    res.write('retry: 2000\n\n')
    this.#timer ??= setInterval(() => this.look(), this.#options.lookEveryMs).unref()
    this.look()
    return true
  }

  /** Looks now: something may have changed. */
  look(): void {
    if (this.#streams.size === 0 || this.#closed) return
    if (this.#looking) {
      this.#again = true
      return
    }
    this.#looking = this.#lookAtAll()
      .catch(() => {
        // The store does not answer. The next look may find it back.
      })
      .finally(() => {
        this.#looking = undefined
        if (!this.#again) return
        this.#again = false
        this.look()
      })
  }

  /** Ends all streams; browsers come back by themselves, to whoever serves then. */
  close(): void {
    this.#closed = true
    for (const stop of this.#stops) stop()
    clearInterval(this.#timer)
    for (const { res } of this.#streams) res.end()
    this.#streams.clear()
  }

  async #lookAtAll(): Promise<void> {
    const handles = new Set([...this.#streams].map(({ handle }) => handle))
    const found = await Promise.all([...handles].map(async (handle) => [handle, await this.#options.sessions.get(handle)] as const))
    const users = new Map<number, string[]>()
    for (const [handle, session] of found) {
      if (!session) this.#end(handle, 'ended')
      else if (session.userId === undefined) this.#tell(handle, this.#options.states.ofGuest(session.attributes))
      else {
        const userId = Number(session.userId)
        users.set(userId, [...(users.get(userId) ?? []), handle])
      }
    }
    if (users.size > 0) {
      const states = await this.#options.states.ofUsers([...users.keys()])
      for (const [userId, handles] of users) for (const handle of handles) this.#tell(handle, states.get(userId))
    }
    this.#pulse()
  }

  #tell(handle: string, state: CartState | undefined): void {
    if (!state) return
    for (const stream of this.#streams) {
      if (stream.handle !== handle || stream.told === state.revision) continue
      stream.told = state.revision
      stream.res.write(`event: cart\ndata: ${JSON.stringify({ items: state.items, revision: state.revision })}\n\n`)
    }
  }

  #pulse(): void {
    const now = performance.now()
    if (now < this.#pulseAt) return
    this.#pulseAt = now + PULSE_MS
    for (const { res } of this.#streams) res.write(':\n\n')
  }

  #end(handle: string, why: 'ended'): void {
    for (const stream of this.#streams) if (stream.handle === handle) this.#finish(stream, why)
  }

  #finish(stream: Stream, why: 'ended' | 'replaced'): void {
    this.#forget(stream)
    stream.res.end(`event: ${why}\ndata: {}\n\n`)
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
