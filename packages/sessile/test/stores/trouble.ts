import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { inspect } from 'node:util'
import { sign } from 'cookie-signature'
import type { SessionBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import type { SessionManager } from '../../src/entries/index.ts'
import { ours, SECRET, serve, type Running } from '../express/helpers.ts'

export const cookieOf = (id: string): string => `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`

export type App = Running & { handled(): number; sessions: SessionManager }

/**
 * An app that changes its session at every request to `/write`, puts so many bytes into it at `/fill?bytes`, ends it at `/end`, and
 * counts how often a handler ran. The store ends with the test.
 */
export async function appOn(t: TestContext, store: SessionBackend, more: object = {}): Promise<App> {
  t.after(() => store.close!())
  let handled = 0
  const middleware = ours({ secret: SECRET, resave: false, saveUninitialized: false, store, onStoreError: 'fail', ...more })
  const server = await serve(t, middleware, (req, res) => {
    handled++
    if (req.url === '/write') req.session.n = (req.session.n ?? 0) + 1
    // nothing that a database could make smaller
    if (req.url.startsWith('/fill?')) req.session.filling = randomBytes(Number(req.url.slice('/fill?'.length)) / 2).toString('hex')
    if (req.url === '/end') return req.session.destroy((error: Error | null) => res.writeHead(error ? 503 : 200).end(error?.message))
    res.end(String(req.session.n ?? 'anonymous'))
  })
  return Object.assign(server, { handled: () => handled, sessions: middleware as SessionManager })
}

/** An error as it is told. */
export interface Told {
  code: string
  status: number
  message: string
  cause?: { code?: unknown; codeName?: unknown }
}

export const last = (running: App): Told => running.errors.at(-1) as Told

/** Whoever logs the app's errors, with all that hangs on them, logs no id and nothing of a session. */
export function tellsNothing(running: App, ...secrets: string[]): void {
  const printed = inspect(running.errors, { depth: Infinity, showHidden: true })
  for (const secret of ['hunter2', ...secrets]) assert.ok(!printed.includes(secret), printed)
}

/** A file system of its own, which is soon full. */
export interface TinyDisk {
  readonly folder: string
  /** Takes all the room that is left. */
  fill(): void
  /** Gives it back. */
  empty(): void
  remount(mode: 'ro' | 'rw'): void
}

/** @returns `undefined` where mounting is not permitted, which the test's output tells */
export function tinyDisk(t: TestContext, size: string): TinyDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'sessile-disk-'))
  const run = (command: string, ...args: string[]): void => void execFileSync(command, args, { stdio: 'pipe' })
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder)
  } catch (error) {
    rmSync(folder, { recursive: true })
    t.diagnostic(`not tried on a full disk, since none could be mounted: ${String((error as Error).message).trim()}`)
    return undefined
  }
  t.after(() => {
    run('umount', '--lazy', folder)
    rmSync(folder, { recursive: true })
  })
  const filling = join(folder, 'filling')
  return {
    folder,
    fill() {
      const file = openSync(filling, 'a')
      try {
        for (;;) writeSync(file, Buffer.alloc(4096))
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      } finally {
        closeSync(file)
      }
    },
    empty: () => rmSync(filling),
    remount: (mode) => run('mount', '-o', `remount,${mode}`, folder)
  }
}

/** A request with a session's cookie fails, clearly, and no handler takes its user for somebody unknown. */
export async function refuses(server: App, message: RegExp): Promise<void> {
  const before = server.handled()
  const { status } = await server.get('/', { cookie: cookieOf(newId()) })
  assert.equal(status, 503)
  assert.equal(server.handled(), before)
  const error = server.errors.at(-1) as { code: string; message: string }
  assert.equal(error.code, 'store-failed')
  assert.match(error.message, message)
  assert.doesNotMatch(error.message, /hunter2/)
}

/** As `refuses`, of an app whose store is to be at a port where something else answers, and then at one where nothing does. */
export async function refusesOtherPorts(appAt: (port: number) => Promise<App>): Promise<void> {
  const sockets = new Set<Socket>()
  const web = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  }).listen(0, '127.0.0.1')
  await once(web, 'listening')
  const { port } = web.address() as AddressInfo
  await refuses(await appAt(port), /./)
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => web.close(resolve))
  await refuses(await appAt(port), /ECONNREFUSED/)
}

/** A write fails, clearly. */
export async function cannotWrite(server: App, message: RegExp, cookie?: string): Promise<void> {
  const before = server.errors.length
  const answer = await server.get('/write', { cookie }).catch(() => undefined)
  assert.notEqual(answer?.status, 200)
  const error = server.errors[before] as { code: string; message: string; cause?: Error }
  assert.ok(['store-failed', 'unknown-outcome'].includes(error?.code), String(error))
  assert.match(`${error.message} ${error.cause?.message}`, message)
}
