import { strict as assert } from 'node:assert'
import type { TestContext } from 'node:test'
import { sign } from 'cookie-signature'
import type { SessionBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import type { Sessions } from '../../src/entries/index.ts'
import { ours, SECRET, serve, type Running } from '../express/helpers.ts'

export const cookieOf = (id: string): string => `connect.sid=${encodeURIComponent(`s:${sign(id, SECRET)}`)}`

export type App = Running & { handled(): number; sessions: Sessions }

/**
 * An app that changes its session at every request to `/write`, puts so many bytes into it at `/fill?bytes`, ends it at `/end`, and
 * counts how often a handler ran. The store ends with the test.
 */
export async function appOn(t: TestContext, store: SessionBackend): Promise<App> {
  t.after(() => store.close!())
  let handled = 0
  const middleware = ours({ secret: SECRET, resave: false, saveUninitialized: false, store, onStoreError: 'fail' })
  const server = await serve(t, middleware, (req, res) => {
    handled++
    if (req.url === '/write') req.session.n = (req.session.n ?? 0) + 1
    if (req.url.startsWith('/fill?')) req.session.filling = 'x'.repeat(Number(req.url.slice('/fill?'.length)))
    if (req.url === '/end') return req.session.destroy((error: Error | null) => res.writeHead(error ? 503 : 200).end(error?.message))
    res.end(String(req.session.n ?? 'anonymous'))
  })
  return Object.assign(server, { handled: () => handled, sessions: middleware as Sessions })
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

/** A write fails, clearly. */
export async function cannotWrite(server: App, message: RegExp, cookie?: string): Promise<void> {
  const before = server.errors.length
  const answer = await server.get('/write', { cookie }).catch(() => undefined)
  assert.notEqual(answer?.status, 200)
  const error = server.errors[before] as { code: string; message: string; cause?: Error }
  assert.ok(['store-failed', 'unknown-outcome'].includes(error?.code), String(error))
  assert.match(`${error.message} ${error.cause?.message}`, message)
}
