import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** The line between a store and its server, to be listened in on, cut and put back. */
export interface Line extends AsyncDisposable {
  /** The URL of the server, by way of this line. */
  readonly url: string
  /** What clients have sent on each connection so far, when `recorded`. */
  readonly sent: readonly Buffer[][]
  /** Breaks all connections, and takes no new ones until `mend`. */
  cut(): void
  /** Breaks each connection, also new ones, once so many more bytes of answers have come through, until `mend`. */
  cutAfter(bytes: number): void
  /** Nothing is sent on any more, and nothing is said of it, until `mend`, which breaks what was silent. */
  silence(): void
  /** The connections that there are fall silent for good; new ones work. */
  lose(): void
  /** Every answer comes so many ms later, until `mend`. */
  slow(ms: number): void
  /** Answers are kept back until `mend`, and then come. */
  hold(): void
  mend(): void
}

/** One connection through a line. */
interface Through {
  isLost: boolean
  /** How many more bytes of answers come through. */
  left: number
  readonly inner: Socket
}

export async function lineTo(url: string, recorded = false): Promise<Line> {
  const target = new URL(url)
  const open = new Set<Socket>()
  const connections = new Set<Through>()
  const sent: Buffer[][] = []
  let state: 'whole' | 'cut' | 'silent' = 'whole'
  let left = Infinity
  let lateMs = 0
  let held = Promise.withResolvers<void>()
  held.resolve()
  const breakAll = (): void => open.forEach((socket) => socket.destroy())

  function answer(through: Through, chunk: Buffer): void {
    const { inner } = through
    if (through.isLost || inner.destroyed) return
    const part = chunk.subarray(0, through.left)
    through.left -= part.length
    if (through.left > 0) inner.write(part)
    else inner.write(part, () => inner.destroy())
  }

  const server = createServer((inner) => {
    if (state === 'cut') return void inner.destroy()
    const outer = connect({ host: target.hostname, port: Number(target.port) })
    const record: Buffer[] = []
    sent.push(record)
    const through = { isLost: false, left, inner }
    connections.add(through)
    inner.on('data', (chunk: Buffer) => {
      if (recorded) record.push(chunk)
      if (state === 'whole' && !through.isLost) outer.write(chunk)
    })
    let before = Promise.resolve()
    outer.on('data', (chunk: Buffer) => {
      if (state !== 'whole') return
      const dueAt = performance.now() + lateMs
      const released = held.promise
      // in their order, however late each of them is
      before = before.then(async () => {
        await released
        const early = dueAt - performance.now()
        if (early > 0) await pause(early)
        answer(through, chunk)
      })
    })
    for (const [from, to] of [
      [inner, outer],
      [outer, inner]
    ] as const) {
      open.add(from)
      from.setNoDelay(true)
      from.on('error', () => {})
      from.on('close', () => {
        open.delete(from)
        connections.delete(through)
        to.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((server.address() as AddressInfo).port)
  return {
    url: through.href,
    sent,
    cut() {
      state = 'cut'
      breakAll()
    },
    cutAfter(bytes) {
      left = bytes
      for (const one of connections) one.left = bytes
    },
    silence() {
      state = 'silent'
    },
    lose() {
      for (const one of connections) one.isLost = true
    },
    slow(ms) {
      lateMs = ms
    },
    hold() {
      held = Promise.withResolvers()
    },
    mend() {
      if (state === 'silent') breakAll()
      state = 'whole'
      left = Infinity
      for (const one of connections) one.left = Infinity
      lateMs = 0
      held.resolve()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      held.resolve()
      breakAll()
    }
  }
}
