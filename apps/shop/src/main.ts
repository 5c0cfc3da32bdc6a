import { createShop } from './app.ts'
import { ConfigError, readConfig } from './config.ts'
import { type Listening, listen } from './server.ts'
import { openStores } from './stores.ts'

/** From the signal to the end. */
const MOST_MS = 9_500

/** Starts the shop as the environment says, and ends it on SIGTERM or SIGINT. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const stores = await openStores(config)
  for (const warning of [...config.warnings, ...stores.warnings]) console.error(`Warning: ${warning}`)
  const shop = await createShop(config, stores)
  const servers: Listening[] = []

  let ending: Promise<void> | undefined
  const end = () =>
    (ending ??= (async () => {
      // Whatever does not end by then, a database that hangs say, is not waited for.
      setTimeout(() => process.exit(0), MOST_MS).unref()
      shop.endStreams()
      await Promise.all(servers.map((server) => server.close()))
      await shop.close()
      await Promise.all([stores.sessions.close(), stores.db.destroy()])
      process.exit(0)
    })().catch(fail))
  process.on('SIGTERM', end)
  process.on('SIGINT', end)

  if (config.metricsPort !== undefined) servers.push(await listen(shop.metrics, config.host, config.metricsPort))
  const server = await listen(shop.app, config.host, config.port)
  servers.push(server)
  if (stores.setupSecret !== undefined) console.log(setupText(server.url, stores.setupSecret))
  console.log(`Shop ready at ${server.url}`)
}

/** Printed at the first start without an administrator, and never again: it is nowhere else. */
function setupText(url: string, secret: string): string {
  return `There is no administrator yet. Whoever signs in at ${url}/admin/setup and knows this secret becomes one; it works once, within 24 hours:\n\n    ${secret}\n`
}

function fail(error: unknown): void {
  console.error(sentenceOf(error))
  process.exit(1)
}

/** What went wrong, for whoever starts the shop. */
function sentenceOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const { code, port, address, message } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  if (code === 'EADDRINUSE') return `Port ${port} at ${address} is in use already. Choose another one: PORT=3001 npm start`
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} may not be used by this user. Choose one above 1023: PORT=3000 npm start`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `HOST is no address of this machine: ${message}`
  return `The shop could not start: ${message ?? String(error)}`
}

main().catch(fail)
