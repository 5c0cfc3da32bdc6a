import { MongoClient } from 'mongodb'
import { mongodbStore } from '../../src/stores/mongodb/backend.ts'
import type { MongodbStoreOptions } from '../../src/stores/mongodb/options.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'

/** A server, as far as a harness needs it. */
export interface Server {
  readonly url: string
  /** Whether it may be killed. */
  readonly controllable: boolean
  kill(): Promise<void>
  restart(): Promise<void>
}

let collections = 0

/** A name that no other test uses. */
export function newCollection(): string {
  return `c${process.pid}_${++collections}`
}

/** Two stores with a client each on one collection, in real MongoDB; the time is moved in this process, whose clock the store goes by. */
export function mongodbHarness(server: Server, name: string, more: Partial<MongodbStoreOptions> = {}): BackendHarness {
  let admin: MongoClient | undefined
  const db = () => (admin ??= new MongoClient(server.url)).db()
  let clock: FakeClock | undefined
  let collectionName = ''
  const url = new URL(server.url)
  // each call to a server that was killed takes so long
  url.searchParams.set('serverSelectionTimeoutMS', '500')
  const store = () => mongodbStore({ url: url.href, collectionName, ...more })
  return {
    name,
    make() {
      clock ??= fakeClock()
      collectionName = newCollection()
      return store()
    },
    another: store,
    advance: (ms) => clock!.advance(ms),
    async writeLegacy(key, data, expiresAt) {
      const session: unknown = more.stringify === false ? JSON.parse(data) : data
      await db()
        .collection<{ _id: string }>(collectionName)
        .updateOne({ _id: key }, { $set: { session, expires: new Date(expiresAt) } }, { upsert: true })
    },
    ...(server.controllable
      ? {
          async stop() {
            // a journaled write takes all those before it into the journal, so that killing loses nothing
            await db()
              .collection(`${collectionName}_sync`)
              .updateOne({ sync: 1 }, { $set: { sync: 1 } }, { upsert: true, writeConcern: { w: 1, j: true } })
            // a client that lives through a kill may look for the server for ever (see the store's own client)
            await admin?.close()
            admin = undefined
            await server.kill()
          },
          start: () => server.restart()
        }
      : {}),
    async clean() {
      clock?.restore()
      clock = undefined
      for (const one of ['', '_marks', '_counters', '_sync'])
        await db()
          .collection(`${collectionName}${one}`)
          .drop()
          .catch(() => {})
      await admin?.close()
      admin = undefined
    }
  }
}
