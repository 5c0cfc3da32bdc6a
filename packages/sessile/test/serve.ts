import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
}

/** A client that sends exactly the headers it is given (fetch adds and forbids some). */
export interface Server extends AsyncDisposable {
  readonly port: number
  ask(method: string, path: string, headers?: Record<string, string>): Promise<Answer>
}

/** Runs a request listener on a free port until it is disposed of. */
export async function serve(listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    async ask(method, path, headers = {}) {
      const request = http.request({ port, host: '127.0.0.1', method, path, headers, agent: false })
      request.end()
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      const json: unknown = response.headers['content-type']?.startsWith('application/json') ? JSON.parse(text) : undefined
      return { status: response.statusCode!, headers: response.headers, text, json }
    },
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    }
  }
}
