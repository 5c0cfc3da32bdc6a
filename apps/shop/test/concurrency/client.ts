/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The body, parsed where it is JSON. */
  readonly body: any
}

/**
 * A browser's or program's session: keeps its cookies, whichever process it asks. Requests at once all send the cookies
 * that were there when they began.
 */
export class Client {
  readonly #urls: readonly string[]
  readonly #cookies = new Map<string, string>()
  #turn = 0

  /** @param urls the processes to ask, in turn */
  constructor(...urls: string[]) {
    this.#urls = urls
  }

  /** Another client with the same cookies: the same browser, or a thief. */
  clone(): Client {
    return this.movedTo(...this.#urls)
  }

  /** Another client with the same cookies, which asks other processes. */
  movedTo(...urls: string[]): Client {
    const other = new Client(...urls)
    for (const [name, value] of this.#cookies) other.#cookies.set(name, value)
    return other
  }

  get cookies(): ReadonlyMap<string, string> {
    return this.#cookies
  }

  get = (path: string, headers?: Record<string, string>) => this.send('GET', path, undefined, headers)
  post = (path: string, body?: unknown, headers?: Record<string, string>) => this.send('POST', path, body, headers)
  put = (path: string, body?: unknown, headers?: Record<string, string>) => this.send('PUT', path, body, headers)
  delete = (path: string, headers?: Record<string, string>) => this.send('DELETE', path, undefined, headers)

  /** @param body sent as JSON, or as it is when it is URLSearchParams (a form) or text (with a content type of its own) */
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const raw = body === undefined || body instanceof URLSearchParams || typeof body === 'string'
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(this.#urls[this.#turn++ % this.#urls.length] + path, {
      method,
      redirect: 'manual',
      headers: { ...(raw ? {} : { 'Content-Type': 'application/json' }), ...(cookie && { Cookie: cookie }), ...headers },
      ...(body !== undefined && { body: raw ? body as string | URLSearchParams : JSON.stringify(body) })
    })
    const text = await response.text()
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    const json = text !== '' && response.headers.get('Content-Type')?.includes('json')
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text }
  }

  #keep(line: string): void {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
    const expires = /;\s*expires=([^;]+)/i.exec(line)?.[1]
    if (value === '' || (expires && Date.parse(expires) <= Date.now())) this.#cookies.delete(name!)
    else this.#cookies.set(name!, value!)
  }
}
