import { after } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { CLUSTER_CLIENTS, redisHarness, redisUrlHarness } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const cluster = isSelected('redis') ? await serverFor('redis-cluster', 'redis-cluster') : undefined

if (cluster) {
  // a cluster takes two seconds to come back, so it is not stopped here (see redis-faults.test.ts)
  const standing = { controllable: false } as typeof cluster
  for (const [name, make] of Object.entries(CLUSTER_CLIENTS)) {
    const [one, other] = [await make(cluster.urls), await make(cluster.urls)]
    after(() => Promise.all([one.end(), other.end()]))
    const harness = redisHarness(`redis cluster by ${name}`, [one.client, other.client], standing)
    backendSuite(harness)
    recordsSuite(harness)
  }
  const hosts = cluster.urls.map((url) => new URL(url).host).join(',')
  backendSuite(redisUrlHarness('redis cluster by URL', `redis+cluster://${hosts}`, standing))
}
