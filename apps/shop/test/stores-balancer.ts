import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * One address in front of several shops, which get the requests in turns, as they came: what stands before the processes of one app.
 * While a test moves the clock of this process, all go to the first, which is in it: the others would know nothing of it.
 */
export async function balance(urls: readonly string[]): Promise<{ readonly url: string; close(): Promise<void> }> {
  const agent = new Agent({ keepAlive: true })
  let turn = 0
  const server = createServer((req, res) => {
    const { hostname, port } = new URL(urls[clockIsMoved() ? 0 : turn++ % urls.length]!)
    const { method, url: path, rawHeaders: headers } = req
    const passed = request({ hostname, port, method, path, headers, setHost: false, agent }, (answer) => {
      res.writeHead(answer.statusCode!, answer.statusMessage, answer.rawHeaders)
      res.flushHeaders()
      answer.pipe(res)
      answer.on('error', () => res.destroy())
    })
    passed.on('error', () => res.destroy())
    res.on('close', () => passed.destroy())
    req.pipe(passed)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      agent.destroy()
    }
  }
}

function clockIsMoved(): boolean {
  return Math.abs(Date.now() - performance.timeOrigin - performance.now()) > 10_000
}
