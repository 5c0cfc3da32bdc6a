import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { createWebCryptoAdapter as theirWebCrypto, MongoStore as Older } from 'connect-mongo'
import originalSession from 'express-session'
import { MongoClient } from 'mongodb'
import { serverFor } from '@sessile/test-servers'
import type { SessionBackend } from '../../src/core/backend.ts'
import { EventHub } from '../../src/core/events.ts'
import { newId } from '../../src/core/ids.ts'
import { SessionRecords } from '../../src/core/records.ts'
import { session } from '../../src/entries/index.ts'
import { createWebCryptoAdapter, mongodbStore, MongoStore, type ConnectMongoOptions } from '../../src/entries/mongodb.ts'
import { serve } from '../serve.ts'
import { newCollection } from './mongodb-harness.ts'
import { near, olderRules, sessionOf } from './older-rules.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const secret = 'a secret'

type Document = { _id: string } & Record<string, any>

/** How connect-mongo's sessions stand in their documents, and which of our stores is on them. */
interface Form {
  readonly name: string
  readonly ours: 'MongoStore' | 'mongodbStore'
  /** Options that both take. */
  readonly options: Partial<ConnectMongoOptions>
  /** For theirs alone, and for ours. */
  readonly theirs?: object
  readonly mine?: Partial<ConnectMongoOptions>
}

const FORMS: readonly Form[] = [
  { name: 'text', ours: 'MongoStore', options: {} },
  { name: 'text', ours: 'mongodbStore', options: {} },
  { name: 'objects', ours: 'MongoStore', options: { stringify: false } },
  { name: 'objects', ours: 'mongodbStore', options: { stringify: false } },
  { name: 'encrypted', ours: 'MongoStore', options: { crypto: { secret } } },
  {
    name: 'encrypted by Web Crypto',
    ours: 'MongoStore',
    options: {},
    theirs: { cryptoAdapter: theirWebCrypto({ secret }) },
    mine: { cryptoAdapter: createWebCryptoAdapter({ secret }) }
  }
]

/** As JSON. What a cookie does not say, connect-mongo stores as null where it stores objects. */
const json = (value: unknown): any => JSON.parse(JSON.stringify(value), (key, one) => (one === null && key !== 'deep' ? undefined : one))

/** What BSON types a value has, by the names of its members, in their order; nulls left out. */
function typesOf(value: any): unknown {
  if (value === null || typeof value !== 'object') return typeof value
  if (value._bsontype) return value._bsontype
  if (value instanceof Date) return 'Date'
  return Object.entries(value).flatMap(([name, one]) => (one === null ? [] : [[name, typesOf(one)]]))
}
/** Of a document; in which order its fields stand is nobody's concern. */
const documentTypes = ({ session: stored, ...rest }: Document): unknown => [
  typesOf(stored),
  Object.fromEntries(typesOf(rest) as [string, unknown][])
]

/**
 * The rules for records of older writers, by their numbers. R6 is of columns in SQLite and PostgreSQL, R8 and R12 are of keys of Redis, R9
 * is of PostgreSQL's times.
 */
