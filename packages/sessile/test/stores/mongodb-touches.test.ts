import { strict as assert } from 'node:assert'
import { after, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { MongoClient } from 'mongodb'
import { mongodbStore } from '../../src/stores/mongodb/backend.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000
const data = '{"cookie":{}}'

const server = isSelected('mongodb') ? await serverFor('mongodb, touches of one turn', 'mongo') : undefined
if (server) {
  describe('mongodb, touches of one turn', () => {
    const client = new MongoClient(server.url, { monitorCommands: true })
    const commands: string[] = []
    client.on('commandStarted', ({ commandName }) => commands.push(commandName))
    after(() => client.close())
    const inAnHour = Date.now() + HOUR

    it('are one command, and so are its reads', async () => {
      const store = mongodbStore({ client, collectionName: 'together' })
      const keys = Array.from({ length: 20 }, (_, at) => `key-${at}`)
      for (const key of keys) await store.create(key, { data, expiresAt: inAnHour })
      commands.length = 0
      assert.deepEqual(await Promise.all(keys.map((key, at) => store.extend(key, inAnHour + at * 1000))), Array(20).fill(true))
      assert.deepEqual(commands, ['update'])
      const records = await Promise.all(keys.map((key) => store.read(key)))
      assert.deepEqual(commands, ['update', 'find'])
      assert.deepEqual(
        records.map((record) => record?.expiresAt),
        keys.map((_, at) => inAnHour + at * 1000)
      )
    })

    it('each is told what became of its own session', async () => {
      const store = mongodbStore({ client, collectionName: 'apart' })
      await store.create('lives', { data, expiresAt: inAnHour })
      await store.create('endless', { data, expiresAt: Infinity })
      await client
        .db()
        .collection<{ _id: string; session: string; expires: Date }>('apart')
        .insertOne({ _id: 'over', session: data, expires: new Date(1) })
      const touched = ['lives', 'endless', 'over', 'nobody', 'lives'].map((key, at) => store.extend(key, inAnHour + (5 - at) * 1000))
      assert.deepEqual(await Promise.all(touched), [true, true, false, false, true])
      assert.equal((await store.read('lives'))?.expiresAt, inAnHour + 5000)
      assert.equal((await store.read('endless'))?.expiresAt, Infinity)
    })

    it('one that the server refuses fails by itself', async () => {
      const store = mongodbStore({ client, collectionName: 'refused' })
      for (const [at, key] of ['one', 'two', 'three'].entries()) await store.create(key, { data, expiresAt: inAnHour + at })
      const collection = client.db().collection<{ _id: string; session: string; expires: Date }>('refused')
      await collection.createIndex({ expires: 1, session: 1 }, { unique: true })
      const taken = new Date(inAnHour + 9000)
      await collection.insertOne({ _id: 'there', session: data, expires: taken })
      const touched = await Promise.allSettled(
        ['one', 'two', 'three'].map((key, at) => store.extend(key, at === 1 ? taken.getTime() : inAnHour + (at + 1) * 1000))
      )
      assert.deepEqual(
        touched.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled']
      )
      assert.equal((await store.read('three'))?.expiresAt, inAnHour + 3000)
    })
  })
}
