import { strict as assert } from 'node:assert'
import { after, test } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import session from 'express-session'
import pg from 'pg'
import { PostgresStore } from '../../src/entries/postgres.ts'
import { RedisStore } from '../../src/entries/redis.ts'
import { ours, serve } from '../express/helpers.ts'
import { freshPrefix, nodeRedis } from './redis-harness.ts'
import { isSelected } from './selected.ts'

/** Under express-session and under ours: parallel requests keep each other's changes, and a write after the logout revives nothing. */
function requests(name: string, make: () => any): void {
  for (const [under, middleware] of Object.entries({ 'express-session': session as any, sessile: ours })) {
    test(`${name} under ${under}`, async (t) => {
      const store = make()
      const held = Promise.withResolvers<void>()
      const entered = Promise.withResolvers<void>()
      const options = { secret: 'teal lantern', resave: false, saveUninitialized: false, store }
      const server = await serve(t, middleware(options), async (req, res) => {
        if (req.url === '/out') return req.session.destroy(() => res.end())
        req.session[req.url.slice(1)] = 1
        if (req.url === '/late') {
          entered.resolve()
          await held.promise
        }
        res.end(JSON.stringify(Object.keys(req.session)))
      })
      const { cookie } = await server.get('/a')
      await Promise.all(['b', 'c', 'd', 'e', 'f'].map((path) => server.get(`/${path}`, { cookie })))
      const names = (await server.get('/g', { cookie })).json() as string[]
      assert.deepEqual(names.sort(), ['a', 'b', 'c', 'cookie', 'd', 'e', 'f', 'g'])
      const late = server.get('/late', { cookie })
      await entered.promise
      await server.get('/out', { cookie })
      held.resolve()
      await late
      const id = decodeURIComponent(cookie!).split('s:')[1]!.split('.')[0]!
      assert.equal((await store.get(id)) ?? null, null)
      assert.deepEqual(server.errors, [])
    })
  }
}

const redis = isSelected('redis') ? await serverFor('redis, requests over RedisStore', 'redis') : undefined
const postgres = isSelected('postgres') ? await serverFor('postgres, requests over PostgresStore', 'postgres') : undefined
if (redis) {
  const app = await nodeRedis(redis.url)
  after(() => app.end())
  requests('RedisStore', () => new RedisStore({ client: app.client, prefix: freshPrefix() }))
}

if (postgres) {
  const pool = new pg.Pool({ connectionString: postgres.url })
  pool.on('error', () => {})
  after(() => pool.end())
  requests('PostgresStore', () => new PostgresStore({ pool, createTableIfMissing: true }))
  requests('PostgresStore(session)', () => new (PostgresStore(session as never))({ pool, createTableIfMissing: true }))
}
