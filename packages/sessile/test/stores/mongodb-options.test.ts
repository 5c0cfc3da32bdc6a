import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { MongoClient } from 'mongodb'
import { MongoClient as MongoClient6 } from 'mongodb6'
import { serverFor } from '../../../test-servers/src/index.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { mongodbStore } from '../../src/stores/mongodb/backend.ts'
import type { MongodbStoreOptions } from '../../src/stores/mongodb/options.ts'
import { newCollection } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const record = (userId?: string) => ({ data: `{"cookie":{},"at":${Math.random()}}`, expiresAt: Date.now() + HOUR, userId })

const server = isSelected('mongodb') ? await serverFor('mongodb, its options', 'mongo') : undefined
if (server) {
  describe('mongodb, its options', () => {
    const client = new MongoClient(server.url, { monitorCommands: true })
    const client6 = new MongoClient6(server.url)
    after(() => Promise.all([client.close(), client6.close()]))

    it('takes clients, databases and collections of the drivers 6 and 7, and a URL', async () => {
      const collectionName = newCollection()
      const ways: Record<string, MongodbStoreOptions> = {
        client: { client, collectionName },
        'client and dbName': { client, dbName: 'test', collectionName },
        db: { db: client.db('test'), collectionName },
        collection: { collection: client.db('test').collection(collectionName) },
        'client 6': { client: client6, collectionName },
        'db 6': { db: client6.db('test'), collectionName },
        'collection 6': { collection: client6.db('test').collection(collectionName) },
        url: { url: server.url, dbName: 'test', collectionName }
      }
      for (const [name, way] of Object.entries(ways)) {
        const store = mongodbStore(way)
        const made = await store.create(name, record('ada'))
        assert.equal(made.outcome, 'done', name)
        const { version } = (await store.read(name))!
        assert.equal((await store.swap(name, version, record('ada'))).outcome, 'done', name)
        assert.equal((await store.swap(name, version, record())).outcome, 'changed', name)
        assert.equal((await store.create(name, record())).outcome, 'taken', name)
        assert.ok(await store.extend(name, Date.now() + 2 * HOUR), name)
        assert.equal((await store.space!('marks').create(name, { data: 'mark', expiresAt: Date.now() + HOUR })).outcome, 'done', name)
        await store.ping!()
        if (name === 'url') assert.equal((await store.scan!(undefined, 100)).records.length, Object.keys(ways).length)
        await store.close!()
      }
      assert.deepEqual((await mongodbStore(ways['client']!).keysOfUser!('ada')).toSorted(), Object.keys(ways).toSorted())
      assert.equal(await client.db('test').collection(`${collectionName}_marks`).countDocuments(), Object.keys(ways).length)
      for (const way of ['collection', 'collection 6']) assert.ok((await mongodbStore(ways[way]!).remove('db 6')) || way === 'collection 6')
    })

    it('a URL may name the collection, and goes on to the driver without it', async () => {
      const collectionName = newCollection()
      const url = new URL(server.url)
      url.pathname = '/elsewhere'
      url.search = `?${[url.search.slice(1), `collectionName=${collectionName}`, 'appName=mine'].filter(Boolean).join('&')}`
      const store = backendByUrl(url.href)
      assert.equal((await store.create('key', record())).outcome, 'done')
      assert.equal(await client.db('elsewhere').collection(collectionName).countDocuments(), 1)
      await store.close!()
    })

    it('refuses what it could not use', () => {
      for (const given of [
        {},
        { client, url: server.url },
        { client: {} },
        { db: {} },
        { collection: {} },
        { client, collectionName: '' },
        { client, collectionName: 'a$b' },
        { client, collectionName: 'system.x' },
        { client, colection: 'x' }
      ]) {
        assert.throws(
          () => mongodbStore(given as never),
          (error) => isSessionError(error) && error.code === 'bad-option',
          JSON.stringify(Object.keys(given))
        )
      }
      const plain = mongodbStore({ client, userIndex: false })
      assert.equal(plain.keysOfUser, undefined)
      assert.throws(() => plain.space!('a b'), /name of a space/)
    })

    it('reads of one tick are one query, and each gets its own', async () => {
      let commands: string[] = []
      client.on('commandStarted', ({ commandName }) => commands.push(commandName))
      const store = mongodbStore({ client, collectionName: newCollection() })
      const keys = Array.from({ length: 150 }, (_, index) => `key-${index}`)
      await Promise.all(keys.map((key) => store.create(key, { data: `"${key}"`, expiresAt: Date.now() + HOUR })))
      await store.create('over', { data: '1', expiresAt: Date.now() - HOUR })
      commands = []
      const found = await Promise.all([...keys, 'over', 'none', keys[0]!].map(async (key) => await store.read(key)))
      assert.deepEqual(commands, ['find'])
      assert.deepEqual(
        found.map((record) => record?.data),
        [...keys.map((key) => `"${key}"`), undefined, undefined, '"key-0"']
      )
      await store.close!()
      const refused = await Promise.allSettled(['key-1', 'key-2'].map(async (key) => await store.read(key)))
      for (const one of refused) assert.equal(one.status, 'rejected')
    })

    it('one command for each operation, two where a write met nothing', async () => {
      const commands: { name: string; command: Record<string, unknown> }[] = []
      client.on('commandStarted', ({ commandName, command }) =>
        commands.push({ name: commandName, command: command as Record<string, unknown> })
      )
      const store = mongodbStore({ client, collectionName: newCollection() })
      await store.open!()
      let version: unknown = ''
      let stale: unknown = ''
      const operations: [string, string[], () => unknown][] = [
        ['create', ['update'], async () => (version = stale = ((await store.create('key', record('ada'))) as { version: string }).version)],
        ['create, taken', ['update'], () => store.create('key', record())],
        ['read', ['find'], () => store.read('key')],
        ['read, nothing there', ['find'], () => store.read('other')],
        [
          'swap',
          ['update'],
          async () => (version = ((await store.swap('key', version as string, record('ada'))) as { version: string }).version)
        ],
        ['swap, changed', ['update', 'find'], () => store.swap('key', stale as string, record())],
        ['swap, gone', ['update', 'find'], () => store.swap('other', stale as string, record())],
        ['extend', ['update'], () => store.extend('key', Date.now() + 2 * HOUR)],
        ['extend, shorter', ['update'], () => store.extend('key', Date.now() + HOUR)],
        ['extend, nothing there', ['update', 'find'], () => store.extend('other', Date.now() + HOUR)],
        ['keysOfUser', ['find'], () => store.keysOfUser!('ada')],
        ['scan', ['find'], () => store.scan!(undefined, 10)],
        ['ping', ['find'], () => store.ping!()],
        ['remove', ['findAndModify'], () => store.remove('key')],
        ['remove, nothing there', ['findAndModify'], () => store.remove('key')]
      ]
      for (const [name, expected, call] of operations) {
        commands.length = 0
        await call()
        assert.deepEqual(
          commands.map((one) => one.name),
          expected,
          name
        )
        for (const { name: command, command: sent } of commands) {
          if (command !== 'find') assert.deepEqual(sent['writeConcern'], { w: 'majority', wtimeout: 1500 }, name)
        }
      }
      // a single server takes "majority" for enough, whatever is asked of the journal
      const journaled = mongodbStore({ client, collectionName: newCollection(), journal: true })
      await journaled.create('key', record())
      assert.deepEqual(commands.at(-1)!.command['writeConcern'], { w: 1, j: true })
    })

    it('an index that another one is in the way of is warned of, and the sessions are served', async () => {
      const collectionName = newCollection()
      await client.db().collection(collectionName).createIndex({ expires: 1 }, { expireAfterSeconds: 77 })
      const heard: string[] = []
      const listener = (warning: Error): void => void heard.push(warning.message)
      process.on('warning', listener)
      const store = mongodbStore({ client, collectionName })
      assert.equal((await store.create('key', record())).outcome, 'done')
      await new Promise((resolve) => setImmediate(resolve))
      process.off('warning', listener)
      assert.equal(heard.length, 1)
      assert.match(heard[0]!, /stay in MongoDB.*another one/)
    })

    it('the server itself deletes what is over', async () => {
      const collectionName = newCollection()
      const store = mongodbStore({ client, collectionName })
      await store.create('key', { ...record(), expiresAt: Date.now() + 100 })
      for (let tries = 0; tries < 1000; tries++) {
        if ((await client.db().collection(collectionName).countDocuments()) === 0) return
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      assert.fail('it is still there')
    })

    it('a million bytes come and go', async () => {
      const store = mongodbStore({ client, collectionName: newCollection() })
      const large = { data: JSON.stringify({ cookie: {}, text: 'é'.repeat(500_000) }), expiresAt: Infinity }
      await store.create('key', large)
      const { data, version } = (await store.read('key'))!
      assert.equal(data, large.data)
      assert.equal((await store.swap('key', version, record())).outcome, 'done')
    })

    it('a process that closes its store ends', async () => {
      const entry = new URL('../../src/entries/mongodb.ts', import.meta.url).href
      const code = `const { mongodbStore } = await import(${JSON.stringify(entry)})
        const store = mongodbStore({ url: ${JSON.stringify(server.url)}, collectionName: ${JSON.stringify(newCollection())} })
        await store.create('key', { data: '{}', expiresAt: Infinity })
        console.log((await store.read('key')).data)
        await store.close()`
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
      assert.equal(stdout, '{}\n')
    })
  })
}
