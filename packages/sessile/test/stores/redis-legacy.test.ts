import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { RedisStore } from 'connect-redis'
import type { SessionData } from 'express-session'
import type { SessionBackend } from '../../src/core/backend.ts'
import { EventHub } from '../../src/core/events.ts'
import { newId } from '../../src/core/ids.ts'
import { SessionRecords } from '../../src/core/records.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import { CLUSTER_CLIENTS, freshPrefix, nodeRedis, send } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000

interface Data {
  cookie: { originalMaxAge: number; expires: Date; httpOnly: boolean; path: string }
  views?: number
  name?: string
  userId?: string
}

/** The real older store, by promises. */
class Legacy {
  readonly store: RedisStore

  constructor(client: unknown, prefix: string) {
    this.store = new RedisStore({ client: client as never, prefix })
  }

  set(key: string, data: Data): Promise<unknown> {
    return this.store.set(key, data as unknown as SessionData)
  }

  async get(key: string): Promise<Data | undefined> {
    return ((await this.store.get(key)) ?? undefined) as Data | undefined
  }

  touch(key: string, data: Data): Promise<unknown> {
    return this.store.touch(key, data as unknown as SessionData)
  }

  destroy(key: string): Promise<unknown> {
    return this.store.destroy(key)
  }
}

function dataOf(ms: number, more: object = {}): Data {
  return { cookie: { originalMaxAge: ms, expires: new Date(Date.now() + ms), httpOnly: true, path: '/' }, ...more }
}

const asStored = (data: Data): unknown => JSON.parse(JSON.stringify(data))
const near = (one: number, other: number): void => assert.ok(Math.abs(one - other) <= 1000, `${one} and ${other}`)

