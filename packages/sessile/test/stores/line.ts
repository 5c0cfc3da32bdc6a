import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** The line between a store and its server, to be listened in on, cut and put back. */
export interface Line extends AsyncDisposable {
  /** The URL of the server, by way of this line. */
  readonly url: string
  /** What clients have sent on each connection so far, when `recorded`. */
  readonly sent: readonly Buffer[][]
  /** Breaks all connections, and takes no new ones until `mend`. */
  cut(): void
  /** Nothing is sent on any more, and nothing is said of it, until `mend`, which breaks what was silent. */
  silence(): void
  mend(): void
}

export async function lineTo(url: string, recorded = false): Promise<Line> {
  const target = new URL(url)
  const open = new Set<Socket>()
  const sent: Buffer[][] = []
  let state: 'whole' | 'cut' | 'silent' = 'whole'
  const breakAll = (): void => open.forEach((socket) => socket.destroy())
  const server = createServer((inner) => {
    if (state === 'cut') return void inner.destroy()
    const outer = connect({ host: target.hostname, port: Number(target.port) })
    const record: Buffer[] = []
    sent.push(record)
    for (const [from, to] of [
      [inner, outer],
      [outer, inner]
    ] as const) {
      open.add(from)
      from.setNoDelay(true)
      from.on('data', (chunk: Buffer) => {
        if (recorded && from === inner) record.push(chunk)
        if (state === 'whole') to.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => {
        open.delete(from)
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
    silence() {
      state = 'silent'
    },
    mend() {
      if (state === 'silent') breakAll()
      state = 'whole'
    },
    async [Symbol.asyncDispose]() {
      server.close()
      breakAll()
    }
  }
}
