import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { RedisStore as Theirs } from 'connect-redis'
import { Redis as Ioredis5 } from 'ioredis5'
import { createClient as createClient5 } from 'redis5'
import type { ConnectRedisOptions } from '../../src/entries/redis.ts'
import { RedisStore as Ours } from '../../src/entries/redis.ts'
import { CLUSTER_CLIENTS, freshPrefix, ioredis, nodeRedis, send } from './redis-harness.ts'
import { isSelected } from './selected.ts'

/** As the tests use both. */
type AnyStore = Ours & { client: any }
type Make = (options: Partial<ConnectRedisOptions>) => AnyStore

const HOUR = 3_600_000
const at = (ms: number): string => new Date(Date.now() + ms).toISOString()
const session = (more: object = {}) => ({ cookie: { originalMaxAge: null }, ...more }) as any
/** What a method calls back with. */
const told = (call: (callback: (...given: unknown[]) => void) => unknown): Promise<unknown[]> =>
  new Promise((resolve) => void call((...given) => resolve(given)))

/** What users of connect-redis lean on. It holds for theirs and for ours. */
function contract(name: string, make: Make, client: Parameters<typeof send>[0]): void {
  describe(name, () => {
    const fresh = (options: Partial<ConnectRedisOptions> = {}): AnyStore => make({ prefix: freshPrefix(), ...options })
    const ttl = async (store: AnyStore, id: string): Promise<number> => Number(await send(client, ['TTL', store.prefix + id]))

    it('defaults, and what is given, are public', () => {
      const plain = make({})
      assert.equal(plain.client, client)
      assert.equal(plain.prefix, 'sess:')
      assert.equal(plain.ttl, 86_400)
      assert.equal(plain.scanCount, 100)
      assert.equal(plain.serializer, JSON)
      assert.equal(plain.disableTouch, false)
      assert.equal(plain.disableTTL, false)
      const given = {
        prefix: '',
        scanCount: 7,
        ttl: () => 5,
        serializer: { parse: JSON.parse, stringify: JSON.stringify },
        disableTTL: true,
        disableTouch: true
      }
      const store = make(given as never)
      for (const [option, value] of Object.entries(given)) assert.equal((store as never)[option], value, option)
      assert.equal(typeof store.on, 'function')
    })

    it('a life: set, get, touch, list, destroy, clear', async () => {
      const store = fresh()
      const one = session({ foo: 'bar' })
      assert.equal(await store.get('123'), null)
      assert.equal(await store.set('123', one), null)
      assert.deepEqual(await store.get('123'), one)
      assert.ok((await ttl(store, '123')) >= 86_399)
      const expires = at(60_000)
      const other = { cookie: { originalMaxAge: null, expires } }
      await store.set('456', other)
      const left = await ttl(store, '456')
      assert.ok(left > 58 && left <= 60, `${left}`)
      assert.equal(await store.touch('456', { cookie: { originalMaxAge: null, expires: at(90_000) } }), null)
      assert.ok((await ttl(store, '456')) > 60)
      await store.touch('456', { cookie: { expires: at(30_000) } })
      assert.ok((await ttl(store, '456')) <= 30, 'a touch may shorten')
      assert.deepEqual(await store.get('456'), other, 'and leaves the text alone')
      assert.equal(await store.length(), 2)
      assert.deepEqual((await store.ids()).sort(), ['123', '456'])
      const all = ((await store.all()) as { id: string }[]).sort((a, b) => a.id.localeCompare(b.id))
      assert.deepEqual(all, [
        { id: '123', ...one },
        { id: '456', ...other }
      ])
      assert.equal(await store.destroy('456'), null)
      assert.equal(await store.destroy('456'), null, 'twice is no error')
      assert.equal(await store.length(), 1)
      assert.equal(await store.clear(), null)
      assert.equal(await store.length(), 0)
      assert.deepEqual([await store.ids(), await store.all(), await store.clear()], [[], [], null])
    })

    it('the same object may be set, ended and set again', async () => {
      const store = fresh()
      const one = session({ n: 1 })
      await store.set('a', one)
      await store.destroy('a')
      await store.set('a', one)
      await store.set('b', one)
      one.n = 2
      await store.set('a', one)
      assert.deepEqual([await store.get('a'), await store.get('b')], [session({ n: 2 }), session({ n: 1 })])
      await store.clear()
      await store.set('a', one)
      assert.equal(await store.length(), 1)
    })

    it('what stands on the server is what the serializer made', async () => {
      const store = fresh()
      const one = session({ foo: 'bar', nested: { cookie: 1 } })
      await store.set('a', one)
      assert.equal(await send(client, ['GET', `${store.prefix}a`]), JSON.stringify(one))
      await send(client, ['SET', `${store.prefix}b`, '{"by":"hand"}'])
      assert.deepEqual(await store.get('b'), { by: 'hand' })
      await send(client, ['SET', `${store.prefix}c`, 'not json'])
      await assert.rejects(store.get('c'))
    })

    it('callbacks get what the promises give', async () => {
      const store = fresh()
      assert.deepEqual(await told((callback) => store.get('a', callback)), [null, null])
      assert.deepEqual(await told((callback) => store.set('a', session(), callback)), [null, null])
      assert.deepEqual(await told((callback) => store.get('a', callback)), [null, session()])
      assert.deepEqual(await told((callback) => store.touch('a', session(), callback)), [null, null])
      assert.deepEqual(await told((callback) => store.length(callback)), [null, 1])
      assert.deepEqual(await told((callback) => store.ids(callback)), [null, ['a']])
      assert.deepEqual(await told((callback) => store.all(callback)), [null, [{ id: 'a', ...session() }]])
      assert.deepEqual(await told((callback) => store.destroy('a', callback)), [null, null])
      assert.deepEqual(await told((callback) => store.clear(callback)), [null, null])
    })

    it('an end in the past ends the session', async () => {
      const store = fresh()
      await store.set('a', session())
      await store.set('a', { cookie: { expires: at(-5000) } })
      assert.equal(await store.get('a'), null)
      await store.set('b', session())
      await store.touch('b', { cookie: { expires: at(-5000) } })
      assert.equal(await store.get('b'), null)
      await store.set('c', { cookie: { expires: 'garbage' } })
      assert.equal(await store.length(), 0)
    })

    it('seconds are rounded up', async () => {
      const store = fresh()
      await store.set('a', { cookie: { expires: at(1100) } })
      const left = Number(await send(client, ['PTTL', `${store.prefix}a`]))
      assert.ok(left > 1100 && left <= 2000, `${left}`)
    })

    it('ttl: a number for sessions without an end, a function for all', async () => {
      const some = fresh({ ttl: 60 })
      await some.set('a', session())
      await some.set('b', { cookie: { expires: at(HOUR) } })
      assert.ok((await ttl(some, 'a')) <= 60)
      assert.ok((await ttl(some, 'b')) > 3590)
      some.ttl = 600
      await some.touch('a', session())
      assert.ok((await ttl(some, 'a')) > 590, 'it may be changed')

      const asked: unknown[] = []
      const each = fresh({ ttl: (one: { life: number }) => (asked.push(one), one.life) } as never)
      const one = session({ life: 100 })
      await each.set('a', one)
      assert.equal(asked[0], one)
      assert.ok((await ttl(each, 'a')) > 95)
      await each.touch('a', session({ life: 200 }))
      assert.ok((await ttl(each, 'a')) > 195)
      await each.set('a', session({ life: 0 }))
      assert.equal(await each.get('a'), null)
    })

    it('disableTTL and disableTouch', async () => {
      const endless = fresh({ disableTTL: true })
      await endless.set('a', { cookie: { expires: at(5000) } })
      assert.equal(await ttl(endless, 'a'), -1)
      await endless.touch('a', { cookie: { expires: at(5000) } })
      assert.equal(await ttl(endless, 'a'), -1)
      const untouched = fresh({ disableTouch: true })
      await untouched.set('a', { cookie: { expires: at(60_000) } })
      await untouched.touch('a', { cookie: { expires: at(HOUR) } })
      assert.ok((await ttl(untouched, 'a')) <= 60)
    })

    it('a serializer, whose parse may take its time, and whose values may be more than JSON', async () => {
      const serializer = {
        stringify: (one: any) => `XX${JSON.stringify({ ...one, when: one.when?.getTime() })}`,
        parse: async (text: string) => {
          const { when, ...one } = JSON.parse(text.slice(2))
          return { ...one, ...(when === undefined ? {} : { when: new Date(when) }) }
        }
      }
      const store = fresh({ serializer })
      const one = session({ when: new Date(5) })
      await store.set('a', one)
      assert.deepEqual(await store.get('a'), one)
      assert.equal(String(await send(client, ['GET', `${store.prefix}a`])).slice(0, 2), 'XX')
      await assert.rejects(fresh({ serializer: { parse: JSON.parse, stringify: () => assert.fail('no') } }).set('a', one), /no/)
      const unable = fresh({ serializer: { stringify: JSON.stringify, parse: () => assert.fail('never') } })
      await unable.set('a', one)
      await assert.rejects(unable.get('a'), /never/)
    })

    it('a thousand sessions, a few at a time', async () => {
      const store = fresh({ scanCount: 150 })
      for (let id = 0; id < 1000; id += 100)
        await Promise.all(Array.from({ length: 100 }, (_, more) => store.set(`s${id + more}`, session({ id: id + more }))))
      assert.equal(await store.length(), 1000)
      assert.equal(new Set(await store.ids()).size, 1000)
      assert.equal((await store.all()).length, 1000)
      await store.clear()
      assert.equal(await store.length(), 0)
    })

    it('prefixes keep apart, also where one has signs that Redis takes for patterns', async () => {
      const [one, other] = [fresh({ prefix: `[a]*${freshPrefix()}` }), fresh({ prefix: `a${freshPrefix()}` })]
      await other.set('x', session())
      assert.equal(await other.length(), 1)
      await one.set('y', session())
      assert.deepEqual(await other.ids(), ['x'])
    })

    it('time that stands still stops neither get, nor set, nor touch', async (t) => {
      const store = fresh()
      // node-redis itself sends by setImmediate
      const apis = ['setTimeout', 'setInterval', 'Date', ...(name.includes('ioredis') ? ['setImmediate'] : [])] as const
      t.mock.timers.enable({ apis: apis as never, now: Date.now() })
      await store.set('a', session())
      await told((callback) => store.set('a', { cookie: { expires: at(60_000) } }, callback))
      assert.ok((await told((callback) => store.get('a', callback)))[1])
      await told((callback) => store.touch('a', { cookie: { expires: at(90_000) } }, callback))
      await store.destroy('a')
    })
  })
}

const server = isSelected('redis') ? await serverFor('redis, connect-redis', 'redis') : undefined
const cluster = isSelected('redis') ? await serverFor('redis cluster, connect-redis', 'redis-cluster') : undefined
if (server) {
  const app = await nodeRedis(server.url)
  const five = await createClient5({ url: server.url })
    .on('error', () => {})
    .connect()
  const io = await ioredis(server.url)
  const io5 = new Ioredis5(server.url)
  after(() => Promise.all([app.end(), io.end(), five.close(), io5.quit()]))
  contract('connect-redis', (options) => new Theirs({ client: app.client, ...options } as never) as never, app.client)
  const ours = { 'node-redis 6': app.client, 'node-redis 5': five, 'ioredis 6': io.client, 'ioredis 5': io5 }
  for (const [name, client] of Object.entries(ours))
    contract(`RedisStore, ${name}`, (options) => new Ours({ client: client as never, ...options }) as never, client as never)
}

if (cluster) {
  const app = await CLUSTER_CLIENTS['node-redis'](cluster.urls)
  after(() => app.end())
  contract('RedisStore, cluster', (options) => new Ours({ client: app.client, ...options }) as never, app.client)
}
