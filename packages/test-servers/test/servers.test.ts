import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { serverFor, SERVER_KINDS, startServer, type TestServer } from '../src/index.ts'

/** Whether something accepts connections there. */
async function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** What Redis answers to one inline command within a while, else `undefined`. */
async function ask(url: string, command: string): Promise<string | undefined> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8')
  try {
    socket.write(`${command}\r\n`)
    return await Promise.race([once(socket, 'data').then(([text]) => String(text).trim()), sleep(200, undefined, { ref: false })])
  } finally {
    socket.destroy()
  }
}

describe('servers', () => {
  for (const kind of SERVER_KINDS) {
    it(`${kind} starts, is killed, comes back on its port and ends`, async (t) => {
      const server: TestServer | undefined = await serverFor(t, kind)
      if (!server?.controllable) return
      const { urls } = server
      assert.ok(urls.length > 0)
      for (const url of urls) assert.ok(await listens(url))
      await server.kill()
      for (const url of urls) assert.equal(await listens(url), false)
      await server.restart()
      for (const url of urls) assert.ok(await listens(url))
      await server.stop()
      for (const url of urls) assert.equal(await listens(url), false)
    })
  }

  it('a kill loses nothing that was acknowledged, and a pause keeps the connections', async (t) => {
    const server = await serverFor(t, 'redis')
    if (!server?.controllable) return
    assert.equal(await ask(server.url, 'SET kept 1'), '+OK')
    await server.kill()
    await server.restart()
    assert.match((await ask(server.url, 'GET kept'))!, /1$/)
    await server.pause()
    assert.equal(await ask(server.url, 'PING'), undefined)
    await server.resume()
    assert.equal(await ask(server.url, 'PING'), '+PONG')
  })

  it('mongo updates, expires and fails when told to', async (t) => {
    const server = await serverFor(t, 'mongo')
    if (!server) return
    await using client = await MongoClient.connect(server.url)
    const things = client.db('test').collection<{ _id: string; n: number; at?: Date }>('things')
    await things.createIndex({ at: 1 }, { expireAfterSeconds: 0 })
    await things.insertMany([
      { _id: 'a', n: 1 },
      { _id: 'b', n: 1, at: new Date(0) }
    ])
    assert.equal((await things.updateOne({ _id: 'a', n: 1 }, { $inc: { n: 1 } })).modifiedCount, 1)
    assert.equal((await things.updateOne({ _id: 'a', n: 1 }, { $inc: { n: 1 } })).modifiedCount, 0)
    if (server.source === 'npm') await client.db('admin').command({ sweepExpired: 1 })
    else for (let tries = 0; tries < 100 && (await things.countDocuments()) > 1; tries++) await sleep(100)
    assert.deepEqual(await things.find().toArray(), [{ _id: 'a', n: 2 }])
    if (server.source !== 'npm') return
    const failPoint = { configureFailPoint: 'failCommand', mode: { times: 1 }, data: { failCommands: ['find'], errorCode: 50 } }
    await client.db('admin').command(failPoint)
    await assert.rejects(things.find().toArray(), { code: 50 })
    assert.equal((await things.find().toArray()).length, 1)
  })

  it('says what would install a server that is not there', async () => {
    const { skipped } = (await startServer('redis', { source: 'env' })) as { skipped?: string }
    if (process.env['TEST_REDIS_URL']) return
    assert.match(skipped!, /no redis server: TEST_REDIS_URL is not set.*npm install/)
  })
})

describe('serverFor', () => {
  /** A test's context that only remembers. */
  const context = () => {
    const skipped: string[] = []
    return { skipped, t: { skip: (reason: string) => skipped.push(reason), after: () => {} } as unknown as TestContext }
  }

  it('skips visibly where there is no server, and fails where servers are required', async (t) => {
    if (process.env['TEST_REDIS_URL']) return
    const before = process.env['REQUIRE_SERVERS']
    t.after(() => {
      if (before === undefined) delete process.env['REQUIRE_SERVERS']
      else process.env['REQUIRE_SERVERS'] = before
    })
    delete process.env['REQUIRE_SERVERS']
    const { skipped, t: inner } = context()
    assert.equal(await serverFor(inner, 'redis', { source: 'env' }), undefined)
    assert.match(skipped[0]!, /no redis server/)
    process.env['REQUIRE_SERVERS'] = '1'
    await assert.rejects(serverFor(inner, 'redis', { source: 'env' }), /REQUIRE_SERVERS=1 is set, and there is no redis server/)
  })
})
