import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..')

/** A started example. */
export interface Running extends AsyncDisposable {
  readonly url: string
  /** Everything that it has printed. */
  output(): string
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

/** Starts an example with Node, as `npm run example` does, and waits until it listens. */
export async function start(file: string, env: Record<string, string> = {}): Promise<Running> {
  const port = await freePort()
  const child = launch(file, { PORT: String(port), ...env })
  const output = collect(child)
  while (!output().includes('running on port')) {
    if (child.exitCode !== null) throw new Error(`${file} ended with exit code ${child.exitCode}:\n${output()}`)
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])
  }
  return { url: `http://127.0.0.1:${port}`, output, [Symbol.asyncDispose]: () => end(child) }
}

/** Runs an example that is expected to end by itself. */
export async function runToEnd(file: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = launch(file, { PORT: String(await freePort()), ...env })
  const output = collect(child)
  await once(child, 'close')
  return { code: child.exitCode, output: output() }
}

/** A browser: sends JSON, keeps its cookies. */
export function browser(url: string): {
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  cookie(): string
} {
  const cookies = new Map<string, string>()
  const cookie = (): string => [...cookies].map((pair) => pair.join('=')).join('; ')
  return {
    cookie,
    async send(method, path, body, headers = {}) {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(cookies.size > 0 && { cookie: cookie() }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers
        },
        ...(body !== undefined && { body: JSON.stringify(body) })
      })
      const lines = response.headers.getSetCookie()
      for (const line of lines) {
        const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split(/=(.*)/s)
        if (value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      return { status: response.status, setCookie: lines[0] ?? '', headers: response.headers, json: await response.json() }
    }
  }
}

export interface Answer {
  readonly status: number
  readonly setCookie: string
  readonly headers: Headers
  readonly json: any
}

function launch(file: string, env: Record<string, string>): ChildProcess {
  const { REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, MONGODB_URI, SESSION_SECRET, NODE_ENV, ...rest } = process.env
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(EXAMPLES, file)], {
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
}

function collect(child: ChildProcess): () => string {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  return () => output
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}
