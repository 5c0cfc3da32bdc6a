import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serverFor } from '@sessile/test-servers'
import { newId } from '../../src/core/ids.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import { CLUSTER_CLIENTS, freshPrefix, ioredis, nodeRedis, send, type AppClient } from './redis-harness.ts'
import { lineTo } from './line.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const next = (userId?: string, expiresAt = Date.now() + HOUR) => ({ data: `{"cookie":{},"~":{"t":"${newId()}"}}`, expiresAt, userId })
const versionOf = (result: object): string => (result as { version: string }).version

const server = isSelected('redis') ? await serverFor('redis store', 'redis') : undefined
const cluster = isSelected('redis') ? await serverFor('redis cluster store', 'redis-cluster') : undefined
if (server) {
  const app = await nodeRedis(server.url)
  const other = await ioredis(server.url)
  after(() => Promise.all([app.end(), other.end()]))
  const redis = (...command: string[]): Promise<unknown> => send(app.client, command)

  describe('redis, options', () => {
    it('a url or a client, and a client that is one', () => {
      const bad = { code: 'bad-option' }
      assert.throws(() => redisStore({}), bad)
      assert.throws(() => redisStore({ url: server.url, client: app.client }), bad)
      assert.throws(() => redisStore({ url: 'http://localhost' }), bad)
      assert.throws(() => redisStore({ client: {} as never }), bad)
      assert.throws(() => redisStore({ client: app.client, ttl: 5 } as never), bad)
      assert.throws(() => redisStore({ client: app.client }).space!('a:b'), { code: 'bad-argument' })
    })

    it('a URL says the prefix too, and what comes of it is on the server', async () => {
      const prefix = freshPrefix()
      const store = backendByUrl(`${server.url}/3?prefix=${encodeURIComponent(prefix)}`)
      await store.create('key', next())
      await redis('SELECT', '3')
      assert.equal(await redis('EXISTS', `${prefix}key`), 1)
      await redis('SELECT', '0')
      await store.close!()
    })
  })

  describe('redis, the index of users', () => {
    const prefix = freshPrefix()
    const store = redisStore({ client: app.client, prefix })
    const index = (userId: string): string => `sessile:users:${prefix}${userId}`
    const entries = async (userId: string): Promise<string[]> => (await redis('ZRANGE', index(userId), '0', '-1')) as string[]
    /** Makes all entries look as if they had been written some minutes ago. */
    const age = async (userId: string): Promise<void> => {
      for (const key of await entries(userId)) await redis('ZINCRBY', index(userId), '-5', key)
    }
    /** Cleaning is not waited for. */
    const until = async (holds: () => Promise<boolean>): Promise<void> => {
      for (let tries = 0; tries < 100 && !(await holds()); tries++) await pause(10)
      assert.ok(await holds())
    }

    it('entries go when their sessions end, or become another one’s; young ones wait', async () => {
      const [one, moved] = [newId(), newId()]
      await store.create(one, next('ada'))
      const version = versionOf(await store.create(moved, next('ada')))
      await age('ada')
      await store.remove(one)
      await store.swap(moved, version, next('bob'))
      await until(async () => (await entries('ada')).length === 0)
      assert.deepEqual(await entries('bob'), [moved])

      const young = newId()
      await store.create(young, next('cleo'))
      await store.remove(young)
      await store.ping!()
      assert.deepEqual(await entries('cleo'), [young])
      assert.deepEqual(await store.keysOfUser!('cleo'), [], 'but it is not told')
      await age('cleo')
      assert.deepEqual(await store.keysOfUser!('cleo'), [])
      await until(async () => (await entries('cleo')).length === 0)
    })

    it('entries of sessions that ran out are dropped with the next one, and the whole with the last', async () => {
      const brief = newId()
      await store.create(brief, next('dora', Date.now() + 50))
      assert.equal((await entries('dora')).length, 1)
      const left = Number(await redis('PTTL', index('dora')))
      assert.ok(left > 0 && left < 70_000, `${left} ms`)
      await redis('ZADD', index('dora'), String(Math.floor(Date.now() / 1000 - 5) * 100_000), brief)
      await store.create(newId(), next('dora', Date.now() + HOUR))
      assert.ok(!(await entries('dora')).includes(brief))
      assert.ok(Number(await redis('PTTL', index('dora'))) > HOUR)
    })

    it('a life that moves on with every request writes the index now and then', async () => {
      const key = newId()
      let version = versionOf(await store.create(key, next('ed', Date.now() + HOUR)))
      const score = (): Promise<unknown> => redis('ZSCORE', index('ed'), key)
      const before = await score()
      for (let minute = 1; minute <= 25; minute++)
        version = versionOf(await store.swap(key, version, next('ed', Date.now() + HOUR + minute * 60_000)))
      assert.equal(await score(), before)
      await store.swap(key, version, next('ed', Date.now() + 2 * HOUR))
      assert.notEqual(await score(), before)
    })

    it('sessions without an end are named for ever', async () => {
      const key = newId()
      const version = versionOf(await store.create(key, next('fay', Infinity)))
      assert.deepEqual(await store.keysOfUser!('fay'), [key])
      assert.equal((await store.swap(key, version, next('fay', Infinity))).outcome, 'done')
    })
  })

  describe('redis, clients', () => {
    it('scripts that the server has forgotten are sent again', async () => {
      const store = redisStore({ client: app.client, prefix: freshPrefix() })
      const version = versionOf(await store.create('key', next('ada')))
      await redis('SCRIPT', 'FLUSH')
      assert.ok(await store.read('key'))
      await redis('SCRIPT', 'FLUSH')
      const results = await Promise.all(Array.from({ length: 5 }, () => store.swap('key', version, next('ada'))))
      assert.deepEqual(results.map(({ outcome }) => outcome).sort(), ['changed', 'changed', 'changed', 'changed', 'done'])
    })

    for (const [name, connect] of Object.entries({ 'node-redis': nodeRedis, ioredis })) {
      it(`${name} with a prefix of its own: keys are where the client itself would look`, async (t) => {
        const keyPrefix = freshPrefix()
        const prefixed: AppClient = await connect(server.url, { keyPrefix })
        t.after(() => prefixed.end())
        const store = redisStore({ client: prefixed.client, prefix: 'sess:' })
        await store.create('key', next('ada'))
        assert.equal(await redis('EXISTS', `${keyPrefix}sess:key`), 1)
        assert.equal(
          await (prefixed.client as unknown as { get(key: string): Promise<string> }).get('sess:key'),
          await redis('GET', `${keyPrefix}sess:key`)
        )
        assert.deepEqual(await store.keysOfUser!('ada'), ['key'])
        assert.deepEqual(
          (await store.scan!(undefined, 10)).records.map(({ key }) => key),
          ['key']
        )
        assert.equal(((await redis('KEYS', `${keyPrefix}*`)) as string[]).length, 2, 'the record and the index')
      })
    }

    it('node-redis that maps replies to bytes', async (t) => {
      const bytes = app.client as unknown as { withTypeMapping(mapping: object): never }
      const store = redisStore({ client: bytes.withTypeMapping({ 36: Buffer }), prefix: freshPrefix() })
      t.after(() => store.close!())
      const { data } = next()
      await store.create('key', { data, expiresAt: Infinity })
      assert.equal((await store.read('key'))?.data, data)
    })

    it('many keys of others beside few of ours: scan goes on until it has some', async () => {
      const prefix = freshPrefix()
      const others = freshPrefix()
      const pairs = Array.from({ length: 20_000 }, (_, at) => [`${others}${at}`, 'x']).flat()
      await redis('MSET', ...pairs)
      const store = redisStore({ client: app.client, prefix })
      for (const key of ['a', 'b', 'c']) await store.create(key, next())
      const seen = new Set<string>()
      let cursor: string | undefined
      let pages = 0
      do {
        const page = await store.scan!(cursor, 2)
        for (const { key } of page.records) seen.add(key)
        cursor = page.cursor
        pages++
      } while (cursor !== undefined)
      assert.deepEqual([...seen].sort(), ['a', 'b', 'c'])
      assert.ok(pages <= 4, `${pages} pages`)
    })

    it('a page of scan is no longer than asked, though Redis gives more at once, and no session is left out', async () => {
      const store = redisStore({ client: app.client, prefix: freshPrefix() })
      const keys = Array.from({ length: 60 }, (_, at) => `key-${at}`).sort()
      for (const key of keys) await store.create(key, next())
      for (const limit of [1, 7, 60]) {
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await store.scan!(cursor, limit)
          assert.ok(page.records.length <= limit, `${page.records.length} of ${limit}`)
          seen.push(...page.records.map(({ key }) => key))
          cursor = page.cursor
        } while (cursor !== undefined)
        assert.deepEqual([...new Set(seen)].sort(), keys)
      }
    })

    it('closing a store leaves the client to the app', async () => {
      const store = redisStore({ client: other.client, prefix: freshPrefix() })
      await store.create('key', next())
      await store.close!()
      await assert.rejects(async () => await store.read('key'), { code: 'store-closed' })
      assert.equal(await other.client.ping(), 'PONG')
    })

    it('a removal is told to others and not to oneself; a space’s to nobody', async () => {
      const prefix = freshPrefix()
      const [mine, theirs] = [redisStore({ client: app.client, prefix }), redisStore({ client: other.client, prefix })]
      const heard: string[] = []
      const own: string[] = []
      theirs.watchRemoved!((key) => heard.push(key))
      mine.watchRemoved!((key) => own.push(key))
      const told = async (): Promise<void> => {
        for (let tries = 0; tries < 100; tries++) {
          const key = `key with ${tries}`
          await mine.create(key, next())
          await mine.remove(key)
          await pause(20)
          if (heard.includes(key)) return
        }
        assert.fail('it was not told')
      }
      await told()
      const before = heard.length
      await mine.space!('marks').create('mark', next())
      await mine.space!('marks').remove('mark')
      await told()
      assert.equal(heard.length, before + 1)
      assert.deepEqual(own, [])
      await Promise.all([mine.close!(), theirs.close!()])
    })
  })

  if (server.controllable) {
    it('a line that went dead without a word is given up for a new one', async () => {
      await using line = await lineTo(server.url)
      const store = redisStore({ url: line.url, prefix: freshPrefix() })
      await store.create('key', next())
      line.silence()
      const read = async (): Promise<unknown> => await store.read('key')
      const start = performance.now()
      await assert.rejects(read())
      assert.ok(performance.now() - start < 18_000, `${performance.now() - start} ms`)
      line.mend()
      for (let tries = 0; tries < 50; tries++) {
        if (await read().then(Boolean, () => false)) return void (await store.close!())
        await pause(100)
      }
      assert.fail('it did not come back')
    })
  }
}