/** The same for a server and a cluster. */
function legacySuite(name: string, client: Parameters<typeof send>[0]): void {
  describe(`${name} and connect-redis 10 on one server`, () => {
    const prefix = freshPrefix()
    const legacy = new Legacy(client, prefix)
    const ours: SessionBackend = redisStore({ client, prefix })
    const endOf = async (key: string): Promise<number> => Date.now() + Number(await send(client, ['PTTL', prefix + key]))

    it('they write; we read, change, touch; they read', async () => {
      const key = newId()
      const data = dataOf(HOUR, { views: 1, name: 'Zoë', userId: 'ada' })
      await legacy.set(key, data)
      const record = (await ours.read(key))!
      assert.deepEqual(JSON.parse(record.data), asStored(data))
      assert.equal(record.userId, undefined)
      near(record.expiresAt, Date.now() + HOUR)
      const next = JSON.stringify({ ...JSON.parse(record.data), views: 2 })
      const swapped = await ours.swap(key, record.version, { data: next, expiresAt: Date.now() + 2 * HOUR, userId: 'ada' })
      assert.equal(swapped.outcome, 'done')
      assert.equal((await legacy.get(key))?.views, 2)
      near(await endOf(key), Date.now() + 2 * HOUR)
      assert.equal(await ours.extend(key, Date.now() + 3 * HOUR, 'ada'), true)
      near(await endOf(key), Date.now() + 3 * HOUR)
      const { cookie, views, name: kept } = (await legacy.get(key))!
      assert.deepEqual({ cookie, views, name: kept }, { cookie: asStored(data.cookie as never), views: 2, name: 'Zoë' })
      assert.deepEqual(await ours.keysOfUser!('ada'), [key])
    })

    it('we write; they read, change, touch; we read', async () => {
      const key = newId()
      const data = dataOf(HOUR, { views: 1 })
      const next = { data: JSON.stringify(data), expiresAt: Date.now() + HOUR, userId: 'bob' }
      assert.equal((await ours.create(key, next)).outcome, 'done')
      const { cookie, views } = (await legacy.get(key))!
      assert.deepEqual({ cookie, views }, asStored(data))
      await legacy.touch(key, dataOf(2 * HOUR))
      near((await ours.read(key))!.expiresAt, Date.now() + 2 * HOUR)
      // as express-session does: the session it has read, with a change
      await legacy.set(key, { ...(await legacy.get(key))!, ...dataOf(3 * HOUR, { views: 5, more: true }) })
      const record = (await ours.read(key))!
      near(record.expiresAt, Date.now() + 3 * HOUR)
      assert.equal(record.userId, 'bob')
      const { cookie: _, ...attributes } = JSON.parse(record.data) as Data
      assert.deepEqual(attributes, { views: 5, more: true })
      assert.deepEqual(await ours.keysOfUser!('bob'), [key])
    })

    it('what they wrote meanwhile, no swap of ours overwrites', async () => {
      const key = newId()
      await legacy.set(key, dataOf(HOUR, { views: 1 }))
      const { version } = (await ours.read(key))!
      await legacy.set(key, dataOf(HOUR, { views: 2 }))
      const stale = { data: '{"cookie":{},"views":9}', expiresAt: Date.now() + HOUR }
      assert.equal((await ours.swap(key, version, stale)).outcome, 'changed')
      assert.equal((await legacy.get(key))?.views, 2)
      await legacy.destroy(key)
      assert.equal((await ours.swap(key, version, stale)).outcome, 'gone')
      assert.equal(await ours.extend(key, Date.now() + HOUR), false)
      assert.equal(await legacy.get(key), undefined)
    })

    it('a key without an end keeps none, until it is written with one', async () => {
      const key = newId()
      const data = JSON.stringify(dataOf(HOUR))
      await send(client, ['SET', prefix + key, data])
      const record = (await ours.read(key))!
      assert.equal(record.expiresAt, Infinity)
      assert.equal(await ours.extend(key, Date.now() + HOUR), true)
      assert.equal(await send(client, ['PTTL', prefix + key]), -1)
      await ours.swap(key, record.version, { data, expiresAt: Infinity })
      assert.equal(await send(client, ['PTTL', prefix + key]), -1)
    })

    it('what is kept beside the sessions is none of theirs: not counted, not listed, not cleared', async () => {
      await legacy.store.clear()
      const key = newId()
      await ours.create(key, { data: JSON.stringify(dataOf(HOUR)), expiresAt: Date.now() + HOUR, userId: 'eve' })
      await ours.space!('marks').create('eve', { data: 'mark', expiresAt: Date.now() + HOUR })
      assert.equal(await legacy.store.length(), 1)
      assert.deepEqual(await legacy.store.ids(), [key])
      assert.equal(((await legacy.store.all()) as { id: string }[])[0]!.id, key)
      await legacy.store.clear()
      assert.equal((await ours.space!('marks').read('eve'))?.data, 'mark')
      assert.deepEqual(await ours.keysOfUser!('eve'), [])
    })

    it('sessions pass from one to the other and back as they are', async () => {
      const records = new SessionRecords(ours, { events: new EventHub(), handleOf: (key) => key })
      const key = newId()
      await legacy.set(key, dataOf(HOUR, { views: 1 }))
      const loaded = (await records.load(key))!
      const change = { text: JSON.stringify({ ...JSON.parse(loaded.text), views: 2, userId: 'dan' }), expiresAt: Date.now() + HOUR }
      assert.equal(await records.commit(loaded, { ...change, userId: 'dan' }), 'saved')
      const theirs = (await legacy.get(key))!
      await legacy.set(key, { ...theirs, views: 3 })
      // our commit on what is stale by now merges with theirs
      const text = JSON.stringify({ ...JSON.parse(loaded.text), name: 'Dan' })
      assert.equal(await records.commit(loaded, { text, expiresAt: Date.now() + HOUR, userId: 'dan' }), 'merged')
      const { cookie: _, ...attributes } = JSON.parse((await records.load(key))!.text) as Data
      assert.deepEqual(attributes, { views: 3, userId: 'dan', name: 'Dan' })
      assert.deepEqual(
        (await records.users.list('dan')).map((session) => session.key),
        [key]
      )
      assert.equal(await records.users.revokeAll('dan'), 1)
      assert.equal(await legacy.get(key), undefined)
    })
  })
}

const server = isSelected('redis') ? await serverFor('redis and connect-redis', 'redis') : undefined
const cluster = isSelected('redis') ? await serverFor('redis cluster and connect-redis', 'redis-cluster') : undefined
if (server) {
  const app = await nodeRedis(server.url)
  after(() => app.end())
  legacySuite('redis', app.client)
}

if (cluster) {
  const app = await CLUSTER_CLIENTS['node-redis'](cluster.urls)
  after(() => app.end())
  legacySuite('redis cluster', app.client)
}
