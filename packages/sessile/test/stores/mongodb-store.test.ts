import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import * as older from 'connect-mongo'
import { MongoClient } from 'mongodb'
import { serverFor } from '../../../test-servers/src/index.ts'
import { Cookie } from '../../src/express/cookie.ts'
import * as ours from '../../src/entries/mongodb.ts'
import type { ConnectMongoOptions } from '../../src/entries/mongodb.ts'
import { newCollection } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- two stores with types of their own are asked the same
type Any = any

interface AnyStore {
  collectionP: Promise<{
    findOne(filter: object): Promise<Record<string, Any> | null>
    indexes(): Promise<Record<string, Any>[]>
    updateOne(filter: object, update: object): Promise<unknown>
    insertOne(document: object): Promise<unknown>
    deleteMany(filter: object, options?: object): Promise<unknown>
  }>
  on(event: string, listener: (...given: Any[]) => void): unknown
  get(sid: string, callback: (error: Any, session?: Any) => void): unknown
  set(sid: string, session: Any, callback?: (error: Any) => void): unknown
  close(): Promise<void>
}

const server = isSelected('mongodb') ? await serverFor('MongoStore', 'mongo') : undefined

if (server) {
  // what is asked here, connect-mongo answers in the same way
  for (const [name, { MongoStore, createKrupteinAdapter, createWebCryptoAdapter }] of [
    ['sessile', ours],
    ['connect-mongo', older as unknown as typeof ours]
  ] as const) {
    describe(`MongoStore of ${name}`, () => {
      const opened: AnyStore[] = []
      after(() => Promise.all(opened.map((store) => store.close())))

      function make(more: Partial<ConnectMongoOptions> = {}) {
        const store = MongoStore.create({ mongoUrl: server!.url, collectionName: newCollection(), ...more }) as unknown as AnyStore &
          Record<'length' | 'clear' | 'all' | 'touch' | 'destroy', (...given: Any[]) => unknown>
        opened.push(store)
        const call =
          (method: 'get' | 'set' | 'length' | 'clear' | 'all' | 'touch' | 'destroy') =>
          (...given: unknown[]): Promise<Any> =>
            promisify((store[method] as (...all: Any[]) => void).bind(store, ...given))()
        return {
          store,
          get: call('get'),
          set: call('set'),
          touch: call('touch'),
          destroy: call('destroy'),
          all: call('all'),
          length: call('length'),
          clear: call('clear'),
          document: async (sid: string) => (await store.collectionP).findOne({ _id: sid })
        }
      }
      const data = () => {
        const cookie = new Cookie({ maxAge: 10_000, secure: true, domain: 'cow.example', sameSite: false })
        return { foo: 'bar', baz: { cow: 'moo', chicken: 'cluck' }, num: 1, cookie } as Record<string, Any>
      }
      const withoutCookie = () => ({ foo: 'bar', num: 2 })
      const json = (value: unknown): Any => JSON.parse(JSON.stringify(value))

      it('does what a store does', async () => {
        const { get, set, all, length, destroy, clear } = make()
        assert.equal(await length(), 0)
        assert.equal(await get('none'), null)
        assert.deepEqual(await all(), [])
        const session = data()
        assert.equal(await set('one', session), undefined)
        assert.deepEqual(await get('one'), json(session))
        assert.deepEqual(await all(), [json(session)])
        assert.equal(await length(), 1)
        await set('two', session)
        assert.equal(await destroy('one'), undefined)
        assert.equal(await destroy('none'), undefined)
        assert.equal(await length(), 1)
        assert.equal(await clear(), undefined)
        assert.equal(await length(), 0)
      })

      it('answers with null for what went well, and an error for what did not', async () => {
        const { store } = make()
        const told = (call: (callback: (...given: unknown[]) => void) => unknown): Promise<unknown[]> =>
          new Promise((resolve) => call((...given) => resolve(given)))
        assert.deepEqual(await told((callback) => store.set('a', data(), callback)), [null])
        assert.deepEqual(await told((callback) => store['destroy']('a', callback)), [null])
        assert.deepEqual(await told((callback) => store.get('a', callback)), [null, null])
        assert.deepEqual(await told((callback) => store['clear'](callback)), [null])
        const [error] = await told((callback) => store['touch']('a', data(), callback))
        assert.match((error as Error).message, /Unable to find the session to touch/)
      })

      it('stores the same document', async () => {
        const { set, document } = make()
        const session = data()
        await set('a', session)
        assert.deepEqual(await document('a'), { _id: 'a', session: JSON.stringify(session), expires: session['cookie'].expires })
        const objects = make({ stringify: false })
        await objects.set('a', session)
        const { session: stored } = (await objects.document('a'))!
        assert.ok(stored.cookie.expires instanceof Date)
        assert.equal(stored.cookie.domain, 'cow.example')
        assert.equal((await objects.get('a')).baz.cow, 'moo')
      })

      it('tells of what happens', async () => {
        const { store, set, get, touch, destroy, all } = make()
        const events: unknown[][] = []
        for (const event of ['create', 'update', 'set', 'get', 'touch', 'destroy'])
          store.on(event, (sid: string) => events.push([event, sid]))
        store.on('all', (sessions: unknown[]) => events.push(['all', sessions.length]))
        await set('a', data())
        await set('a', { ...data(), foo: 'new' })
        await get('a')
        await touch('a', data())
        await all()
        await destroy('a')
        assert.deepEqual(events, [
          ['create', 'a'],
          ['set', 'a'],
          ['update', 'a'],
          ['set', 'a'],
          ['get', 'a'],
          ['touch', 'a'],
          ['all', 1],
          ['destroy', 'a']
        ])
      })

      it('gives a session without a time of its own ttl seconds, 14 days by default', async () => {
        for (const [more, seconds] of [
          [{}, 14 * 86_400],
          [{ ttl: 10 }, 10]
        ] as const) {
          const { set, document } = make(more)
          const before = Date.now()
          await set('a', withoutCookie())
          const expires = (await document('a'))!['expires'].getTime()
          assert.ok(expires >= before + seconds * 1000 && expires <= Date.now() + seconds * 1000)
        }
      })

      it('touches', async () => {
        const { set, touch, document } = make()
        await set('a', withoutCookie())
        const before = await document('a')
        await pause(20)
        // people's tests hand in what they find
        await touch('a', before!['session'])
        const then = await document('a')
        assert.ok(then!['expires'] > before!['expires'])
        assert.equal('lastModified' in then!, false)
        const soon = data()
        soon['cookie'].maxAge = 1000
        await touch('a', soon)
        assert.ok((await document('a'))!['expires'] < before!['expires'], 'also to an earlier end')
      })

      it('touches no more often than touchAfter says', async () => {
        const { set, get, touch, document } = make({ touchAfter: 1 })
        const session = data()
        await set('a', session)
        const before = (await document('a'))!
        const read = await get('a')
        assert.deepEqual(read.lastModified, before['lastModified'])
        await touch('a', read)
        assert.deepEqual(await document('a'), before)
        await pause(1010)
        read.cookie.expires = new Date(Date.now() + 10_000)
        await touch('a', read)
        const then = (await document('a'))!
        assert.ok(then['lastModified'] > before['lastModified'])
        assert.ok(then['expires'] > before['expires'])
        await set('a', read)
        assert.equal('lastModified' in JSON.parse((await document('a'))!['session']), false)
      })

      it('keeps timestamps', async () => {
        const { set, touch, document } = make({ timestamps: true })
        await set('a', data())
        const first = (await document('a'))!
        assert.ok(first['createdAt'] instanceof Date && first['updatedAt'] instanceof Date)
        await pause(10)
        await set('a', data())
        const second = (await document('a'))!
        assert.deepEqual(second['createdAt'], first['createdAt'])
        assert.ok(second['updatedAt'] > first['updatedAt'])
        await pause(10)
        await touch('a', data())
        assert.ok((await document('a'))!['updatedAt'] > second['updatedAt'])
      })

      it('encrypts', async () => {
        const adapters: Partial<ConnectMongoOptions>[] = [
          { crypto: { secret: 'secret' } },
          { crypto: { secret: 'secret' }, stringify: false },
          { crypto: { secret: 'secret', algorithm: 'aes-256-cbc', encodeas: 'hex', hashing: 'sha256' } },
          { cryptoAdapter: createKrupteinAdapter({ secret: 'secret' }) },
          { cryptoAdapter: createWebCryptoAdapter({ secret: 'secret' }), stringify: false }
        ]
        for (const more of adapters) {
          const { store, get, set, all, document } = make({ ...more, autoRemove: 'disabled' })
          const session = data()
          await set('a', session)
          assert.deepEqual(json(await get('a')), json(session))
          assert.equal((await all()).length, 1)
          const { session: stored } = (await document('a'))!
          assert.equal(typeof stored, 'string')
          assert.ok(!stored.includes('foo'))
          await (await store.collectionP).updateOne({ _id: 'a' }, { $set: { session: 'garbage' } })
          let calls = 0
          const [error, found] = await new Promise<unknown[]>((resolve) =>
            store.get('a', (...given) => {
              calls++
              resolve(given)
            })
          )
          assert.ok(error)
          assert.equal(found, undefined)
          await pause(5)
          assert.equal(calls, 1)
        }
      })

      it("takes the app's own functions", async () => {
        const session = data()
        const text = make({
          serialize(given) {
            given.ice = 'cream'
            return JSON.stringify(given)
          }
        })
        await text.set('a', session)
        assert.equal(await text.get('a'), JSON.stringify({ ...session, ice: 'cream' }))
        const objects = make({
          unserialize(given) {
            given.ice = 'cream'
            return given
          }
        })
        await objects.set('a', data())
        const read = await objects.get('a')
        assert.equal(read.ice, 'cream')
        assert.equal(read.baz.cow, 'moo')
        assert.ok(read.cookie.expires instanceof Date)
        const both = make({
          serialize: ({ cookie, ...rest }) => ({ cookie, wrapped: JSON.stringify(rest) }),
          // what was encrypted comes back as the text of it
          unserialize(stored) {
            const { cookie, wrapped } = JSON.parse(stored)
            return { cookie, ...JSON.parse(wrapped) }
          },
          crypto: { secret: 'secret' }
        })
        await both.set('a', data())
        assert.deepEqual((await both.get('a')).baz, data()['baz'])
      })

      it('stores under transformed ids', async () => {
        const { set, get, destroy, touch, document } = make({ transformId: (sid) => `t:${sid}` })
        await set('a', data())
        assert.equal((await document('t:a'))!['_id'], 't:a')
        assert.equal((await get('a')).foo, 'bar')
        await touch('a', data())
        await destroy('a')
        assert.equal(await document('t:a'), null)
      })

      it('lets MongoDB remove what has expired, does so itself, or does not', async () => {
        const ttl = async (store: AnyStore) =>
          (await (await store.collectionP).indexes()).filter(({ key }) => 'expires' in key).map((one) => one['expireAfterSeconds'])
        assert.deepEqual(await ttl(make().store), [0])
        const disabled = make({ autoRemove: 'disabled' })
        await disabled.set('a', data())
        assert.deepEqual(await ttl(disabled.store), [])
        const interval = make({ autoRemove: 'interval', autoRemoveInterval: 0.0005 })
        await interval.set('a', data())
        assert.deepEqual(await ttl(interval.store), [])
        await (await interval.store.collectionP).insertOne({ _id: 'old', session: '{}', expires: new Date(1) })
        for (let tries = 0; (await interval.length()) > 1; tries++) {
          assert.ok(tries < 200)
          await pause(10)
        }
        assert.equal((await interval.get('a')).foo, 'bar')
        const collection = await interval.store.collectionP
        await new Promise<void>((resolve) => {
          let failures = 0
          collection.deleteMany = () => {
            if (++failures === 2) resolve()
            return Promise.reject(new Error('interval failure'))
          }
        })
      })

      it('gives nobody what has expired', async () => {
        const { store, get, all, touch } = make({ autoRemove: 'disabled' })
        const collection = await store.collectionP
        await collection.insertOne({ _id: 'old', session: '{"cookie":{}}', expires: new Date(Date.now() - 1) })
        await collection.insertOne({ _id: 'endless', session: '{"cookie":{},"a":1}' })
        assert.equal(await get('old'), null)
        assert.deepEqual(await get('endless'), { cookie: {}, a: 1 })
        assert.deepEqual(await all(), [{ cookie: {}, a: 1 }])
        if (name === 'sessile') await assert.rejects(touch('old', data()), /Unable to find/, 'it stays over')
      })

      it('takes a client and a promise of one, and closes them', async () => {
        const collectionName = newCollection()
        const client = new MongoClient(server!.url)
        for (const more of [{ client }, { clientPromise: MongoClient.connect(server!.url) }]) {
          const { store, set, get } = make({ mongoUrl: undefined, collectionName, dbName: 'other', ...more })
          await set('a', data())
          assert.equal((await get('a')).foo, 'bar')
          assert.ok(await store.collectionP)
        }
        const reader = new MongoClient(server!.url)
        assert.equal(await reader.db('other').collection(collectionName).countDocuments(), 1)
        await reader.close()
      })

      it('refuses what cannot be', () => {
        assert.throws(() => MongoStore.create({}), { message: 'You must provide either mongoUrl|clientPromise|client in options' })
        const mongoUrl = server!.url
        const adapter = createKrupteinAdapter({ secret: 'a' })
        const wrong: [Partial<ConnectMongoOptions>, RegExp][] = [
          [{ createAutoRemoveIdx: true }, /has been reverted to autoRemove/],
          [{ autoRemoveInterval: 100_000 }, /autoRemoveInterval is too large/],
          [{ crypto: { secret: 'a' }, cryptoAdapter: adapter }, /not both/],
          [{ crypto: { secret: '' } }, /non-empty secret/]
        ]
        for (const [more, message] of wrong) assert.throws(() => MongoStore.create({ mongoUrl, ...more }), message)
        assert.throws(() => createWebCryptoAdapter({ secret: '' }), /requires a secret/)
      })
    })
  }
}
