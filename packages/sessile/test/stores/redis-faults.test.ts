import { serverFor } from '@sessile/test-servers'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { SessionBackend } from '../../src/core/backend.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import { faultsSuite } from './faults.ts'
import { freshPrefix } from './redis-harness.ts'
import { isSelected } from './selected.ts'

/** A store over an app's client with that driver's own defaults: it queues calls, and sends some again. The client ends with it. */
function overClient(url: string, driver: 'node-redis' | 'ioredis'): SessionBackend {
  const prefix = freshPrefix()
  if (driver === 'ioredis') {
    const client = new Redis(url)
    client.on('error', () => {})
    return endingWith(redisStore({ client, prefix }), () => client.disconnect())
  }
  const client = createClient({ url })
  client.on('error', () => {})
  client.connect().catch(() => {})
  return endingWith(redisStore({ client, prefix }), () => client.destroy())
}

function endingWith(backend: SessionBackend, end: () => void): SessionBackend {
  const close = backend.close!.bind(backend)
  return Object.assign(backend, {
    async close() {
      await close()
      end()
    }
  })
}

const server = isSelected('redis') ? await serverFor('redis in trouble', 'redis') : undefined
if (server?.controllable) {
  faultsSuite({
    name: 'redis by URL',
    server,
    make: (url) => redisStore({ url, prefix: freshPrefix() }),
    byUrl: (url) => `${url}?prefix=${freshPrefix()}`
  })
  faultsSuite({ name: "redis by an app's node-redis", server, make: (url) => overClient(url, 'node-redis') })
  faultsSuite({ name: "redis by an app's ioredis", server, make: (url) => overClient(url, 'ioredis') })
}
