import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { SessionBackend } from '../../src/core/backend.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'
import { serverFor } from '../../../test-servers/src/index.ts'
import { memoryHarness, sqliteHarness } from '../stores/harnesses.ts'
import { mongodbHarness } from '../stores/mongodb-harness.ts'
import { postgresHarness } from '../stores/postgres-harness.ts'
import { redisUrlHarness } from '../stores/redis-harness.ts'
import { isSelected } from '../stores/selected.ts'
import { anyStep, asCommand, emptyModel } from './model.ts'

/** How many runs on the store in memory; `MODEL_RUNS` asks for more. Stores behind a network get fewer. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 400)
const STEPS = 60

function modelSuite(harness: BackendHarness, numRuns: number): void {
  describe(`${harness.name}, against the model`, () => {
    it('load, commit, update, touch, renew, destroy, revoke and expiry, whatever becomes of calls and answers', async (context) => {
      const done: Record<string, number> = {}
      await fc.assert(
        fc.asyncProperty(fc.commands([anyStep.map(asCommand)], { maxCommands: STEPS, size: 'max' }), async (steps) => {
          const views: SessionBackend[] = []
          try {
            views.push(await harness.make())
            if (harness.another) views.push(await harness.another())
            const real = { views, advance: harness.advance?.bind(harness), prefix: '', done }
            await fc.asyncModelRun(() => ({ model: emptyModel(), real }), steps)
          } finally {
            for (const view of views) await view.close?.()
            await harness.clean?.()
          }
        }),
        { numRuns }
      )
      context.diagnostic(`${harness.name}: ${Object.entries(done).map(([kind, count]) => `${count} ${kind}`)}`)
    })
  })
}

// before any test begins, since tests move the clock that starting a server goes by
const redis = isSelected('redis') ? await serverFor('redis, against the model', 'redis') : undefined
const postgres = isSelected('postgres') ? await serverFor('postgres, against the model', 'postgres') : undefined
const mongo = isSelected('mongodb') ? await serverFor('mongodb, against the model', 'mongo') : undefined

if (isSelected('memory')) modelSuite(memoryHarness(), RUNS)
if (isSelected('sqlite')) modelSuite(sqliteHarness(), RUNS / 8)
if (redis) modelSuite(redisUrlHarness('redis', redis.url, redis), RUNS / 10)
if (postgres) modelSuite(postgresHarness(postgres, 'postgres'), RUNS / 40)
if (mongo) modelSuite(mongodbHarness(mongo, 'mongodb'), RUNS / 40)
