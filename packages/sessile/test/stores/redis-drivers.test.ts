import { strict as assert } from 'node:assert'
import { registerHooks } from 'node:module'
import { after, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { faultsSuite } from './faults.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { freshPrefix, redisUrlHarness } from './redis-harness.ts'
import { isSelected } from './selected.ts'

/** Which drivers this process has, as if the others were not installed; it must be set before they are first asked for. */
const installed = new Set<string>()
const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (!['redis', 'ioredis', 'iovalkey'].includes(specifier) || installed.has(specifier)) return next(specifier, context)
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' })
  }
})
after(() => hooks.deregister())

const server = isSelected('redis') ? await serverFor('redis, drivers', 'redis') : undefined
const cluster = isSelected('redis') ? await serverFor('redis cluster, drivers', 'redis-cluster') : undefined
if (server) {
  const { url } = server
  describe('redis by URL, no driver', () => {
    it('says what to install', async () => {
      const store = redisStore({ url })
      await assert.rejects(async () => await store.read('key'), { code: 'not-supported', message: /npm install redis/ })
      await store.close!()
      installed.add('ioredis')
    })
  })
  backendSuite(redisUrlHarness('redis by URL over ioredis', url, server))
  if (server.controllable)
    faultsSuite({ name: 'redis by URL over ioredis', server, make: (to) => redisStore({ url: to, prefix: freshPrefix() }) })
}

if (cluster) {
  const hosts = cluster.urls.map((url) => new URL(url).host).join(',')
  const standing = { controllable: false } as typeof cluster
  backendSuite(redisUrlHarness('redis cluster by URL over ioredis', `redis+cluster://${hosts}`, standing))
}
