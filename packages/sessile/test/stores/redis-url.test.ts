import { serverFor } from '@sessile/test-servers'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { redisUrlHarness } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const server = isSelected('redis') ? await serverFor('redis by URL', 'redis') : undefined
// the one command that is asked for and may be missing: as with Redis 6.2
const options = { args: ['--rename-command', 'PEXPIRETIME', ''] }
const old = server && server.source !== 'env' ? await serverFor('redis without PEXPIRETIME', 'redis', options) : undefined
if (server) {
  backendSuite(redisUrlHarness('redis by URL', server.url, server))
  recordsSuite(redisUrlHarness('redis by URL', server.url, server))
}

if (old) backendSuite({ ...redisUrlHarness('redis without PEXPIRETIME', old.url, old), expiryStepMs: 3 })
