import http from 'node:http'
import https from 'node:https'
import { Trouble } from '../command.ts'

/** A cookie as an answer set it. */
export interface SetCookie {
  readonly name: string
  readonly value: string
  /** By lower-case names; `''` for those without a value. */
  readonly attributes: Readonly<Record<string, string>>
}

export interface Answer {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly cookies: readonly SetCookie[]
  readonly text: string
}

export interface Question {
  readonly method?: string
  /** A Cookie header. */
  readonly cookie?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A browser's memory: a Cookie header with what an answer set laid over it. */
export function laidOver(header: string | undefined, cookies: readonly SetCookie[]): string {
  const jar = new Map(
    (header ?? '')
      .split('; ')
      .filter(Boolean)
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair] as const)
  )
  for (const { name, value } of cookies) {
    if (value === '') jar.delete(name)
    else jar.set(name, `${name}=${value}`)
  }
  return [...jar.values()].join('; ')
}

const TIMEOUT_MS = 10_000
const MAX_BODY = 1_000_000

/** Asks one site, sending exactly what it is told; redirects are not followed, cookies not kept. */
export class Client {
  readonly base: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent: http.Agent
  /** The Cookie headers of browsers for which a POST, as a sign-in is, set cookies. */
  readonly begunByPost: string[] = []
  /** How many requests were sent. */
  asked = 0
  /** Who is asking: a browser, or a program where it is only programs that get a session. */
  accept = 'text/html,application/json;q=0.9'

  /** @param headers sent with every request */
  constructor(base: URL, headers: Readonly<Record<string, string>>) {
    this.base = base
    this.#headers = headers
    this.#agent = new (base.protocol === 'https:' ? https : http).Agent({ keepAlive: true, maxSockets: 8 })
  }

  /** @throws Trouble when nobody answers */
  ask(path: string, { method = 'GET', cookie, headers = {}, body }: Question = {}): Promise<Answer> {
    this.asked++
    const all: Record<string, string> = { accept: this.accept, ...this.#headers, ...headers }
    if (cookie !== undefined) all['cookie'] = cookie
    if (body !== undefined) all['content-length'] = String(Buffer.byteLength(body))
    const url = new URL(this.base)
    const { request } = url.protocol === 'https:' ? https : http
    return new Promise((resolve, reject) => {
      const failed = (error: Error) =>
        reject(new Trouble(`${method} ${url.origin}${path} was not answered: ${error.message || String(error)}`))
      const asked = request(url, { method, path, headers: all, agent: this.#agent, timeout: TIMEOUT_MS }, (res) => {
        let text = ''
        res.setEncoding('utf8')
        res.on('data', (chunk: string) => {
          if (text.length < MAX_BODY) text += chunk
        })
        res.on('error', failed)
        res.on('end', () => {
          const cookies = (res.headers['set-cookie'] ?? []).map(parseSetCookie)
          if (method === 'POST' && cookies.length > 0) this.begunByPost.push(laidOver(cookie, cookies))
          resolve({ method, path, status: res.statusCode ?? 0, headers: res.headers, cookies, text })
        })
      })
      asked.on('timeout', () => asked.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)))
      asked.on('error', failed)
      asked.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

function parseSetCookie(header: string): SetCookie {
  const [pair = '', ...rest] = header.split(';')
  const equals = pair.indexOf('=')
  const attributes = rest.map((part) => {
    const at = part.indexOf('=')
    return at === -1 ? [part.trim().toLowerCase(), ''] : [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()]
  })
  return {
    name: pair.slice(0, equals).trim(),
    value: pair.slice(equals + 1).trim(),
    attributes: Object.fromEntries(attributes) as Record<string, string>
  }
}

/** Whether a cookie is taken away by this: empty, or of the past. */
export function isCleared({ value, attributes }: SetCookie, at: number): boolean {
  const maxAge = attributes['max-age']
  return value === '' || (maxAge !== undefined ? Number(maxAge) <= 0 : Date.parse(attributes['expires'] ?? '') <= at)
}

/** How long a cookie is kept, ms from `at`; `undefined`: as long as the browser runs. */
export function lifeOf({ attributes }: SetCookie, at: number): number | undefined {
  const { 'max-age': maxAge, expires } = attributes
  if (maxAge !== undefined) return Number(maxAge) * 1000
  return expires === undefined ? undefined : Date.parse(expires) - at
}