if (cluster) {
  describe('redis cluster', () => {
    for (const [name, connect] of Object.entries(CLUSTER_CLIENTS)) {
      it(`${name}: one server down, and back: what was acknowledged is there`, async (t) => {
        if (!cluster.nodes) return
        const made = await connect(cluster.urls)
        t.after(() => made.end())
        const store = redisStore({ client: made.client, prefix: freshPrefix() })
        const keys = Array.from({ length: 60 }, () => newId())
        for (const key of keys) await store.create(key, next('ada'))
        await cluster.nodes[1]!.kill()
        const meanwhile = await Promise.allSettled(
          keys.map((key) => Promise.race([store.read(key), pause(1000).then(() => Promise.reject(new Error('late')))]))
        )
        const answered = meanwhile.filter(({ status }) => status === 'fulfilled').length
        assert.ok(answered >= 20 && answered < 60, `${answered} answered`)
        await cluster.nodes[1]!.restart()
        await cluster.settled!()
        let back: readonly string[] = []
        for (let tries = 0; tries < 100 && back.length < 60; tries++) {
          back = await Promise.race([store.keysOfUser!('ada'), pause(1000).then(() => [])]).catch(() => [])
          if (back.length < 60) await pause(100)
        }
        assert.deepEqual([...back].sort(), [...keys].sort())
        for (const key of keys) assert.ok(await store.read(key))
      })
    }
  })
}
