import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { answersLater } from '../../src/testing/faults.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { cookieFor, options, ours, serve } from './helpers.ts'

const STORES: Record<string, () => any> = {
  memory: () => memoryStore(),
  sqlite: () => sqliteStore({ file: ':memory:' }),
  'late memory': () => answersLater(memoryStore())
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

for (const [kind, make] of Object.entries(STORES)) {
  // without it a store that answers at once may serve one request after the other by itself
  for (const exclusive of kind === 'late memory' ? [true, false] : [true]) {
    test(`old code that reads, waits and writes ${exclusive ? 'is right behind exclusive()' : 'loses changes without it'} (${kind})`, async (t) => {
      const middleware = ours(options({ store: make() }))
      const guard = exclusive ? middleware.exclusive() : (_req: any, _res: any, next: any) => next()
      const server = await serve(t, middleware, (req: any, res: any) => {
        guard(req, res, async (error: unknown) => {
          if (error) return res.writeHead(500).end(String(error))
          const cart = req.session.cart ?? []
          await turn()
          req.session.cart = [...cart, 'tea']
          res.end(String(req.session.cart.length))
        })
      })
      const { cookie } = await server.get('/')
      await Promise.all(Array.from({ length: 30 }, () => server.get('/', { cookie })))
      const { body } = await server.get('/', { cookie })
      if (exclusive) assert.equal(body, '32')
      else assert.ok(Number(body) < 32, body)
    })
  }
}

test('behind exclusive() a session that ended while the request waited is a new one', async (t) => {
  const middleware = ours(options())
  const guard = middleware.exclusive()
  let entered!: () => void
  const inside = new Promise<void>((resolve) => (entered = resolve))
  let release!: () => void
  const held = new Promise<void>((resolve) => (release = resolve))
  const server = await serve(t, middleware, (req: any, res: any) => {
    if (req.url === '/first') return res.end(String((req.session.user = 'ann')))
    guard(req, res, async () => {
      if (req.url === '/leave') {
        entered()
        await held
        await req.session.destroy()
        return res.end('left')
      }
      res.end(String(req.session.user))
    })
  })
  const { cookie } = await server.get('/first')
  const leaving = server.get('/leave', { cookie })
  await inside
  const waiting = server.get('/look', { cookie })
  await turn()
  release()
  assert.equal((await leaving).body, 'left')
  assert.equal((await waiting).body, 'undefined')
})

test('what a stream changed before its first byte is stored when that byte arrives, and at its end what changed since', async (t) => {
  for (const store of [memoryStore(), answersLater(memoryStore()), sqliteStore({ file: ':memory:' })]) {
    const middleware = ours(options({ store }))
    let finish!: () => void
    const server = await serve(t, middleware, async (req: any, res: any) => {
      if (req.url === '/look') return res.end(JSON.stringify([req.session.before, req.session.after]))
      req.session.before = true
      res.write('first')
      await new Promise<void>((resolve) => (finish = resolve))
      req.session.after = true
      res.end('last')
    })
    const streaming = request({ port: server.port, path: '/stream', headers: { cookie: cookieFor('nobody') } }).end()
    const [response] = (await once(streaming, 'response')) as [IncomingMessage]
    const [first] = (await once(response, 'data')) as [Buffer]
    assert.equal(String(first), 'first')
    const cookie = response.headers['set-cookie']![0]!.split(';')[0]
    assert.equal((await server.get('/look', { cookie })).body, '[true,null]')
    finish()
    await once(response, 'end')
    assert.equal((await server.get('/look', { cookie })).body, '[true,true]')
  }
})
