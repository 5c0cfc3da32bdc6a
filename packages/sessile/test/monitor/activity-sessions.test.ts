import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import express from 'express'
import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { session } from '../../src/express/factory.ts'
import { activity } from '../../src/monitor/activity.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { serve, type Server } from '../serve.ts'

interface Visit {
  user?: string
  views?: number
  userId?: string | number
}

/** A small app whose sessions are watched. */
function watched(store: SessionBackend) {
  const sessions = session({
    secret: 'a secret of more than 32 characters',
    store,
    resave: false,
    saveUninitialized: false,
    rolling: true,
    hashIds: true,
    lifetimes: { anonymous: { idle: '7d' }, signedIn: { idle: '30m', absolute: '8h' } }
  })
  const watching = activity({ sessions })
  const app = express()
  app.use(sessions, watching)
  const of = (req: express.Request) =>
    (req as unknown as { session: Visit & { signIn(user: string): Promise<void>; signOut(): Promise<void> } }).session
  app.get('/read', (_req, res) => {
    res.json({})
  })
  app.get('/view', (req, res) => {
    of(req).views = (of(req).views ?? 0) + 1
    res.json(of(req).views)
  })
  app.post('/login', async (req, res) => {
    await of(req).signIn('7')
    res.json({})
  })
  app.post('/logout', async (req, res) => {
    await of(req).signOut()
    res.json({})
  })
  app.get('/info', async (req, res) => {
    const own = sessions.describe(req)
    res.json({ handle: own?.handle ?? null, seen: own ? ((await watching.of(own.handle)) ?? null) : null })
  })
  return { app, sessions, watching }
}

interface Info {
  handle: string
  seen: { pages: number; userId?: string }
}

/** One browser. */
function browser(server: Server) {
  let cookie: string | undefined
  const ask = async (method: string, path: string): Promise<unknown> => {
    const answer = await server.ask(method, path, cookie === undefined ? {} : { cookie })
    for (const one of answer.headers['set-cookie'] ?? []) cookie = one.split(';')[0]
    return answer.json
  }
  return { ask, info: async () => (await ask('GET', '/info')) as Info }
}

const stores: readonly [string, () => SessionBackend][] = [
  ['memory', () => memoryStore()],
  ['SQLite', () => sqliteStore({ file: ':memory:' })]
]

for (const [name, make] of stores) {
  describe(`activity of real sessions on ${name}`, () => {
    it('begins with the session, follows it through a sign-in, and ends with it', async () => {
      const { app, sessions, watching } = watched(make())
      await using server = await serve(app)
      const visitor = browser(server)
      await visitor.ask('GET', '/read')
      assert.deepEqual(await visitor.info(), { handle: null, seen: null })
      await visitor.ask('GET', '/view')
      const guest = await visitor.info()
      assert.equal(guest.seen.pages, 2)
      assert.equal(guest.seen.userId, undefined)
      await watching.flush()
      await visitor.ask('POST', '/login')
      const signedIn = await visitor.info()
      assert.notEqual(signedIn.handle, guest.handle)
      assert.equal(signedIn.seen.pages, 4)
      assert.equal(signedIn.seen.userId, '7')
      const [row] = await watching.list(await sessions.of('7'))
      assert.equal(row!.sessionId, signedIn.handle)
      assert.equal(row!.pages, 4)
      assert.ok(row!.duration >= 0 && row!.duration < 60_000)
      await watching.flush()
      assert.equal(await watching.of(guest.handle), undefined)
      await visitor.ask('POST', '/logout')
      assert.equal(await watching.of(signedIn.handle), undefined)
      await watching.flush()
      const left = (await sessions.backend.space!('activity').read(signedIn.handle))!
      assert.match(left.data, /^{"e":\d+,"r":"destroyed","n":5,"f":\d+,"l":\d+,"d":"\w+","t":\[[^\]]*\]}$/)
      await watching.close()
      await sessions.close()
    })

    it('is known for as long as the session lives', async () => {
      const { app, sessions, watching } = watched(make())
      await using server = await serve(app)
      const visitor = browser(server)
      await visitor.ask('POST', '/login')
      const { handle } = await visitor.info()
      await watching.flush()
      const { expiresAt } = (await sessions.get(handle))!
      const record = await sessions.backend.space!('activity').read(handle)
      assert.ok(record!.expiresAt >= expiresAt && record!.expiresAt < expiresAt + 120_000)
      await watching.close()
      await sessions.close()
    })

    it('counts all of many requests at once', async () => {
      const { app, sessions, watching } = watched(make())
      await using server = await serve(app)
      const visitor = browser(server)
      await visitor.ask('GET', '/view')
      await Promise.all(Array.from({ length: 100 }, () => visitor.ask('GET', '/read')))
      assert.equal((await visitor.info()).seen.pages, 102)
      await watching.close()
      await sessions.close()
    })

    it('adds no call to the store to a request', async () => {
      const calls: string[] = []
      const { app, sessions, watching } = watched(
        wrapBackend(make(), (operation, call) => {
          calls.push(operation)
          return call()
        })
      )
      await using server = await serve(app)
      const visitor = browser(server)
      await visitor.ask('GET', '/view')
      calls.length = 0
      for (let n = 0; n < 10; n += 1) await visitor.ask('GET', '/read')
      assert.deepEqual(
        calls.filter((operation) => operation !== 'extend'),
        Array(10).fill('read')
      )
      await watching.close()
      await sessions.close()
    })
  })
}
