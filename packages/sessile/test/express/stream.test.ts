import assert from 'node:assert/strict'
import { get } from 'node:http'
import { test } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { answersLater } from '../../src/testing/faults.ts'
import { allStores, counted, later, options, ours, PlainStore, serve } from './helpers.ts'

/** Resolves when the first byte of an answer has come, with the rest still open. */
function firstByte(port: number, path = '/'): Promise<{ cookie: string; rest: Promise<string> }> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: '127.0.0.1', agent: false }, (res) => {
      let body = ''
      const rest = new Promise<string>((ended) => res.on('end', () => ended(body)))
      res.on('data', (chunk) => {
        if (body === '') resolve({ cookie: res.headers['set-cookie']![0]!.split(';', 1)[0]!, rest })
        body += chunk
      })
    }).on('error', reject)
  })
}

for (const [kind, make] of Object.entries({
  memory: () => new ours.MemoryStore(),
  late: () => new PlainStore((call) => setTimeout(call, 20))
})) {
  test(`what changed before a stream's first byte is stored when that byte arrives (${kind})`, async (t) => {
    const store = make()
    const set = counted(store, 'set')
    const held: (() => void)[] = []
    const server = await serve(t, ours(options({ store })), async (req, res) => {
      if (req.url === '/look') return res.end(String(req.session.x))
      req.session.x = 1
      res.write('first')
      await new Promise<void>((resolve) => held.push(resolve))
      if (req.url === '/more') req.session.x = 2
      res.end('last')
    })
    for (const [path, sets] of [
      ['/', 1],
      ['/more', 2]
    ] as const) {
      set.calls.length = 0
      const { cookie, rest } = await firstByte(server.port, path)
      assert.equal((await server.get('/look', { cookie })).body, '1')
      held.pop()!()
      assert.equal(await rest, 'firstlast')
      assert.equal(set.calls.length, sets)
      assert.equal((await server.get('/look', { cookie })).body, path === '/' ? '1' : '2')
    }
  })
}

for (const [kind, make] of Object.entries({
  memory: () => memoryStore(),
  'late memory': () => answersLater(memoryStore()),
  sqlite: () => sqliteStore({ file: ':memory:' })
})) {
  test(`what changed before a stream's first byte, and since then, is stored in a store of ours (${kind})`, async (t) => {
    let finish!: () => void
    const server = await serve(t, ours(options({ store: make() })), async (req, res) => {
      if (req.url === '/look') return res.end(JSON.stringify([req.session.before, req.session.after]))
      req.session.before = true
      res.write('first')
      await new Promise<void>((resolve) => (finish = resolve))
      req.session.after = true
      res.end('last')
    })
    const { cookie, rest } = await firstByte(server.port)
    assert.equal((await server.get('/look', { cookie })).body, '[true,null]')
    finish()
    assert.equal(await rest, 'firstlast')
    assert.equal((await server.get('/look', { cookie })).body, '[true,true]')
  })
}

test("a stream's first byte waits until what changed before it is stored", async (t) => {
  const order: string[] = []
  const slow = wrapBackend(memoryStore(), async (operation, call) => {
    if (operation === 'create') await new Promise((resolve) => setTimeout(resolve, 80))
    const answer = await call()
    if (operation === 'create') order.push('stored')
    return answer
  })
  const server = await serve(t, ours(options({ store: slow })), async (req, res) => {
    req.session.x = 1
    res.write('first')
    while (!order.includes('byte')) await later(1)
    res.end('last')
  })
  const { rest } = await firstByte(server.port)
  order.push('byte')
  assert.equal(await rest, 'firstlast')
  assert.deepEqual(order, ['stored', 'byte'])
})

allStores('H5. a stream is not held back: what is written arrives before anything follows', async (session, t, store) => {
  let goOn!: () => void
  const server = await serve(t, session(options({ store })), async (req, res) => {
    req.session.x = 1
    res.write('a')
    await new Promise<void>((resolve) => (goOn = resolve))
    res.write('b')
    res.end('c')
  })
  const { rest } = await firstByte(server.port)
  goOn()
  assert.equal(await rest, 'abc')
})

test('a stream whose early save fails is told once', async (t) => {
  const store = new PlainStore()
  const error = new Error('boom')
  store.failing = { set: error }
  const server = await serve(t, ours(options({ store })), async (req, res) => {
    req.session.x = 1
    res.write('a')
    await later(20)
    res.end('b')
  })
  assert.equal((await server.get()).body, 'ab')
  await later(10)
  assert.deepEqual(server.errors, [error])
})
