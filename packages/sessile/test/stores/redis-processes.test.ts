import { serverFor } from '@sessile/test-servers'
import { processesSuite } from './races.ts'
import { freshPrefix } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const server = isSelected('redis') ? await serverFor('redis, several processes', 'redis') : undefined
if (server) processesSuite('redis', `${server.url}?prefix=${freshPrefix()}`)

const cluster = isSelected('redis') ? await serverFor('redis cluster, several processes', 'redis-cluster') : undefined
if (cluster) {
  const hosts = cluster.urls.map((url) => new URL(url).host).join(',')
  processesSuite('redis cluster', `redis+cluster://${hosts}?prefix=${freshPrefix()}`)
}