function rules(url: string, form: Form): void {
  const { name, ours: ourName, options } = form
  describe(`connect-mongo 6 and ${ourName} on one collection: ${name}`, () => {
    const client = new MongoClient(url)
    const collectionName = newCollection()
    const collection = client.db().collection<Document>(collectionName)
    const older = (more: object = {}) =>
      new Older({ client: client as never, collectionName, ...options, ...form.theirs, ...more } as never) as any
    const make = (more: Partial<ConnectMongoOptions> = {}): { store: any; backend: SessionBackend } => {
      if (ourName === 'mongodbStore') {
        const backend = mongodbStore({ client, collectionName, stringify: options.stringify ?? true })
        return { store: backend, backend }
      }
      const store = MongoStore.create({ client, collectionName, ...options, ...form.mine, ...more })
      return { store, backend: store.backend }
    }
    const promised = (store: any) => {
      const call =
        (method: string) =>
        (...given: unknown[]): Promise<any> =>
          new Promise((resolve, reject) =>
            store[method](...given, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value)))
          )
      return { get: call('get'), set: call('set'), touch: call('touch'), destroy: call('destroy') }
    }
    const theirs = promised(older())
    const { backend: ours } = make()
    const records = new SessionRecords(ours, { events: new EventHub(), handleOf: (key) => key })
    after(() => client.close())

    const raw = async (key: string): Promise<Document> => (await collection.findOne({ _id: key }, { promoteValues: false }))!
    const endOf = async (key: string): Promise<number> => (await raw(key))['expires'].getTime()
    const setEnd = (key: string, at: number) => collection.updateOne({ _id: key }, { $set: { expires: new Date(at) } })
    const read = async (key: string) => await ours.read(key)

    it('R1 when a session ends says the field, not the cookie in it', async () => {
      const key = newId()
      await theirs.set(key, sessionOf(HOUR, { views: 1 }))
      await setEnd(key, Date.now() + 2 * DAY)
      near((await read(key))!.expiresAt, Date.now() + 2 * DAY)
      const stale = newId()
      // MongoDB may delete it before its end is moved
      do await theirs.set(stale, sessionOf(-HOUR, { views: 1 }))
      while ((await setEnd(stale, Date.now() + HOUR)).matchedCount === 0)
      assert.ok(await records.load(stale))
      await setEnd(key, Date.now() - 5000)
      assert.equal(await read(key), undefined)
      assert.equal(await ours.extend(key, Date.now() + HOUR), false)
    })

    const app = (middleware: any) =>
      serve(((req: any, res: any) => {
        middleware(req, res, (error: unknown) => {
          if (error) return res.end(String(error))
          if (req.url === '/write') req.session.views = (req.session.views ?? 0) + 1
          res.end(`${req.sessionID} ${req.session.views}`)
        })
      }) as never)
    const setCookie = { resave: false, saveUninitialized: false, secret: 'teal lantern' }

    it('R2 the cookie that they have set is good here, and ours there; ids are stored as they are', async (t) => {
      const common = { ...setCookie, cookie: { maxAge: HOUR } }
      const middleware = session({ ...common, store: make().store })
      t.after(() => middleware.close?.())
      await using before = await app(originalSession({ ...common, store: older() }))
      await using now = await app(middleware)
      for (const [first, second] of [
        [before, now],
        [now, before]
      ] as const) {
        const signedIn = await first.ask('GET', '/write')
        const cookie = signedIn.headers['set-cookie']![0]!.split(';')[0]!
        const [id] = signedIn.text.split(' ')
        assert.equal((await second.ask('GET', '/write', { cookie })).text, `${id} 2`)
        assert.equal((await first.ask('GET', '/write', { cookie })).text, `${id} 3`)
        assert.equal((await theirs.get(id)).views, 3)
      }
    })

    it('R3 a session whose cookie has no time lives two weeks by them, and no shorter once it is ours', async () => {
      const key = newId()
      await theirs.set(key, sessionOf(undefined, { views: 1 }))
      near((await read(key))!.expiresAt, Date.now() + 14 * DAY)
      await using before = await app(originalSession({ ...setCookie, store: older() }))
      await using now = await app(session({ ...setCookie, store: make().store }))
      const signedIn = await before.ask('GET', '/write')
      const cookie = signedIn.headers['set-cookie']![0]!.split(';')[0]!
      const [id] = signedIn.text.split(' ') as [string]
      assert.equal((await now.ask('GET', '/write', { cookie })).text, `${id} 2`)
      near(await endOf(id), Date.now() + 14 * DAY)
      await now.ask('GET', '/', { cookie })
      near(await endOf(id), Date.now() + 14 * DAY)
      assert.equal((await theirs.get(id)).cookie.originalMaxAge, null)
    })

    it('R4 what we write has the same names, types, units, order and form', async () => {
      const key = newId()
      await theirs.set(key, sessionOf(HOUR, { views: 1, name: 'Zoë' }))
      const before = await raw(key)
      const record = (await read(key))!
      await ours.swap(key, record.version, { data: record.data, expiresAt: record.expiresAt })
      assert.deepEqual(documentTypes(await raw(key)), documentTypes(before))
      if (!name.startsWith('encrypted')) assert.deepEqual(await raw(key), before)
      const created = newId()
      await ours.create(created, { data: record.data, expiresAt: record.expiresAt })
      assert.deepEqual(documentTypes(await raw(created)), documentTypes(before))
      assert.deepEqual(json(await theirs.get(created)), json(await theirs.get(key)))
      const loaded = (await records.load(key))!
      const changed = JSON.stringify({ ...JSON.parse(loaded.text), views: 2 })
      assert.equal(await records.commit(loaded, { text: changed, expiresAt: Date.now() + HOUR, userId: undefined }), 'saved')
      const text = JSON.stringify(json(await theirs.get(key)))
      assert.match(
        text,
        /^\{"cookie":\{"originalMaxAge":3600000,"expires":"[^"]+Z","httpOnly":true,"path":"\/"\},"views":2,"name":"Zoë","~":\{/
      )
    })

    it('R10 the index by which MongoDB removes sessions is exactly theirs, whoever makes it', async () => {
      for (const first of ['theirs', 'ours']) {
        const other = newCollection()
        const both = [
          () => older({ collectionName: other }).collectionP,
          async () => {
            if (ourName === 'MongoStore') return make({ collectionName: other }).store.collectionP
            await mongodbStore({ client, collectionName: other }).open!()
          }
        ]
        for (const open of first === 'theirs' ? both : both.toReversed()) await open()
        const indexes = await client.db().collection(other).indexes()
        const ttl = indexes.filter(({ key }) => 'expires' in key)
        assert.deepEqual(
          ttl.map(({ key, expireAfterSeconds }) => [key, expireAfterSeconds]),
          [[{ expires: 1 }, 0]]
        )
        assert.ok(indexes.some(({ key }) => 'sessileUser' in key))
      }
    })

    it('R11 lastModified and the timestamps stay, and are no part of the session', async () => {
      const stamped = promised(older({ touchAfter: 60, timestamps: true }))
      const key = newId()
      await stamped.set(key, sessionOf(HOUR, { views: 1 }))
      const before = await raw(key)
      const { backend } = make({ touchAfter: 60, timestamps: true })
      const record = (await backend.read(key))!
      assert.deepEqual(Object.keys(JSON.parse(record.data)), ['cookie', 'views'])
      const data = JSON.stringify({ ...JSON.parse(record.data), views: 2 })
      assert.equal((await backend.swap(key, record.version, { data, expiresAt: Date.now() + HOUR })).outcome, 'done')
      await backend.extend(key, Date.now() + 2 * HOUR)
      const behind = await raw(key)
      assert.deepEqual(Object.keys(behind).sort(), Object.keys(before).sort())
      for (const field of ['lastModified', 'createdAt', 'updatedAt']) assert.ok(behind[field] instanceof Date, field)
      assert.deepEqual(behind['createdAt'], before['createdAt'])
      const read = await stamped.get(key)
      assert.deepEqual([read.views, read.lastModified], [2, behind['lastModified']])
      // younger than touchAfter: they skip it
      const expires = await endOf(key)
      await stamped.touch(key, { ...sessionOf(5 * HOUR), lastModified: read.lastModified })
      assert.equal(await endOf(key), expires)
      await stamped.set(key, { ...read, views: 3 })
      assert.deepEqual(Object.keys(JSON.parse((await backend.read(key))!.data)), ['cookie', 'views'])
    })

    olderRules({ theirs, ours, endOf, json })

    it('a session without an end has none, for both, and is given none', async () => {
      const key = newId()
      const data = JSON.stringify(sessionOf(undefined, { a: 1 }))
      await ours.create(key, { data, expiresAt: Infinity })
      assert.equal((await theirs.get(key)).a, 1)
      const record = (await read(key))!
      assert.equal(record.expiresAt, Infinity)
      assert.equal(await ours.extend(key, Date.now() + HOUR), true)
      await ours.swap(key, record.version, { data, expiresAt: Infinity })
      assert.ok(!('expires' in (await raw(key))))
    })

    it('what is over for us is over for them, and gone is gone', async () => {
      const key = newId()
      await ours.create(key, { data: JSON.stringify(sessionOf(-5000)), expiresAt: Date.now() - 5000 })
      assert.equal(await theirs.get(key), null)
      assert.equal(await read(key), undefined)
      const other = newId()
      await ours.create(other, { data: JSON.stringify(sessionOf(HOUR)), expiresAt: Date.now() + HOUR })
      await ours.remove(other)
      assert.equal(await theirs.get(other), null)
    })
  })
}

const server = isSelected('mongodb') ? await serverFor('rules of connect-mongo', 'mongo') : undefined
if (server) for (const form of FORMS) rules(server.url, form)
