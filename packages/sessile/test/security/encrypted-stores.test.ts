import { after } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { encrypted } from '../../src/security/encrypted.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { memoryHarness, sqliteHarness } from '../stores/harnesses.ts'
import { mongodbHarness } from '../stores/mongodb-harness.ts'
import { postgresHarness } from '../stores/postgres-harness.ts'
import { CLIENTS, redisHarness } from '../stores/redis-harness.ts'
import { isSelected } from '../stores/selected.ts'
import { SECRET } from './world.ts'

/** The stores of a harness, encrypted; what older writers left is not, so it is taken as it is. */
function encryptedHarness({ make, another, ...harness }: BackendHarness): BackendHarness {
  const wrap = (backend: Parameters<typeof encrypted>[0]) => encrypted(backend, { secret: SECRET, migrate: true })
  return {
    ...harness,
    name: `${harness.name}, encrypted`,
    make: async () => wrap(await make()),
    ...(another ? { another: async () => wrap(await another()) } : {})
  }
}

function suites(harness: BackendHarness): void {
  backendSuite(encryptedHarness(harness))
  recordsSuite(encryptedHarness(harness))
}

// servers that are killed are a matter of the stores themselves
const standing = <T extends object>(server: T): T => ({ ...server, controllable: false })

const redis = isSelected('redis') ? await serverFor('redis', 'redis') : undefined
const postgres = isSelected('postgres') ? await serverFor('postgres', 'postgres') : undefined
const mongodb = isSelected('mongodb') ? await serverFor('mongodb', 'mongo') : undefined

if (isSelected('memory')) suites(memoryHarness())
if (isSelected('sqlite')) suites(sqliteHarness())

if (redis) {
  const [one, other] = [await CLIENTS['node-redis'](redis.url), await CLIENTS['node-redis'](redis.url)]
  after(() => Promise.all([one.end(), other.end()]))
  suites(redisHarness('redis', [one.client, other.client], standing(redis)))
}

// the guarantees above them are the same on every store that keeps the laws
if (postgres) backendSuite(encryptedHarness(postgresHarness(standing(postgres), 'postgres')))

if (mongodb) backendSuite(encryptedHarness(mongodbHarness(standing(mongodb), 'mongodb, objects', { stringify: false })))
