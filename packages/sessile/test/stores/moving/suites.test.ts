import { serverFor } from '@sessile/test-servers'
import { backendSuite } from '../../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../../src/testing/records-suite.ts'
import { memoryHarness, sqliteHarness } from '../harnesses.ts'
import { postgresHarness } from '../postgres-harness.ts'
import { redisUrlHarness } from '../redis-harness.ts'
import { isSelected } from '../selected.ts'
import { movingHarness } from './harness.ts'

if (isSelected('moving')) {
  const redis = await serverFor('moving to redis', 'redis')
  const postgres = await serverFor('moving to postgres', 'postgres')

  const memory = movingHarness('moving from memory to memory', memoryHarness(), memoryHarness())
  backendSuite(memory)
  recordsSuite(memory)

  if (redis) {
    // a server each would say no more; the keys are apart
    const harness = () => redisUrlHarness('redis', redis.url, { ...redis, controllable: false })
    const moving = movingHarness('moving from redis to redis', harness(), harness())
    backendSuite(moving)
    recordsSuite(moving)
  }
  if (postgres) {
    const moving = movingHarness(
      'moving from sqlite to postgres',
      sqliteHarness(),
      postgresHarness({ ...postgres, controllable: false }, 'postgres')
    )
    backendSuite(moving)
    recordsSuite(moving)
  }
}
