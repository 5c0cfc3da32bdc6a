import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createShop } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import type { Database } from '../src/database/database.ts'
import { listen } from '../src/server.ts'
import type { Sessions } from '../src/sessions.ts'
import { openStores } from '../src/stores.ts'
import { balance } from './stores-balancer.ts'
import { storesOfRun } from './stores-of-run.ts'

/** The demo users of `database/seed.ts`. */
export const ADMIN = { username: 'admin', password: 'password123' } as const
export const USER = { username: 'user', password: 'userpass' } as const
/** A password that new users may have. */
export const PASSWORD = 'correct horse battery staple'

type Env = Readonly<Record<string, string | undefined>>

/**
 * A shop in this process, at a port of its own, with real SQLite files in a folder of its own, or where `stores-of-run.ts` says; with
 * several processes where that says so. `await using` ends it.
 */
export interface TestShop extends AsyncDisposable {
  readonly url: string
  readonly dataDir: string
  readonly config: Config
  readonly db: Database
  readonly sessions: Sessions
  /** A new visitor, with a cookie jar. */
  client(options?: ClientOptions): Client
  /** A visitor who is signed in. */
  signedIn(who?: { readonly username: string; readonly password: string }): Promise<Client>
  close(): Promise<void>
}

/**
 * @param env what the environment would say
 * @param config what no variable says
 */
export async function startShop(env: Env = {}, config: Partial<Config> = {}): Promise<TestShop> {
  // closes what is open when a later step fails
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const given = { DATA_DIR: folder.path, PORT: '0', ...(await storesOfRun.fresh()), ...env }
  const settled = Object.freeze({ ...readConfig(given), logLevel: 'silent' as const, ...config })
  const stores = await openStores(settled)
  opened.defer(async () => void (await Promise.all([stores.sessions.close(), stores.db.destroy()])))
  const shop = await createShop(settled, stores)
  opened.defer(() => shop.close())
  const server = await listen(shop.app, settled.host, settled.port)
  opened.defer(() => server.close())
  // what no variable says cannot be told to other processes
  const others = Object.keys(config).length > 0 ? [] : await startOthers({ ...given, SESSION_SECRET: settled.secrets.join(',') })
  opened.defer(async () => void (await Promise.all(others.map((other) => other.end()))))
  const balancer = others.length > 0 ? await balance([server.url, ...others.map(({ url }) => url)]) : undefined
  opened.defer(() => balancer?.close())
  opened.defer(() => shop.endStreams())
  const url = balancer?.url ?? server.url
  const all = opened.move()
  const close = onlyOnce(() => all.disposeAsync())
  return {
    url,
    dataDir: folder.path,
    config: settled,
    db: stores.db,
    sessions: stores.sessions,
    client: (options) => new Client(url, options),
    signedIn: (who) => signedIn(url, who),
    close,
    [Symbol.asyncDispose]: close
  }
}

/** The processes of a shop beside this one, where the run has several. */
async function startOthers(env: Env & { readonly DATA_DIR: string }): Promise<ShopProcess[]> {
  const started = await Promise.allSettled(Array.from({ length: storesOfRun.processes - 1 }, () => startProcess(env)))
  const failed = started.find(({ status }) => status === 'rejected')
  const others = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  if (!failed) return others
  await Promise.all(others.map((other) => other.end()))
  throw (failed as PromiseRejectedResult).reason
}

/** A shop in a process of its own, as `npm start` runs it. */
export interface ShopProcess extends AsyncDisposable {
  readonly url: string
  readonly child: ChildProcess
  /** What it wrote so far, both streams. */
  readonly output: () => string
  client(options?: ClientOptions): Client
  signedIn(who?: { readonly username: string; readonly password: string }): Promise<Client>
  /** Sends a signal and waits for the end. @returns the exit status, or the signal that ended it */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

/**
 * Starts `node src/main.ts` and waits until it is ready.
 * @param env `DATA_DIR` is needed: whoever shares data between processes has to know where it is
 * @throws with what it wrote, when it ends before it is ready
 */
export async function startProcess(env: Env & { readonly DATA_DIR: string }): Promise<ShopProcess> {
  const { child, output } = spawnShop({ PORT: '0', ...env })
  const url = await Promise.race([
    (async () => {
      for await (const line of createInterface({ input: child.stdout! })) {
        const ready = /^Shop ready at (http:\S+)$/.exec(line)
        if (ready) return ready[1]!
      }
      return undefined
    })(),
    once(child, 'exit').then(() => undefined)
  ])
  if (url === undefined) throw new Error(`the shop did not start:\n${output()}`)
  child.stdout!.resume()
  const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode ?? child.signalCode!
  }
  return {
    url,
    child,
    output,
    client: (options) => new Client(url, options),
    signedIn: (who) => signedIn(url, who),
    end,
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL'))
  }
}

