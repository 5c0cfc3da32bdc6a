/** One request through a handler in process: node's own request and response classes on a socket that goes nowhere. */
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** A listener as `http.createServer` takes it. */
export type Handler = (req: IncomingMessage, res: ServerResponse) => void

class NullSocket extends Duplex {
  remoteAddress = '127.0.0.1'
  override _read() {}
  override _write(_chunk: unknown, _encoding: string, done: () => void) {
    done()
  }
  override _writev(_chunks: unknown, done: () => void) {
    done()
  }
  setTimeout() {
    return this
  }
}

/** Runs one request. @returns the `Set-Cookie` of the answer, once it has ended */
export function exchange(handler: Handler, cookie: string | undefined): Promise<string | undefined> {
  const socket = new NullSocket() as unknown as Socket
  const req = new IncomingMessage(socket)
  req.method = 'GET'
  req.url = '/'
  req.headers = cookie === undefined ? { host: 'localhost' } : { host: 'localhost', cookie }
  const res = new ServerResponse(req)
  res.assignSocket(socket)
  return new Promise((resolve) => {
    res.on('finish', () => {
      const set = res.getHeader('set-cookie')
      res.detachSocket(socket)
      resolve(Array.isArray(set) ? set[0] : (set as string | undefined))
    })
    handler(req, res)
  })
}
