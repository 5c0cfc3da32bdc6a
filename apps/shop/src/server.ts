import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Longer than any answer of ours takes; whoever is slower than that is not waited for. */
const PATIENCE_MS = 8_000

/** A server that accepts requests. */
export interface Listening {
  /** `http://HOST:PORT` with the port that it really has. */
  readonly url: string
  /** Takes no more connections, answers what is in flight, and ends. */
  close(): Promise<void>
}

/** @throws when the address cannot be listened at */
export async function listen(handler: RequestListener, host: string, port: number): Promise<Listening> {
  let closing = false
  const server = createServer((req, res) => {
    // Whoever keeps a connection for the next request is told that there is none.
    if (closing) res.setHeader('Connection', 'close')
    handler(req, res)
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    url: urlOf(host, (server.address() as AddressInfo).port),
    async close() {
      closing = true
      await end(server)
    }
  }
}

async function end(server: Server): Promise<void> {
  const ended = once(server, 'close')
  server.close()
  const late = setTimeout(() => server.closeAllConnections(), PATIENCE_MS)
  // A connection that answered its last request after `close` is idle without anybody's having closed it.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  await ended
  clearTimeout(late)
  clearInterval(idle)
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}