/** Starts `node src/main.ts` and waits until it ends by itself: for set-ups that are refused. */
export async function runProcess(env: Env): Promise<{ readonly status: number | null; readonly output: string }> {
  const { child, output } = spawnShop(env)
  await once(child, 'close')
  return { status: child.exitCode, output: output() }
}

function spawnShop(env: Env): { child: ChildProcess; output: () => string } {
  const inherited = Object.fromEntries(['PATH', 'HOME', 'TMPDIR'].map((name) => [name, process.env[name]]))
  const main = join(import.meta.dirname, '../src/main.ts')
  const child = spawn(process.execPath, [main], { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk) => {
      text += String(chunk)
    })
  return { child, output: () => text }
}

/** A folder of one's own for the time of a test. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'shop-test-'))
  const remove = () => rm(path, { recursive: true, force: true })
  return { path, remove, [Symbol.asyncDispose]: remove }
}

async function signedIn(
  url: string,
  { username, password }: { readonly username: string; readonly password: string } = USER
): Promise<Client> {
  const client = new Client(url)
  const answer = await client.post('/login', { username, password })
  if (answer.status !== 200) throw new Error(`signing in as ${username}: ${answer.status} ${answer.text}`)
  return client
}

export interface ClientOptions {
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; `undefined` where it is none. */
  readonly json: any
}

/** A visitor: sends requests with the cookies that were set before, follows no redirect. */
export class Client {
  readonly url: string
  readonly cookies = new Map<string, string>()
  readonly #headers: Readonly<Record<string, string>>

  constructor(url: string, { headers = {} }: ClientOptions = {}) {
    this.url = url
    this.#headers = headers
  }

  /** A second browser window: the same cookies as of now, kept apart from now on. */
  copy(): Client {
    const copy = new Client(this.url, { headers: this.#headers })
    for (const [name, value] of this.cookies) copy.cookies.set(name, value)
    return copy
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers)
  }

  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, body, headers)
  }

  put(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('PUT', path, body, headers)
  }

  delete(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('DELETE', path, undefined, headers)
  }

  /** What a browser does with a form: urlencoded, and a page is wanted. */
  form(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, new URLSearchParams(fields), { accept: BROWSER_ACCEPT, ...headers })
  }

  /** @param body text and form fields go as they are, anything else as JSON */
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const asIs = body === undefined || typeof body === 'string' || body instanceof URLSearchParams || body instanceof Uint8Array
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(this.url + path, {
      method,
      redirect: 'manual',
      headers: { ...(!asIs && { 'content-type': 'application/json' }), ...(cookie !== '' && { cookie }), ...this.#headers, ...headers },
      ...(body !== undefined && { body: (asIs ? body : JSON.stringify(body)) as string })
    })
    this.#keep(response.headers.getSetCookie())
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: parsed(text) }
  }

  #keep(lines: readonly string[]): void {
    for (const line of lines) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      const ends = /;\s*expires=([^;]+)/i.exec(line)?.[1]
      if (ends !== undefined && Date.parse(ends) <= Date.now()) this.cookies.delete(name!)
      else this.cookies.set(name!, value!)
    }
  }
}

/** What browsers say that they accept. */
export const BROWSER_ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

let users = 0

/** Registers somebody new. @returns the client, signed in, and what was typed */
export async function registered(shop: {
  client(): Client
}): Promise<{ client: Client; username: string; email: string; password: string; id: number }> {
  const username = `visitor-${process.pid}-${++users}`
  const client = shop.client()
  const email = `${username}@example.com`
  const answer = await client.post('/register', { username, email, password: PASSWORD })
  if (answer.status !== 201) throw new Error(`registering: ${answer.status} ${answer.text}`)
  return { client, username, email, password: PASSWORD, id: answer.json.user.id }
}

function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function onlyOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}
