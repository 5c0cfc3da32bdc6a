import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import express from 'express'
import type { SessionBackend } from '../../src/core/backend.ts'
import { wrapBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { EventHub } from '../../src/core/events.ts'
import { activity } from '../../src/monitor/activity.ts'
import type { HttpRequest, WatchedSession } from '../../src/monitor/options.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { serve } from '../serve.ts'

const HOUR = 3_600_000

/** The manager as far as watching needs it: a request's session is the one that its header names, until the app changes it. */
function manager(backend: SessionBackend = memoryStore()) {
  const events = new EventHub()
  const sessions = new Map<HttpRequest, WatchedSession | undefined>()
  const named = (handle: string, userId?: string): WatchedSession => ({
    handle,
    userId,
    createdAt: Date.now() - HOUR,
    expiresAt: Date.now() + HOUR
  })
  return {
    backend,
    events,
    on: events.on.bind(events),
    describe(req: HttpRequest): WatchedSession | undefined {
      const handle = req.headers['x-session'] as string | undefined
      return sessions.has(req) ? sessions.get(req) : handle === undefined ? undefined : named(handle)
    },
    /** Gives a request another session, or none. */
    become(req: HttpRequest, handle: string | undefined, userId?: string): void {
      sessions.set(req, handle === undefined ? undefined : named(handle, userId))
    },
    named
  }
}

describe('activity', () => {
  afterEach(() => mock.timers.reset())

  it('counts the requests of a session, the present one included', async () => {
    const sessions = manager()
    const watching = activity({ sessions })
    const app = express()
    app.use(watching)
    app.get('/info', async (req, res) => {
      res.json((await watching.of(req.headers['x-session'] as string)) ?? null)
    })
    app.get('/', (_req, res) => {
      res.send('page')
    })
    await using server = await serve(app)
    const headers = { 'x-session': 'a', 'user-agent': 'test' }
    const before = Date.now()
    for (let n = 0; n < 3; n += 1) await server.ask('GET', '/', headers)
    await server.ask('GET', '/', { 'x-session': 'b' })
    await server.ask('GET', '/')
    const info = (await server.ask('GET', '/info', headers)).json as Record<string, unknown>
    assert.equal(info['pages'], 4)
    assert.equal(info['sessionId'], 'a')
    assert.equal(info['userAgent'], 'test')
    assert.equal(info['ip'], '127.0.0.1')
    assert.ok((info['firstActivity'] as number) >= before && (info['lastActivity'] as number) >= (info['firstActivity'] as number))
    await watching.close()
  })

  it('fails no request where a function of the app throws', async (t) => {
    const warned: string[] = []
    const hear = ({ message }: Error): void => void warned.push(message)
    process.on('warning', hear)
    t.after(() => process.off('warning', hear))
    const wrong = (): never => {
      throw new Error('a mistake')
    }
    const watching = activity({ sessions: manager(), isPage: wrong, optOut: wrong, refusalOf: wrong })
    await using server = await serve(express().use(watching, (_req, res) => void res.send('page')))
    for (let n = 0; n < 2; n += 1) assert.equal((await server.ask('GET', '/', { 'x-session': 'a', 'user-agent': 'test' })).status, 200)
    const { pages, userAgent, ip } = (await watching.of('a'))!
    assert.deepEqual([pages, userAgent, ip], [2, undefined, undefined])
    assert.deepEqual(
      warned.filter((message) => message.includes('a mistake')).map((message) => /activity: (\w+) threw/.exec(message)?.[1]),
      ['isPage', 'optOut']
    )
    await watching.close()
  })

  it('asks the store nothing for a request', async () => {
    let calls = 0
    const sessions = manager(
      wrapBackend(memoryStore(), (_operation, call) => {
        calls += 1
        return call()
      })
    )
    const watching = activity({ sessions })
    const app = express()
    app.use(watching, (_req, res) => {
      res.send('page')
    })
    await using server = await serve(app)
    for (let n = 0; n < 20; n += 1) await server.ask('GET', '/', { 'x-session': 'a' })
    assert.equal(calls, 0)
    await watching.flush()
    const once = calls
    for (let n = 0; n < 20; n += 1) await server.ask('GET', '/', { 'x-session': 'a' })
    assert.equal(calls, once)
    await watching.close()
  })

  it('counts a request that begins a session, and knows who signed in', async () => {
    const sessions = manager()
    const watching = activity({ sessions })
    const app = express()
    app.use(watching)
    app.get('/begin', (req, res) => {
      sessions.become(req, 'new')
      res.send('welcome')
    })
    app.get('/login', (req, res) => {
      sessions.become(req, 'signed-in', '7')
      sessions.events.emit('renewed', () => ({ handle: 'signed-in', previous: 'new', userId: '7', reason: 'sign-in' }))
      res.redirect('/')
    })
    app.get('/logout', (req, res) => {
      sessions.become(req, undefined)
      sessions.events.emit('ended', () => ({ handle: 'signed-in', reason: 'destroyed' }))
      res.end()
    })
    await using server = await serve(app)
    await server.ask('GET', '/begin')
    assert.equal((await watching.of('new'))?.pages, 1)
    await server.ask('GET', '/login', { 'x-session': 'new' })
    const after = await watching.of('signed-in')
    assert.equal(after?.pages, 2)
    assert.equal(after?.userId, '7')
    assert.equal(await watching.of('new'), undefined)
    await server.ask('GET', '/logout', { 'x-session': 'signed-in' })
    assert.equal(await watching.of('signed-in'), undefined)
    await watching.close()
  })

  it('never fails a request, and leaves one alone whose client went away', async () => {
    const sessions = manager()
    const watching = activity({
      sessions: {
        ...sessions,
        describe(req) {
          if (req.url === '/bad') throw new Error('bad record')
          return sessions.describe(req)
        }
      }
    })
    const app = express()
    app.use(watching)
    app.get('/gone', (_req, res) => {
      res.destroy()
    })
    app.use((_req, res) => {
      res.send('fine')
    })
    await using server = await serve(app)
    assert.equal((await server.ask('GET', '/bad', { 'x-session': 'a' })).text, 'fine')
    await assert.rejects(server.ask('GET', '/gone', { 'x-session': 'a' }))
    assert.equal((await watching.of('a'))?.pages, 1)
    await watching.close()
  })

  it('lists sessions in their order, those nobody saw too', async () => {
    mock.timers.enable({ apis: ['Date'], now: 10 * HOUR })
    const sessions = manager()
    const watching = activity({ sessions })
    const app = express()
    app.use(watching, (_req, res) => {
      res.end()
    })
    await using server = await serve(app)
    await server.ask('GET', '/', { 'x-session': 'a' })
    mock.timers.setTime(10 * HOUR + 500)
    const rows = await watching.list([sessions.named('unseen', '8'), { ...sessions.named('a', '7'), createdAt: 9 * HOUR }])
    assert.deepEqual(
      rows.map(({ sessionId, userId, pages, lastActivity, duration }) => ({ sessionId, userId, pages, lastActivity, duration })),
      [
        { sessionId: 'unseen', userId: '8', pages: 0, lastActivity: 9 * HOUR + 500, duration: HOUR },
        { sessionId: 'a', userId: '7', pages: 1, lastActivity: 10 * HOUR, duration: HOUR + 500 }
      ]
    )
    await watching.close()
  })

  it('writes every 5 seconds, and what is left when it closes', async () => {
    const sessions = manager()
    const watching = activity({ sessions, flushEvery: 20 })
    const reader = activity({ sessions, flushEvery: '1h' })
    const app = express()
    app.use(watching, (_req, res) => {
      res.end()
    })
    await using server = await serve(app)
    await server.ask('GET', '/', { 'x-session': 'a' })
    const space = sessions.backend.space!('activity')
    while (!(await space.read('a'))) await server.ask('GET', '/')
    assert.equal((await reader.of('a'))?.pages, 1)
    await server.ask('GET', '/', { 'x-session': 'a' })
    await watching.close()
    assert.equal((await reader.of('a'))?.pages, 2)
    assert.equal((await server.ask('GET', '/', { 'x-session': 'a' })).status, 200)
    await reader.close()
  })

  it('keeps of addresses and pages what it is told to', async () => {
    const sessions = manager()
    const app = express()
    const network = activity({ sessions, addresses: 'network', space: memoryStore(), isPage: (req) => !req.url?.endsWith('.css') })
    const none = activity({ sessions, addresses: 'none', space: memoryStore() })
    const hashed = activity({ sessions, addresses: 'hashed', secret: 'a secret of more than 32 characters', space: memoryStore() })
    app.use(network, none, hashed, (_req, res) => {
      res.end()
    })
    await using server = await serve(app)
    await server.ask('GET', '/', { 'x-session': 'a' })
    await server.ask('GET', '/style.css', { 'x-session': 'a', 'user-agent': 'x'.repeat(5000) })
    const seen = await network.of('a')
    assert.equal(seen?.ip, '127.0.0.0/24')
    assert.equal(seen?.pages, 1)
    assert.equal(seen?.userAgent?.length, 512)
    const pseudonym = (await hashed.of('a'))!.ip!
    assert.match(pseudonym, /^~[\w-]{16}$/)
    await server.ask('GET', '/', { 'x-session': 'b', 'user-agent': 'Firefox', 'sec-gpc': '1' })
    assert.equal((await hashed.of('b'))!.ip, undefined)
    assert.equal((await hashed.of('b'))!.userAgent, undefined)
    await hashed.close()
    const hidden = await none.of('a')
    assert.equal(hidden?.ip, undefined)
    assert.equal(hidden?.pages, 2)
    await network.close()
    await none.close()
  })

  it('mistakes are told at set-up', () => {
    const throws = (code: string, call: () => unknown) => assert.throws(call, (error) => isSessionError(error) && error.code === code)
    throws('bad-option', () => activity({} as never))
    throws('bad-option', () => activity({ sessions: manager(), every: '5s' } as never))
    throws('bad-option', () => activity({ sessions: manager(), addresses: 'some' as never }))
    throws('bad-option', () => activity({ sessions: manager(), flushEvery: 'often' }))
    throws('bad-option', () => activity({ sessions: manager(), maxPending: 0 }))
    throws('bad-option', () => activity({ sessions: manager(), addresses: 'hashed' }))
    throws('bad-option', () => activity({ sessions: manager(), marks: ['Cart!'] }))
    const { name, traits, read, create, swap, extend, remove } = memoryStore()
    throws('not-supported', () => activity({ sessions: manager({ name, traits, read, create, swap, extend, remove }) }))
  })
})
