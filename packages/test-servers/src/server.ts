import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './files.ts'
import { isRunning, signal, withDescendants, withParentDeathSignal } from './processes.ts'

/** How long a server, or a cluster, may take until it answers. */
export const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000
const LOG_BYTES = 16_384

/** What a test does with a server. Ended by `stop()` or `await using`, at the latest with the test process. */
export interface TestServer extends AsyncDisposable {
  readonly url: string
  /** All of a cluster's, else the one. */
  readonly urls: readonly string[]
  /** Whether it can be killed and paused; a server of the environment cannot. */
  readonly controllable: boolean
  /** What it wrote last. */
  readonly log: string
  /** SIGKILL to all its processes: a crash. The data stay. */
  kill(): Promise<void>
  /** Starts it again with the same port and data; ends it properly first if it runs. */
  restart(): Promise<void>
  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(): Promise<void>
  /** SIGCONT. */
  resume(): Promise<void>
  /** Ends it and deletes its data. */
  stop(): Promise<void>
}

/** How a server process is started. */
export interface Launch extends Account {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** What asks it to end. */
  readonly stopSignal?: NodeJS.Signals
  /** Whether it answers yet; a throw means no. */
  readonly ready: (server: ServerProcess) => Promise<boolean>
}

/** A server that somebody else runs: used as it is, never killed, never emptied. */
export class GivenServer implements TestServer {
  readonly url: string
  readonly urls: readonly string[]
  readonly controllable = false
  readonly log = ''

  constructor(url: string) {
    this.url = url
    this.urls = url.split(',')
  }

  kill = (): Promise<void> => this.#refuse('kill')
  restart = (): Promise<void> => this.#refuse('restart')
  pause = (): Promise<void> => this.#refuse('pause')
  resume = (): Promise<void> => this.#refuse('resume')
  async stop(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  async #refuse(what: string): Promise<never> {
    throw new Error(`A server of the environment is not ours to ${what}.`)
  }
}

/** One server process with a folder of its own. */
export class ServerProcess implements TestServer {
  readonly url: string
  readonly urls: readonly string[]
  readonly controllable = true
  readonly #folder: string
  readonly #launch: Launch
  #child: ChildProcess | undefined
  #log = ''
  #stopped = false

  /** @param folder deleted by `stop()` */
  constructor(url: string, folder: string, launch: Launch) {
    this.url = url
    this.urls = [url]
    this.#folder = folder
    this.#launch = launch
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get log(): string {
    return this.#log
  }

  /** @throws when it ends at once, or does not answer in time; with what it wrote */
  async start(): Promise<this> {
    const { command, args, env, uid, gid, ready } = this.#launch
    const [program, ...prefix] = withParentDeathSignal(command)
    const child = spawn(program, [...prefix, ...args], {
      cwd: this.#folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid })
    })
    this.#child = child
    this.#log = ''
    let exited: string | undefined
    child.once('error', (error) => (exited = error.message))
    child.once('exit', (code, signalName) => (exited ??= signalName ?? `exit code ${code}`))
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#log = (this.#log + text).slice(-LOG_BYTES)))
      ;(stream as Socket).unref()
    }
    child.unref() // a forgotten server does not keep the test process alive; see the hook on 'exit' below
    running.add(this)

    const deadline = Date.now() + START_TIMEOUT_MS
    for (;;) {
      if (exited !== undefined) throw new Error(`${basename(command)} ended while starting (${exited}):\n${this.#log}`)
      if (await ready(this).catch(() => false)) return this
      if (Date.now() > deadline) {
        await this.kill()
        throw new Error(`${basename(command)} was not ready after ${START_TIMEOUT_MS} ms:\n${this.#log}`)
      }
      await sleep(15)
    }
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  async pause(): Promise<void> {
    for (const pid of this.#pids()) signal(pid, 'SIGSTOP')
  }

  async resume(): Promise<void> {
    for (const pid of this.#pids()) signal(pid, 'SIGCONT')
  }

  async restart(): Promise<void> {
    await this.#end(this.#launch.stopSignal ?? 'SIGTERM')
    for (let attempt = 1; ; attempt++) {
      try {
        await this.start()
        return
      } catch (error) {
        if (attempt === 3) throw error // the port or a lock may take a moment to be free again
        await sleep(200)
      }
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    await this.#end(this.#launch.stopSignal ?? 'SIGTERM')
    this.discard()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Kills without waiting: for the end of the test process. */
  discard(): void {
    running.delete(this)
    for (const pid of this.#pids()) signal(pid, 'SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async #end(how: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child?.pid || hasEnded(child)) return
    const pids = this.#pids()
    const ended = once(child, 'exit')
    child.ref()
    if (how === 'SIGKILL') {
      for (const pid of pids) signal(pid, 'SIGKILL')
    } else {
      await this.resume() // a stopped process does not see other signals
      signal(child.pid, how)
    }
    const forced = setTimeout(() => pids.forEach((pid) => signal(pid, 'SIGKILL')), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(forced)
    while (pids.some(isRunning)) await sleep(5)
  }

  #pids(): number[] {
    const child = this.#child
    return child?.pid && !hasEnded(child) ? withDescendants(child.pid) : []
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

const running = new Set<ServerProcess>()
process.on('exit', () => {
  for (const server of running) server.discard()
})
