import { after } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { CLIENTS, redisHarness, type AppClient } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const server = isSelected('redis') ? await serverFor('redis', 'redis') : undefined

if (server) {
  const apps: AppClient[] = []
  after(() => Promise.all(apps.map(({ end }) => end())))
  for (const make of Object.values(CLIENTS)) apps.push(await make(server.url), await make(server.url))
  const clients = apps.map(({ client }) => client)
  for (const [at, name] of Object.keys(CLIENTS).entries()) {
    const harness = redisHarness(`redis by ${name}`, [clients[2 * at]!, clients[2 * at + 1]!], server, clients)
    backendSuite(harness)
    recordsSuite(harness)
  }
}
