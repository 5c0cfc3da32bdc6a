import { after } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { CLIENTS, redisHarness, redisUrlHarness } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const server = isSelected('redis') ? await serverFor('redis', 'redis') : undefined

if (server) {
  backendSuite(redisUrlHarness('redis by URL', server.url, server))
  for (const [name, make] of Object.entries(CLIENTS)) {
    const [one, other] = [await make(server.url), await make(server.url)]
    after(() => Promise.all([one.end(), other.end()]))
    const harness = redisHarness(`redis by ${name}`, [one.client, other.client], server)
    backendSuite(harness)
    recordsSuite(harness)
  }
}

// the one command that is asked for and may be missing: as with Redis 6.2
const old =
  server?.source === 'env'
    ? undefined
    : isSelected('redis') && (await serverFor('redis 6.2', 'redis', { args: ['--rename-command', 'PEXPIRETIME', ''] }))
if (old) backendSuite({ ...redisUrlHarness('redis without PEXPIRETIME', old.url, old), expiryStepMs: 3 })
