import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { serverFor, type ServerKind } from '@sessile/test-servers'

/** The tests that ask a shop by HTTP, as they stand. */
const FILES = [
  'http',
  'accounts/router',
  'admin/router',
  'cart/router',
  'catalogue/router',
  'monitoring/router',
  'orders/router',
  'pages/forms'
]

/** Runs them with shops that keep their things where `env` says: see `stores-of-run.ts`. */
async function passes(test: TestContext, env: Record<string, string>): Promise<void> {
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const files = FILES.map((name) => join(import.meta.dirname, `${name}.test.ts`))
  // one that hangs is to be named, not waited for; nor is a shop that is left open by one that failed
  const limits = ['--test-timeout=60000', '--test-force-exit']
  const options = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=tap', '--test-concurrency=2', ...limits]
  const child = spawn(process.execPath, [...options, ...files], { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  const [status] = await once(child, 'close')
  const counted = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1])
  test.diagnostic(`${counted('pass')} passed, ${counted('skipped')} skipped`)
  if (status !== 0 || !(counted('pass') > 100) || counted('skipped') > 0) throw new Error(output)
}

const withName = (url: string, parameter: string, end = '') => {
  const place = new URL(url)
  place.pathname ||= '/'
  return `${place.href}${place.search ? '&' : '?'}${parameter}=NAME${end}`
}

/** The servers that sessions may be kept in; each shop has a part of its own there. */
const SERVERS: readonly [ServerKind, (urls: readonly string[]) => Record<string, string>][] = [
  ['redis', ([url]) => ({ TEST_SHOP_STORE: withName(url!, 'prefix', ':') })],
  ['redis-cluster', (urls) => ({ TEST_SHOP_STORE: `redis+cluster://${urls.map((url) => new URL(url).host).join(',')}?prefix=NAME:` })],
  ['mongo', ([url]) => ({ TEST_SHOP_STORE: withName(url!, 'collectionName') })],
  // users, products and orders as well
  ['postgres', ([url]) => ({ TEST_SHOP_STORE: withName(url!, 'tableName'), TEST_SHOP_DATABASE: url! })]
]

describe('the whole HTTP test', { timeout: 600_000 }, () => {
  it('passes with sessions in memory', (test) => passes(test, { TEST_SHOP_STORE: 'memory:' }))

  it('passes with two processes on SQLite files', (test) => passes(test, { TEST_SHOP_PROCESSES: '2' }))

  for (const [kind, placesOn] of SERVERS) {
    it(`passes with one process, then with two, on ${kind}`, async (test) => {
      const server = await serverFor(test, kind)
      if (!server) return
      for (const processes of ['1', '2']) await passes(test, { ...placesOn(server.urls), TEST_SHOP_PROCESSES: processes })
    })
  }
})
