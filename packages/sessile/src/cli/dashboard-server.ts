import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import cookie from 'cookie'
import { newId } from '../core/ids.ts'
import { Trouble } from './command.ts'

type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

const HOST = '127.0.0.1'
const REFUSED = 'Open the address that the command printed. It works once: for another browser, start the command again.\n'

/**
 * Serves one handler on this machine, to the one browser that came with the token first. A page of another site can neither read
 * it nor be it: the cookie is strict, and only its own name is answered (so no name that is pointed to 127.0.0.1 gets in).
 */
export class DashboardServer {
  readonly #cookie = newId()
  #token: string | undefined = newId()
  #server: Server | undefined
  #names: readonly string[] = []

  /** @returns the address with the token. @throws Trouble when the port cannot be used */
  async listen(handler: Handler, port: number): Promise<string> {
    const server = createServer((req, res) => this.#answer(handler, req, res))
    try {
      server.listen(port, HOST)
      await once(server, 'listening')
    } catch (error) {
      throw new Trouble(`Port ${port} cannot be used: ${(error as Error).message}. Another one: --port N`, 1)
    }
    this.#server = server
    const taken = (server.address() as AddressInfo).port
    this.#names = [`${HOST}:${taken}`, `localhost:${taken}`]
    return `http://${HOST}:${taken}/?token=${this.#token}`
  }

  /** Whether a request is of the browser that came with the token. */
  isOpenTo(req: IncomingMessage): boolean {
    return isSame(cookie.parse(req.headers.cookie ?? '')[this.#cookieName], this.#cookie)
  }

  async close(): Promise<void> {
    const server = this.#server
    if (!server) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  /** Cookies are not told apart by port. */
  get #cookieName(): string {
    return `sessile-dashboard-${this.#names[0]?.split(':')[1]}`
  }

  #answer(handler: Handler, req: IncomingMessage, res: ServerResponse): void {
    if (!this.#names.includes(req.headers.host ?? '')) return refuse(res)
    const url = new URL(req.url ?? '/', `http://${HOST}`)
    const given = url.searchParams.get('token')
    if (req.method === 'GET' && url.pathname === '/' && given !== null) {
      const isIt = isSame(given, this.#token)
      if (!isIt && !this.isOpenTo(req)) return refuse(res)
      if (isIt) {
        this.#token = undefined
        res.setHeader('Set-Cookie', `${this.#cookieName}=${this.#cookie}; Path=/; HttpOnly; SameSite=Strict`)
      }
      res.writeHead(303, { Location: '/', 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end()
      return
    }
    if (!this.isOpenTo(req)) return refuse(res)
    handler(req, res, () => {
      if (!res.headersSent) res.writeHead(500)
      res.end()
    })
  }
}

function refuse(res: ServerResponse): void {
  res.writeHead(403, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(REFUSED)
}

function isSame(given: string | undefined, expected: string | undefined): boolean {
  if (given === undefined || expected === undefined) return false
  const [one, other] = [Buffer.from(given), Buffer.from(expected)]
  return one.length === other.length && timingSafeEqual(one, other)
}
