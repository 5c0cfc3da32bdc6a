// Starts the servers that are named and waits for Ctrl-C; started by scripts/servers.mjs, which finds Node 24.
import { SERVER_KINDS, startServer } from '@sessile/test-servers'
import { say } from './say.mjs'

const VARIABLES = {
  redis: 'TEST_REDIS_URL',
  'redis-cluster': 'TEST_REDIS_CLUSTER_URL',
  postgres: 'TEST_POSTGRES_URL',
  mongo: 'TEST_MONGODB_URL'
}

const asked = process.argv.slice(2)
const unknown = asked.find((kind) => !SERVER_KINDS.includes(kind))
if (unknown) {
  say(`There is no kind of server "${unknown}"; there are ${SERVER_KINDS.join(', ')}.`)
  process.exit(2)
}

const servers = []
async function end(code) {
  await Promise.all(servers.map((server) => server.stop()))
  process.exit(code)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => end(0))

try {
  for (const kind of asked.length > 0 ? asked : SERVER_KINDS) {
    const server = await startServer(kind)
    if (server.skipped) {
      say(server.skipped)
      continue
    }
    servers.push(server)
    say(`${kind}: ${server.program} ${server.version} (${server.source === 'env' ? 'given' : `from ${server.source}`})`)
    process.stdout.write(`${VARIABLES[kind]}='${server.urls.join(',')}'\n`)
  }
} catch (error) {
  say(error.message)
  await end(1)
}
if (servers.length === 0) process.exit(1)
say('Ctrl-C ends them.')
setInterval(() => {}, 2 ** 30)
