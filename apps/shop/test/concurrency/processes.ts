import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What calls back when a test, or a file of them, ends: a test's context, or `{ after }` of `node:test`. */
export interface Ending {
  after(end: () => unknown): void
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** A shop in a process of its own. */
export interface ShopProcess {
  readonly url: string
  /** Ends it as a crash would: at once, whatever it is doing. */
  kill(): Promise<void>
}

/** A folder for the shop's files, gone when the test ends. */
export async function dataFolder(test: Ending): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shop-'))
  test.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** Starts a shop on the files of a folder, which other processes may use as well. */
export async function startShop(test: Ending, folder: string): Promise<ShopProcess> {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', DATA_DIR: folder },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  test.after(kill)
  return { url: await addressOf(child), kill }
}

/** As many shops as asked on one new folder, started one after the other, as a deployment does. */
export async function startShops(test: Ending, count: number): Promise<{ readonly shops: ShopProcess[], readonly folder: string }> {
  const folder = await dataFolder(test)
  const shops: ShopProcess[] = []
  for (let i = 0; i < count; i++) shops.push(await startShop(test, folder))
  return { shops, folder }
}

async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  createInterface({ input: child.stderr! }).on('line', line => said.push(line))
  for await (const line of createInterface({ input: child.stdout! })) {
    said.push(line)
    const ready = /Shop ready at (http:\S+)/.exec(line)
    if (ready) {
      // Left unread, what it says next would fill the pipe and stop it.
      child.stdout!.resume()
      return ready[1]!
    }
  }
  throw new Error(`The shop did not start:\n${said.join('\n')}`)
}
