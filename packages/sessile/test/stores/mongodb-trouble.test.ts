import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { after, test, type TestContext } from 'node:test'
import { startServer } from '@sessile/test-servers'
import { MongoClient, type Document } from 'mongodb'
import { StoreCalls } from '../../src/core/calls.ts'
import { newId } from '../../src/core/ids.ts'
import { mongodbStore, MongoStore } from '../../src/entries/mongodb.ts'
import { idOf } from '../express/helpers.ts'
import { newCollection } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'
import { appOn, cannotWrite, cookieOf, last, refuses, refusesOtherPorts, tellsNothing, type App } from './trouble.ts'

const app = (t: TestContext, url: string, options: object = {}): Promise<App> =>
  appOn(t, mongodbStore({ url, collectionName: newCollection(), ...options }))

const server = isSelected('mongodb') ? await startServer('mongo') : undefined
if (server && server.skipped === undefined && server.controllable) {
  const { url } = server
  const admin = new MongoClient(url)
  after(async () => {
    await admin.close()
    await server.stop()
  })
  /** Has the server itself fail commands of the store's own client, as it would in trouble of that kind, while `work` runs. */
  async function failing(data: Document, work: () => Promise<unknown>, mode: unknown = 'alwaysOn'): Promise<void> {
    const point = { configureFailPoint: 'failCommand', mode, data: { appName: 'sessile', ...data } }
    await admin.db('admin').command(point)
    try {
      await work()
    } finally {
      await admin.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
    }
  }
  const WRITES = ['update', 'findAndModify', 'delete']
  const text = async (running: App, cookie: string | undefined): Promise<string> => (await running.get('/', { cookie })).body

  test('mongodb: a wrong password', async (t) => {
    const running = await app(t, url.replace('//', '//shop:hunter2@'))
    await refuses(running, /authentication/i)
    assert.equal(last(running).cause?.code, 18)
    tellsNothing(running)
  })

  test('mongodb: a URL that the driver does not take', async (t) => {
    for (const wrong of ['mongodb://shop:hunter2@', 'mongodb://shop:hun@ter2@host', 'mongodb://shop:hunter2@host/?nonsense=1']) {
      const running = await app(t, wrong)
      assert.equal((await running.get('/', { cookie: cookieOf(newId()) })).status, 500)
      assert.equal(running.handled(), 0)
      assert.equal(last(running).code, 'bad-option')
      tellsNothing(running, 'ter2')
    }
  })

  test('mongodb: the name of a database that cannot be', () => {
    for (const dbName of ['a b', 'a.b', 'a/b', '$a', 'x'.repeat(64)])
      assert.throws(() => mongodbStore({ url, dbName }), { code: 'bad-option', message: /dbName/ })
  })

  test('mongodb: a user who may do nothing, and one who may only read', async (t) => {
    await failing(
      { failCommands: ['find', 'createIndexes', 'listIndexes', ...WRITES], errorCode: 13, errorCodeName: 'Unauthorized' },
      async () => {
        const running = await app(t, url)
        await refuses(running, /mongodb: read failed/)
        assert.equal(last(running).cause?.codeName, 'Unauthorized')
      }
    )
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    await failing({ failCommands: WRITES, errorCode: 13, errorCodeName: 'Unauthorized' }, async () => {
      assert.equal((await running.get('/', { cookie: cookieOf(newId()) })).status, 200)
      await cannotWrite(running, /mongodb: create failed/)
      await cannotWrite(running, /mongodb: swap failed/, cookie)
    })
    assert.equal(await text(running, cookie), '1')
    tellsNothing(running, idOf(cookie))
  })

  for (const [name, errorCode] of [
    ['NotWritablePrimary', 10107],
    ['NotPrimaryOrSecondary', 13436],
    ['PrimarySteppedDown', 189]
  ] as const) {
    test(`mongodb: a server that is no primary (${name}), until there is one`, async (t) => {
      const running = await app(t, url)
      const { cookie } = await running.get('/write')
      await failing({ failCommands: ['find', ...WRITES], errorCode, errorCodeName: name }, async () => {
        await refuses(running, /mongodb: read failed/)
        assert.equal(last(running).cause?.codeName, name)
      })
      await failing({ failCommands: WRITES, errorCode, errorCodeName: name }, async () => {
        await cannotWrite(running, /mongodb: swap failed/, cookie)
      })
      assert.equal((await running.get('/write', { cookie })).body, '2')
      assert.equal(await text(running, cookie), '2')
      tellsNothing(running, idOf(cookie))
    })
  }

  test('mongodb: a write that a failover interrupts is made once, whether it landed or not', async (t) => {
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    const interrupted = { errorCode: 11602, errorCodeName: 'InterruptedDueToReplStateChange' }
    await failing({ failCommands: WRITES, ...interrupted }, async () => void (await running.get('/write', { cookie })), { times: 1 })
    assert.equal(await text(running, cookie), '2')
    await failing({ failCommands: WRITES, closeConnection: true }, async () => void (await running.get('/write', { cookie })), { times: 1 })
    assert.equal(await text(running, cookie), '3')
    assert.deepEqual(running.errors, [])
  })

  test('mongodb: a save without an answer in time is not said to be saved, and is not made twice when the server goes on', async (t) => {
    const client = new MongoClient(url, { appName: 'sessile', monitorCommands: true })
    t.after(() => client.close())
    const underWay = new Set<number>()
    client.on('commandStarted', ({ commandName, requestId }) => WRITES.includes(commandName) && underWay.add(requestId))
    client.on('commandSucceeded', ({ requestId }) => underWay.delete(requestId))
    const running = await appOn(t, mongodbStore({ client, collectionName: newCollection() }), { storeTimeout: 250 })
    const { cookie } = await running.get('/write')
    await failing({ failCommands: WRITES, blockConnection: true, blockTimeMS: 1000 }, async () => {
      assert.notEqual((await running.get('/write', { cookie }).catch(() => undefined))?.status, 200)
      assert.equal(last(running).code, 'store-timeout')
      assert.match(last(running).message, /took longer than 250 ms/)
    })
    assert.ok(underWay.size > 1, 'it was tried again')
    while (underWay.size > 0) await once(client, 'commandSucceeded')
    assert.equal(await text(running, cookie), '2', 'both tries landed, and only the first of them found what it expects')
    assert.equal((await running.get('/write', { cookie })).body, '3')
    tellsNothing(running, idOf(cookie))
  })

  test('mongodb: no room on the disk, until there is', async (t) => {
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    await failing({ failCommands: [...WRITES, 'insert'], errorCode: 14031, errorCodeName: 'OutOfDiskSpace' }, async () => {
      await cannotWrite(running, /mongodb: create failed/)
      await cannotWrite(running, /mongodb: swap failed/, cookie)
      assert.equal(last(running).cause?.codeName, 'OutOfDiskSpace')
      // it changes nothing, and yet it is told that the session's end could not be moved
      await running.get('/', { cookie }).catch(() => {})
      assert.match(last(running).message, /mongodb: extend failed/)
    })
    assert.equal((await running.get('/write', { cookie })).body, '2')
    tellsNothing(running, idOf(cookie))
  })

  test('mongodb: what the other servers do not have yet is not said to be saved, and no answer of theirs is told', async (t) => {
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    const writeConcernError = { code: 64, codeName: 'WriteConcernTimeout', errmsg: 'waiting for replication timed out' }
    await failing({ failCommands: WRITES, writeConcernError }, async () => {
      await cannotWrite(running, /not on as many servers.*waiting for replication timed out/s, cookie)
      assert.equal(last(running).code, 'unknown-outcome')
      await cannotWrite(running, /not on as many servers/)
      assert.equal((await running.get('/end', { cookie }).catch(() => undefined))?.status ?? 503, 503)
      assert.equal(last(running).code, 'unknown-outcome')
      assert.equal(last(running).cause?.codeName, 'WriteConcernTimeout')
    })
    tellsNothing(running, idOf(cookie), 'originalMaxAge')
  })

  test('mongodb: a session that is larger than a document may be', async (t) => {
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    await running.get('/fill?17825792', { cookie }).catch(() => {})
    assert.deepEqual([last(running).code, last(running).status], ['too-large', 413])
    assert.equal(await text(running, cookie), '1', 'what was stored stays')
    const store = mongodbStore({ url, collectionName: newCollection() })
    t.after(() => store.close!())
    const calls = new StoreCalls(store, { deadlineMs: Infinity, passErrors: false })
    // 17 MB do not go through the driver, a little less the server refuses
    for (const megabytes of [17, 17, 17, 17, 17, 16.5]) {
      const record = { data: 'x'.repeat(megabytes * 2 ** 20), expiresAt: Date.now() + 60_000 }
      const create = async (): Promise<unknown> => await calls.run('create', () => store.create(newId(), record))
      await assert.rejects(create, { code: 'too-large', message: /MongoDB takes up to 16 MB/ })
    }
    assert.equal(calls.breaker.open, false, 'it says nothing of the store, which answers others')
  })

  test('mongodb: a document of something else under the key of a session', async (t) => {
    const collectionName = newCollection()
    const running = await app(t, url, { collectionName })
    const collection = admin.db().collection<Document & { _id: string }>(collectionName)
    const expires = new Date(Date.now() + 60_000)
    for (const content of [{ session: 7 }, { session: [1] }, { session: expires }, { total: 12 }]) {
      const document = { _id: newId(), expires, ...content }
      await collection.insertOne(document)
      assert.equal((await running.get('/write', { cookie: cookieOf(document._id) })).status, 503)
      assert.equal(last(running).code, 'store-failed')
      assert.match(last(running).message, /a document of something else/)
      assert.deepEqual(await collection.findOne({ _id: document._id }), document)
      tellsNothing(running, document._id)
    }
    assert.equal(running.handled(), 0)
  })

  test('mongodb: text that is no session is told, and left as it is', async (t) => {
    const collectionName = newCollection()
    const running = await app(t, url, { collectionName })
    const collection = admin.db().collection<Document & { _id: string }>(collectionName)
    const document = { _id: newId(), session: 'no JSON', expires: new Date(Date.now() + 60_000) }
    await collection.insertOne(document)
    const told: string[] = []
    running.sessions.on('unreadable-record', ({ handle }) => told.push(handle))
    await running.get('/write', { cookie: cookieOf(document._id) })
    assert.equal(told.length, 1)
    assert.ok(!told[0]!.includes(document._id))
    assert.deepEqual(await collection.findOne({ _id: document._id }), document)
  })

  test('mongodb: indexes that may not be made, or are there in another shape, are warned of, and sessions are right', async (t) => {
    const warned: string[] = []
    const listener = ({ message }: Error): unknown => warned.push(message)
    process.on('warning', listener)
    t.after(() => process.off('warning', listener))
    const warnings = async (collectionName: string): Promise<string> => {
      warned.length = 0
      const running = await app(t, url, { collectionName })
      const { cookie } = await running.get('/write')
      assert.equal(await text(running, cookie), '1')
      return warned.join('\n')
    }
    const denied = { failCommands: ['createIndexes'], errorCode: 13, errorCodeName: 'Unauthorized' }
    await failing(denied, async () => {
      const told = await warnings(newCollection())
      assert.match(told, /Expired sessions stay in MongoDB.*"expires":1.*not permitted/)
      assert.match(told, /Finding the sessions of a user reads all sessions.*"sessileUser":1.*not permitted/)
    })
    const made = newCollection()
    await admin.db().collection(made).createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
    await failing(denied, async () => {
      const told = await warnings(made)
      assert.doesNotMatch(told, /Expired sessions/, 'somebody with more rights has made it')
      assert.match(told, /"sessileUser":1/)
    })
    for (const options of [{ expireAfterSeconds: 3600 }, {}]) {
      const other = newCollection()
      await admin.db().collection(other).createIndex({ expires: 1 }, options)
      assert.match(
        await warnings(other),
        /Expired sessions stay in MongoDB until something else deletes them.*another one on the same field/
      )
    }
    await admin.db().createCollection('elsewhere')
    await admin.db().createCollection('view', { viewOn: 'elsewhere', pipeline: [] })
    await refuses(await app(t, url, { collectionName: 'view' }), /is a view, not a collection/)
  })

  test('mongodb: whatever is said to be saved, moved or ended was asked of as many servers as the options say', async (t) => {
    const asked: Document[] = []
    /** The write concerns that a store's own commands carry, from the first on. */
    const concerns = async (use: (client: MongoClient) => Promise<unknown>): Promise<unknown[]> => {
      const client = new MongoClient(url, { monitorCommands: true, writeConcern: { w: 0 } })
      t.after(() => client.close())
      asked.length = 0
      client.on('commandStarted', ({ commandName, command }) => WRITES.includes(commandName) && asked.push(command['writeConcern']))
      await use(client)
      return asked
    }
    const majority = { w: 'majority', wtimeout: 1500 }
    for (const [options, concern] of [
      [{}, majority],
      [{ journal: true }, { w: 1, j: true }]
    ] as const) {
      const told = await concerns(async (client) => {
        await mongodbStore({ client, collectionName: newCollection(), ...options }).remove('none')
        const running = await appOn(t, mongodbStore({ client, collectionName: newCollection(), ...options }))
        const { cookie } = await running.get('/write')
        await running.get('/write', { cookie })
        await running.get('/', { cookie })
        assert.equal((await running.get('/end', { cookie })).status, 200)
        assert.deepEqual(running.errors, [])
      })
      assert.ok(told.length >= 5, `${told.length}`)
      for (const one of told) assert.deepEqual(one, concern)
    }
    const told = await concerns(async (client) => {
      const store = MongoStore.create({ client, collectionName: newCollection(), writeOperationOptions: { w: 0 } })
      await store.set('a', { cookie: {} } as never)
      await store.destroy('a')
    })
    assert.deepEqual(told, [{ w: 1 }, { w: 1 }], 'unacknowledged, nothing could be said to be saved')
  })
}

test('mongodb: a port where something else answers, and one where nothing does', { skip: !isSelected('mongodb') }, (t) =>
  refusesOtherPorts((port) => app(t, `mongodb://shop:hunter2@127.0.0.1:${port}/?serverSelectionTimeoutMS=300`))
)
