import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { MongoStore } from 'connect-mongo'
import { BSON, Decimal128, Int32, Long, MongoClient, ObjectId } from 'mongodb'
import { serverFor } from '../../../test-servers/src/index.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { mongodbStore } from '../../src/stores/mongodb/backend.ts'
import type { MongodbStoreOptions } from '../../src/stores/mongodb/options.ts'
import { newCollection } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000

interface Data {
  cookie: { originalMaxAge: number; expires: Date | string; httpOnly: boolean; path: string }
  [name: string]: unknown
}
interface Legacy {
  set(key: string, data: Data): Promise<void>
  get(key: string): Promise<Data | null>
  touch(key: string, data: Data): Promise<void>
  destroy(key: string): Promise<void>
}
type Document = { _id: string } & Record<string, unknown>

const server = isSelected('mongodb') ? await serverFor('mongodb and connect-mongo', 'mongo') : undefined
if (server) {
  describe('mongodb and connect-mongo 6 on one collection', () => {
    const client = new MongoClient(server.url)
    after(() => client.close())

    /** The real older store, by promises. */
    async function legacyOn(collectionName: string, more: object): Promise<Legacy> {
      const store = new MongoStore({ client: client as never, collectionName, ...more })
      await (store as unknown as { collectionP: Promise<unknown> }).collectionP
      const promised = <T>(call: (done: (error?: unknown, value?: T) => void) => void): Promise<T> =>
        new Promise((resolve, reject) => call((error, value) => (error ? reject(error as Error) : resolve(value as T))))
      return {
        set: (key, data) => promised((done) => store.set(key, data as never, done as never)),
        get: (key) => promised<Data | null>((done) => store.get(key, done as never)),
        touch: (key, data) => promised((done) => store.touch(key, data as never, done as never)),
        destroy: (key) => promised((done) => store.destroy(key, done as never))
      }
    }
    const oursOn = (collectionName: string, more: MongodbStoreOptions = {}): SessionBackend =>
      mongodbStore({ client, collectionName, ...more })
    const raw = async (collectionName: string, key: string): Promise<Document> =>
      (await client.db().collection<Document>(collectionName).findOne({ _id: key }, { promoteValues: false }))!
    const dataOf = (ms: number, more: object = {}): Data => {
      const expires = new Date(Date.now() + ms)
      return { cookie: { originalMaxAge: ms, expires, httpOnly: true, path: '/' }, ...more }
    }
    const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
    const near = (one: number, other: number): void => assert.ok(Math.abs(one - other) <= 1000, `${one} and ${other}`)
    const expiryOf = async (name: string, key: string): Promise<number> => ((await raw(name, key))['expires'] as Date).getTime()

    for (const [form, stringify] of [
      ['text', true],
      ['objects', false]
    ] as const) {
      describe(`as ${form}`, () => {
        const name = newCollection()
        it('what is there keeps its form, whatever our option says', async () => {
          const legacy = await legacyOn(name, { stringify })
          const ours = oursOn(name, { stringify: !stringify })
          const key = newId()
          const data = dataOf(HOUR, { views: 1, name: 'Zoë', list: [1, { deep: null }] })
          await legacy.set(key, data)
          const record = await ours.read(key)
          assert.deepEqual(JSON.parse(record!.data), json(data))
          near(record!.expiresAt, Date.now() + HOUR)
          const next = JSON.stringify({ ...JSON.parse(record!.data), views: 2, '~': { t: 'tag' } })
          assert.equal(
            (await ours.swap(key, record!.version, { data: next, expiresAt: Date.now() + 2 * HOUR, userId: 'ada' })).outcome,
            'done'
          )
          const theirs = await legacy.get(key)
          assert.deepEqual(json({ ...theirs, '~': undefined }), json({ ...data, views: 2 }))
          if (!stringify) assert.ok(theirs!.cookie.expires instanceof Date)
          near(await expiryOf(name, key), Date.now() + 2 * HOUR)
          assert.equal(await ours.extend(key, Date.now() + 3 * HOUR), true)
          near(await expiryOf(name, key), Date.now() + 3 * HOUR)
          assert.deepEqual(await ours.keysOfUser!('ada'), [key])
          assert.equal((await ours.read(key))!.userId, 'ada')
          assert.equal(typeof (await raw(name, key))['session'], stringify ? 'string' : 'object')
        })
      })
    }

    describe('objects', () => {
      const name = newCollection()
      const ours = oursOn(name, { stringify: false })
      const collection = client.db().collection<Document>(name)
      const rich = () => ({
        cookie: { originalMaxAge: HOUR, expires: new Date(1_800_000_000_000), httpOnly: true, path: '/' },
        at: new Date(1_700_000_000_000),
        id: new ObjectId('0123456789abcdef01234567'),
        price: Decimal128.fromString('12.50'),
        big: Long.fromString('9007199254740995'),
        small: Long.fromNumber(7),
        int: new Int32(3),
        double: new BSON.Double(3),
        bytes: Buffer.from('abc'),
        regexp: /a+/i,
        nothing: null,
        nan: NaN,
        deep: { dates: [new Date(1), new Date(2)], 'with.dot': 1, $dollar: 2, empty: {}, list: [] }
      })
      const bytesOf = (value: unknown): string => Buffer.from(BSON.serialize(value as object)).toString('hex')

      it('what nobody changed is stored bit by bit as it was', async () => {
        const key = newId()
        await collection.insertOne({ _id: key, session: rich(), expires: new Date(Date.now() + HOUR) })
        const before = (await raw(name, key))['session']
        const record = (await ours.read(key))!
        const parsed = JSON.parse(record.data) as Record<string, unknown>
        assert.equal(parsed['at'], new Date(1_700_000_000_000).toISOString())
        assert.equal(parsed['int'], 3)
        const swapped = await ours.swap(key, record.version, { data: record.data, expiresAt: Date.now() + HOUR })
        assert.equal(swapped.outcome, 'done')
        assert.equal(bytesOf((await raw(name, key))['session']), bytesOf(before))
        // and so for a change of something else, by the version that the swap answered
        const changed = JSON.stringify({ ...parsed, more: true, deep: { ...(parsed['deep'] as object), added: 1 } })
        assert.equal(
          (await ours.swap(key, (swapped as { version: object }).version, { data: changed, expiresAt: Date.now() + HOUR })).outcome,
          'done'
        )
        const {
          more,
          deep: { added, ...deep },
          ...rest
        } = (await raw(name, key))['session'] as { more: unknown; deep: { added: unknown } }
        assert.equal(more, true)
        assert.equal(Number(added), 1)
        assert.equal(bytesOf({ ...rest, deep }), bytesOf(before))
      })

      it('an app gets the types that connect-mongo gave it, and keeps those that it puts in', async () => {
        const key = newId()
        const legacy = await legacyOn(name, { stringify: false })
        await legacy.set(key, { ...dataOf(HOUR), ...rich() } as never)
        await collection.updateOne({ _id: key }, { $set: { expires: new Date(Date.now() + 2 * HOUR) } })
        const record = (await ours.read(key))!
        const object = record.object as ReturnType<typeof rich>
        const theirs = (await legacy.get(key))!
        assert.deepEqual({ ...object, cookie: 0, bytes: 0 }, { ...theirs, cookie: 0, bytes: 0 })
        assert.ok(object.at instanceof Date)
        assert.equal(object.int, 3)
        // R1: the field counts, not the time in the cookie
        near(object.cookie.expires.getTime(), Date.now() + 2 * HOUR)
        object.at = new Date(5)
        Object.assign(object, { seen: new Date(6), text: new Date(7).toISOString() })
        const data = JSON.stringify(object)
        assert.equal((await ours.swap(key, record.version, { data, expiresAt: Date.now() + HOUR, object })).outcome, 'done')
        const { session } = (await raw(name, key)) as unknown as { session: Record<string, unknown> }
        assert.deepEqual([session['at'], session['seen'], session['text']], [new Date(5), new Date(6), new Date(7).toISOString()])
      })

      it('the order of members counts, numbers of another type are the same', async () => {
        const key = newId()
        await collection.insertOne({ _id: key, session: { cookie: {}, a: 1, b: 2 }, expires: new Date(Date.now() + HOUR) })
        const { version } = (await ours.read(key))!
        await collection.updateOne({ _id: key }, { $set: { session: { cookie: {}, a: new BSON.Double(1), b: 3 } } })
        assert.equal((await ours.swap(key, version, { data: '{}', expiresAt: Date.now() + HOUR })).outcome, 'changed')
      })

      it('names that look like operators are values', async () => {
        const key = newId()
        const data = JSON.stringify({ $gt: '', cookie: {}, $where: 'x', 'a.b': 1, __proto: 1 })
        const created = await ours.create(key, { data, expiresAt: Date.now() + HOUR })
        assert.equal((await ours.read(key))!.data, data)
        await collection.updateOne({ _id: key }, { $set: { 'session.cookie': 1 } })
        const { version } = created as { version: object }
        assert.equal((await ours.swap(key, version, { data, expiresAt: Date.now() + HOUR })).outcome, 'changed')
      })

      it('a document that holds neither text nor object is not taken for a session, and hides no other', async () => {
        const key = newId()
        await collection.insertOne({ _id: key, session: 7, expires: new Date(Date.now() + HOUR) })
        await assert.rejects(ours.read(key) as Promise<unknown>, { code: 'store-failed', message: /a document of something else/ })
        await collection.insertOne({ _id: newId(), session: '{}', expires: null })
        assert.ok(await ours.scan!(undefined, 100))
      })
    })
  })
}
