import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { answersLater } from '../../src/testing/faults.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { options, ours, serve } from './helpers.ts'

const STORES: Record<string, () => any> = {
  memory: () => memoryStore(),
  sqlite: () => sqliteStore({ file: ':memory:' }),
  'late memory': () => answersLater(memoryStore())
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

for (const [kind, make] of Object.entries(STORES)) {
  for (const exclusive of [true, false]) {
    test(`old code that reads, waits and writes ${exclusive ? 'is right behind exclusive()' : 'loses changes without it'} (${kind})`, async (t) => {
      const middleware = ours(options({ store: make() }))
      const guard = exclusive ? middleware.exclusive() : (_req: any, _res: any, next: any) => next()
      let arrived = 0
      let allThere!: () => void
      const all = new Promise<void>((resolve) => (allThere = resolve))
      const server = await serve(t, middleware, (req: any, res: any) => {
        if (req.url === '/at-once' && ++arrived === 30) allThere()
        guard(req, res, async (error: unknown) => {
          if (error) return res.writeHead(500).end(String(error))
          const cart = req.session.cart ?? []
          // whoever has read waits until all 30 are there
          if (req.url === '/at-once') await all
          req.session.cart = [...cart, 'tea']
          res.end(String(req.session.cart.length))
        })
      })
      const { cookie } = await server.get('/')
      await Promise.all(Array.from({ length: 30 }, () => server.get('/at-once', { cookie })))
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
