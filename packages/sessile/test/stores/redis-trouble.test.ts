import { strict as assert } from 'node:assert'
import { after, test, type TestContext } from 'node:test'
import { startServer } from '@sessile/test-servers'
import { newId } from '../../src/core/ids.ts'
import { redisStore } from '../../src/entries/redis.ts'
import { freshPrefix, nodeRedis } from './redis-harness.ts'
import { isSelected } from './selected.ts'
import { appOn, cannotWrite, cookieOf, refuses, refusesOtherPorts, type App } from './trouble.ts'

const app = (t: TestContext, url: string, options: object = {}): Promise<App> =>
  appOn(t, redisStore({ url, prefix: freshPrefix(), ...options }))

const server = isSelected('redis') ? await startServer('redis') : undefined
if (server && server.skipped === undefined && server.controllable) {
  const { url } = server
  const admin = await nodeRedis(url)
  after(async () => {
    await admin.end()
    await server.stop()
  })
  const send = (...args: string[]): Promise<unknown> => admin.client.sendCommand(args)
  const withAccount = (account: string): string => url.replace('//', `//${account}@`)

  test('redis: a wrong password', async (t) => {
    await send('ACL', 'SETUSER', 'shop', 'on', '>right', '~*', '&*', '+@all')
    await refuses(await app(t, withAccount('shop:hunter2')), /WRONGPASS/)
    const { status } = await (await app(t, withAccount('shop:right'))).get('/', { cookie: cookieOf(newId()) })
    assert.equal(status, 200)
  })

  test('redis: no password where one is asked for', async (t) => {
    await send('ACL', 'SETUSER', 'default', 'resetpass', '>secret')
    try {
      await refuses(await app(t, url), /NOAUTH/)
    } finally {
      await send('ACL', 'SETUSER', 'default', 'nopass')
    }
  })

  test('redis: a user who may not', async (t) => {
    await send('ACL', 'SETUSER', 'reader', 'on', '>right', '~*', '&*', '+@read', '+@scripting', '+@connection')
    const reading = await app(t, withAccount('reader:right'))
    assert.equal((await reading.get('/', { cookie: cookieOf(newId()) })).status, 200)
    await cannotWrite(reading, /NOPERM/)
    await send('ACL', 'SETUSER', 'nobody', 'on', '>right', '+@connection')
    await refuses(await app(t, withAccount('nobody:right')), /NOPERM/)
  })

  test('redis: a database that is not there', async (t) => {
    await refuses(await app(t, `${url}/99`), /DB index is out of range/)
  })

  test('redis: a key of another type', async (t) => {
    const prefix = freshPrefix()
    const running = await app(t, url, { prefix })
    const id = newId()
    await send('LPUSH', `${prefix}${id}`, 'x')
    assert.equal((await running.get('/', { cookie: cookieOf(id) })).status, 503)
    assert.equal(running.handled(), 0)
    assert.match((running.errors[0] as Error).message, /WRONGTYPE/)
  })

  test('redis: a replica that only reads, until it is promoted', async (t) => {
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    const text = async (): Promise<string> => (await running.get('/', { cookie })).body
    assert.equal(await text(), '1')
    await send('CONFIG', 'SET', 'replica-serve-stale-data', 'yes')
    await send('REPLICAOF', '127.0.0.1', '1')
    try {
      await cannotWrite(running, /READONLY/, cookie)
      // a request that changes nothing moves the end of its session, which is a write as well
      assert.match(await text(), /READONLY/)
    } finally {
      await send('REPLICAOF', 'NO', 'ONE')
    }
    await running.get('/write', { cookie })
    assert.equal(await text(), '2')
  })

  test('redis: no memory left, and nothing may be evicted', async (t) => {
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    await send('CONFIG', 'SET', 'maxmemory', '1')
    try {
      await cannotWrite(running, /OOM/)
      await cannotWrite(running, /OOM/, cookie)
      assert.equal((await running.get('/', { cookie })).body, '1')
    } finally {
      await send('CONFIG', 'SET', 'maxmemory', '0')
    }
  })

  test('redis: an evicted session is a session that ended', async (t) => {
    const running = await app(t, url)
    const { cookie } = await running.get('/write')
    await send('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await send('CONFIG', 'SET', 'maxmemory', '1')
    try {
      // whatever is written makes the server evict first
      await send('SET', 'x', 'x').catch(() => {})
    } finally {
      await send('CONFIG', 'SET', 'maxmemory', '0')
      await send('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
    assert.equal((await running.get('/', { cookie })).body, 'anonymous')
    assert.deepEqual(running.errors, [])
  })
}

test('redis: a port where something else answers, and one where nothing does', { skip: !isSelected('redis') }, (t) =>
  refusesOtherPorts((port) => app(t, `redis://127.0.0.1:${port}`))
)
