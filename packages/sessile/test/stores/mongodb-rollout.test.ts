import { after } from 'node:test'
import { MongoStore as Older } from 'connect-mongo'
import { serverFor } from '../../../test-servers/src/index.ts'
import { BackendStore } from '../../src/entries/index.ts'
import { MongoStore, mongodbStore, type ConnectMongoOptions } from '../../src/entries/mongodb.ts'
import { newCollection } from './mongodb-harness.ts'
import { rolloutSuite } from './rollout.ts'
import { isSelected } from './selected.ts'

const server = isSelected('mongodb') ? await serverFor('MongoDB while an app is rolled out', 'mongo') : undefined

if (server) {
  const opened: { close?(): unknown }[] = []
  after(() => Promise.all(opened.map((store) => store.close!())))
  const keep = <T extends { close?(): unknown }>(store: T): T => {
    opened.push(store)
    return store
  }

  const forms: [string, Partial<ConnectMongoOptions>][] = [
    ['text', {}],
    ['objects', { stringify: false }],
    ['encrypted', { crypto: { secret: 'a secret' } }],
    ['stamps and ids of its own', { touchAfter: 60, timestamps: true, transformId: (sid) => `t:${sid}` }],
    [
      "the app's own form",
      { serialize: ({ cookie, ...rest }) => ({ cookie, rest }), unserialize: ({ cookie, rest }) => ({ cookie, ...rest }) }
    ]
  ]
  for (const [name, more] of forms) {
    const options = { mongoUrl: server.url, collectionName: newCollection(), ...more }
    rolloutSuite({
      name: `connect-mongo, ${name}`,
      older: () => keep(Older.create(options as never) as never),
      ours: () => keep(MongoStore.create(options))
    })
  }

  const collectionName = newCollection()
  rolloutSuite({
    name: 'connect-mongo and mongodbStore',
    older: () => keep(Older.create({ mongoUrl: server.url, collectionName }) as never),
    ours: () => new BackendStore(keep(mongodbStore({ url: server.url, collectionName })))
  })
}
