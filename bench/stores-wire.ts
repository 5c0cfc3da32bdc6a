/** What goes between a process and a server: bytes, and how often the one waits for the other. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Traffic {
  readonly roundTrips: number
  readonly bytes: number
}

export interface Wire {
  /** The server's URL, with this in front of it. */
  readonly url: string
  /** What has gone through it so far. */
  traffic(): Traffic
  close(): void
}

/** Stands before a server. A round trip is what was sent, in one piece or several, before the server answered. */
export async function wireTo(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url)
  let roundTrips = 0
  let bytes = 0
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname)
    let isAsking = false
    const passOn = (from: Socket, other: Socket, asks: boolean): void => {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (chunk) => {
        bytes += chunk.length
        if (asks && !isAsking) roundTrips++
        isAsking = asks
        other.write(chunk)
      })
      from.on('close', () => other.destroy())
      from.on('error', () => other.destroy())
    }
    passOn(client, server, true)
    passOn(server, client, false)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const through = new URL(url)
  through.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  return {
    url: through.href,
    traffic: () => ({ roundTrips, bytes }),
    close() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
