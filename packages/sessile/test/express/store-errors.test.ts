import assert from 'node:assert/strict'
import { test } from 'node:test'
import express from 'express'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { listen, later, options, ours, PlainStore } from './helpers.ts'

/** A store whose calls fail from a moment on, at once or late. */
function failing(isLate: boolean): { store: SessionBackend; down: boolean } {
  const inner = memoryStore()
  const state = { store: inner, down: false }
  const fail = () => {
    throw new Error('connection refused')
  }
  state.store = wrapBackend(inner, (_, call) => {
    if (!isLate) return state.down ? fail() : call()
    return later(2).then(() => (state.down ? fail() : call()))
  })
  return state
}

async function app(t: any, more: object) {
  const errors: unknown[] = []
  const app = express()
  app.use(ours(options({ cookie: { maxAge: 60_000 }, ...more })))
  app.get('/set', (req: any, res: any) => {
    req.session.x = Math.random()
    res.setHeader('ETag', 'W/"1"')
    res.status(201).json({ x: 1 })
  })
  app.get('/head', (req: any, res: any) => {
    req.session.x = Math.random()
    res.writeHead(201, { 'Content-Type': 'text/plain', 'Content-Length': 4 })
    res.end('text')
  })
  app.get('/redirect', (req: any, res: any) => {
    req.session.x = Math.random()
    res.redirect('/elsewhere')
  })
  app.get('/stream', (req: any, res: any) => {
    req.session.x = Math.random()
    res.write('a')
    res.write('b')
    res.end('c')
  })
  app.get('/look', (req: any, res: any) => res.send(typeof req.session))
  app.set('env', 'test')
  app.use((error: any, _req: any, res: any, next: any) => {
    errors.push(error)
    if (res.headersSent) return next(error)
    res.status(error.status ?? 500).json({ code: error.code })
  })
  return { ...(await listen(t, errors, app)), errors }
}

for (const isLate of [false, true]) {
  const when = isLate ? 'late' : 'at once'

  test(`onStoreError: fail answers 503 and keeps the browser's cookie (${when})`, async (t) => {
    const state = failing(isLate)
    const server = await app(t, { store: state.store, onStoreError: 'fail' })
    const { cookie } = await server.get('/set')
    assert.ok(cookie)
    state.down = true
    assert.deepEqual([(await server.get('/look', { cookie })).status], [503])
    for (const path of ['/set', '/redirect', '/head']) {
      const answer = await server.get(path)
      assert.deepEqual([answer.status, answer.json(), answer.cookies], [503, { code: 'store-failed' }, []], path)
      assert.deepEqual([answer.headers.location, answer.headers['content-type']], [undefined, 'application/json; charset=utf-8'])
      assert.notEqual(answer.headers.etag, 'W/"1"')
    }
    state.down = false
    while ((await server.get('/look', { cookie })).status !== 200) await later(100)
    assert.equal((await server.get('/set', { cookie })).status, 201)
  })

  test(`onStoreError: fail lets good answers through as they are (${when})`, async (t) => {
    const server = await app(t, { store: failing(isLate).store, onStoreError: 'fail' })
    const head = await server.get('/head')
    assert.deepEqual(
      [head.status, head.body, head.headers['content-type'], head.headers['content-length']],
      [201, 'text', 'text/plain', '4']
    )
    assert.ok(head.cookie)
    assert.equal((await server.get('/redirect')).headers.location, '/elsewhere')
    assert.equal((await server.get('/stream')).body, 'abc')
  })

  test(`onStoreError: continue goes on without a session (${when})`, async (t) => {
    const state = failing(isLate)
    const server = await app(t, { store: state.store, onStoreError: 'continue' })
    const { cookie } = await server.get('/set')
    state.down = true
    const looked = await server.get('/look', { cookie })
    assert.deepEqual([looked.status, looked.body, looked.cookies], [200, 'undefined', []])
    assert.equal((await server.get('/set')).status, 201)
    await later(10)
    assert.deepEqual(server.errors, [])
  })

  test(`onStoreError: express-session, the default, changes no answer (${when})`, async (t) => {
    const state = failing(isLate)
    const server = await app(t, { store: state.store })
    state.down = true
    assert.deepEqual([(await server.get('/set')).status], [201])
    await later(10)
    assert.deepEqual(
      server.errors.map((error: any) => error.code),
      ['store-failed']
    )
  })
}

test('onStoreError: fail holds for third-party stores, whose error is passed on as it is', async (t) => {
  const store = new PlainStore()
  const error = Object.assign(new Error('mine'), { code: 'MINE' })
  store.failing = { set: error }
  const server = await app(t, { store, onStoreError: 'fail' })
  const answer = await server.get('/set')
  assert.deepEqual([answer.status, answer.json(), answer.cookies], [500, { code: 'MINE' }, []])
  assert.equal(server.errors[0], error)
})

test('a store that does not answer in time is an error', async (t) => {
  const store = wrapBackend(memoryStore(), () => new Promise(() => undefined))
  const server = await app(t, { store, onStoreError: 'fail', storeTimeout: 30 })
  const answer = await server.get('/set')
  assert.deepEqual([answer.status, answer.json()], [503, { code: 'store-timeout' }])
  const other = new PlainStore(() => undefined)
  const plain = await app(t, { store: other, storeTimeout: 30 })
  assert.equal((await plain.get('/set')).status, 201)
})

test('a record that is too large is refused, and what was stored before stays', async (t) => {
  const server = await app(t, { maxBytes: 10, onStoreError: 'fail' })
  assert.deepEqual([(await server.get('/set')).status], [413])
})
