import { after, it, type TestContext } from 'node:test'
import type { StartOptions } from './kinds.ts'
import { startServer, type ServerFacts, type ServerKind, type Servers } from './start-server.ts'

/**
 * A server for a test, or for the suites of a file. It ends with the test or the file. A file has its servers before its first suite:
 * Node takes it for done, and calls its `after`, when all tests that are registered so far have run.
 *
 *     const server = await serverFor(t, 'redis')             // in a test
 *     const server = await serverFor('redis store', 'redis') // at the top of a file, before its suites
 *     if (server) ...
 *
 * Where there is none, the test is skipped with the reason and with what would install one; of a file, a skipped test of the
 * given name is registered. With REQUIRE_SERVERS=1 it fails instead.
 * @returns `undefined` when there is none
 */
export async function serverFor<K extends ServerKind>(
  where: TestContext | string,
  kind: K,
  options?: StartOptions
): Promise<(Servers[K] & ServerFacts) | undefined> {
  const server = await startServer(kind, options)
  if (server.skipped !== undefined) {
    const reason = server.skipped
    if (process.env['REQUIRE_SERVERS'] === '1') throw new Error(`REQUIRE_SERVERS=1 is set, and there is ${reason}.`)
    if (typeof where === 'string') it(where, { skip: reason }, () => {})
    else where.skip(reason)
    return undefined
  }
  const stop = (): Promise<void> => server.stop()
  if (typeof where === 'string') after(stop)
  else where.after(stop)
  return server as Servers[K] & ServerFacts
}
