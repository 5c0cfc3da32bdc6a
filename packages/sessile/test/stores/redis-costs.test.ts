import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import type { SessionBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import { lineTo } from './line.ts'
import { freshPrefix, ioredis, nodeRedis, send } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const record = (userId?: string, hours = 1) => ({
  data: JSON.stringify({ cookie: { path: '/' }, name: 'x'.repeat(100), '~': { t: newId() } }),
  expiresAt: Date.now() + hours * HOUR,
  userId
})
const versionOf = (result: object): string => (result as { version: string }).version

const server = isSelected('redis') ? await serverFor('redis, what it costs', 'redis') : undefined
if (server) {
  describe('redis, what it costs', () => {
    for (const [name, connect] of Object.entries({ 'node-redis': nodeRedis, ioredis })) {
      it(`${name}: one command for each operation, whatever its outcome; two at once where a user's index moves`, async (t) => {
        await using line = await lineTo(server.url, true)
        const app = await connect(line.url)
        t.after(() => app.end())
        const store: SessionBackend = redisStore({ client: app.client, prefix: freshPrefix() })
        // the scripts are known from here on
        for (const key of ['known', 'known too']) {
          const made = await store.create(key, record('warm'))
          await store.swap(key, versionOf(made), record('up'))
          await store.extend(key, Date.now() + 2 * HOUR, 'up')
          await store.read(key)
          await store.keysOfUser!('up')
          await store.remove(key)
        }
        // nobody waited for the cleaning of the index
        for (let round = 0; round < 2; round++) await store.ping!()
        let version = ''
        let stale = ''
        let owned = ''
        const operations: [string, number, () => unknown][] = [
          ['create', 1, async () => (version = stale = versionOf(await store.create('key', record())))],
          ['create, taken', 1, () => store.create('key', record())],
          ['read', 1, () => store.read('key')],
          ['read, nothing there', 1, () => store.read('other')],
          ['swap', 1, async () => (version = versionOf(await store.swap('key', version, record())))],
          ['swap, changed', 1, () => store.swap('key', stale, record())],
          ['swap, gone', 1, () => store.swap('other', stale, record())],
          ['extend', 1, () => store.extend('key', Date.now() + 2 * HOUR)],
          ['extend, nothing there', 1, () => store.extend('other', Date.now() + HOUR)],
          ['create for a user', 2, async () => (owned = versionOf(await store.create('owned', record('ada'))))],
          ['swap for the same user', 1, async () => (owned = versionOf(await store.swap('owned', owned, record('ada'))))],
          ['swap for a much longer life', 2, async () => (owned = versionOf(await store.swap('owned', owned, record('ada', 24))))],
          ['extend for a user', 2, () => store.extend('owned', Date.now() + 25 * HOUR, 'ada')],
          ['ping', 1, () => store.ping!()],
          ['remove', 1, () => store.remove('key')],
          ['remove, nothing there', 1, () => store.remove('key')]
        ]
        const commands = (): number =>
          Buffer.concat(line.sent.flat())
            .toString('latin1')
            .split(/^\*\d+\r$/m).length
        const counted: Record<string, number> = {}
        for (const [what, , call] of operations) {
          const [before, parts] = [commands(), line.sent.flat().length]
          await call()
          counted[what] = commands() - before
          // node-redis writes at once what belongs together, so what came in one part did not wait for an answer
          if (name === 'node-redis') assert.equal(line.sent.flat().length - parts, 1, what)
        }
        assert.deepEqual(counted, Object.fromEntries(operations.map(([name, count]) => [name, count])))
      })
    }

    it('the server counts one script for a read and one for a swap', async (t) => {
      const app = await nodeRedis(server.url)
      t.after(() => app.end())
      const store = redisStore({ client: app.client, prefix: freshPrefix() })
      let version = versionOf(await store.create('key', record('ada')))
      await store.read('key')
      version = versionOf(await store.swap('key', version, record('ada')))
      const calls = async (): Promise<Record<string, number>> => {
        const text = String(await send(app.client, ['INFO', 'commandstats']))
        return Object.fromEntries([...text.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]))
      }
      const before = await calls()
      for (let round = 0; round < 100; round++) {
        await store.read('key')
        version = versionOf(await store.swap('key', version, record('ada')))
      }
      const later = await calls()
      assert.equal(later['evalsha']! - before['evalsha']!, 200)
      assert.equal(later['eval'] ?? 0, before['eval'] ?? 0)
    })

    it('a million bytes come and go', async () => {
      const store = redisStore({ url: server.url, prefix: freshPrefix() })
      const large = { data: JSON.stringify({ cookie: {}, text: 'é'.repeat(500_000) }), expiresAt: Infinity }
      const made = await store.create('key', large)
      assert.equal((await store.read('key'))?.data, large.data)
      assert.equal((await store.swap('key', versionOf(made), large)).outcome, 'done')
      await store.close!()
    })
  })
}
