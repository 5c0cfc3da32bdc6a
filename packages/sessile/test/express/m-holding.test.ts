import assert from 'node:assert/strict'
import { connect, createServer } from 'node:http2'
import { test } from 'node:test'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { wrapBackend } from '../../src/core/backend.ts'
import { allStores, atOnce, both, counted, idOf, later, listen, options, ours, plainStore, PlainStore, serve } from './helpers.ts'

const slow = (call: () => void) => void setTimeout(call, 30)

const setter = (req: any, res: any) => {
  req.session.x = Math.random()
  res.end('body')
}

test('H2. the head is committed at end: a failed save changes no status, and Expires minus Date is right all the same', async (t) => {
  const store = new PlainStore(slow)
  const server = await serve(t, ours(options({ store, cookie: { maxAge: 5000 } })), (req, res) => {
    setter(req, res)
    assert.ok(res.headersSent)
    assert.throws(() => res.setHeader('x-late', '1'), { code: 'ERR_HTTP_HEADERS_SENT' })
  })
  for (let i = 0; i < 5; i++) {
    const { status, headers } = await server.get()
    assert.equal(status, 200)
    const expires = /Expires=([^;]+)/.exec(headers['set-cookie']![0]!)![1]!
    assert.equal((Date.parse(expires) - Date.parse(headers.date!)) / 1000, 5)
  }
  store.failing['set'] = new Error('down')
  assert.deepEqual(await server.get().then(({ status, body }) => [status, body]), [200, 'body'])
})

allStores('H3. a body that is given to end has a length, not chunks, in its own encoding', async (session, t, store) => {
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = Math.random()
    if (req.url === '/text') res.end('ä€')
    else if (req.url === '/latin') res.end('ä', 'latin1')
    else if (req.url === '/hex') res.end('00ff', 'hex')
    else if (req.url === '/bytes') res.end(Buffer.from([1, 2, 3]))
    else res.end()
  })
  for (const [path, length] of [
    ['/text', 5],
    ['/latin', 1],
    ['/hex', 2],
    ['/bytes', 3],
    ['/none', 0]
  ] as const) {
    const answer = await server.get(path)
    assert.equal(answer.bytes.length, length)
    if (session === ours)
      assert.deepEqual([answer.headers['content-length'], answer.headers['transfer-encoding']], [String(length), undefined])
  }
})

both('H6. a store that calls back at once has the response ended within the call', async (session, t) => {
  const ended: boolean[] = []
  const server = await serve(t, session(options({ store: plainStore(session, atOnce) })), (req, res) => {
    setter(req, res)
    ended.push(res.writableEnded)
  })
  await server.get()
  assert.deepEqual(ended, [true])
})

test('H7. a store error comes to next after the response ended, once; a store that never answers is given up and reported once', async (t) => {
  const order: string[] = []
  const store = new PlainStore(slow)
  store.failing['set'] = new Error('down')
  const middleware = ours(options({ store }))
  const server = await listen(t, [], (req: any, res: any) => {
    res.on('finish', () => order.push('finish'))
    middleware(req, res, (error: any) => (error ? order.push(error.message) : setter(req, res)))
  })
  assert.equal((await server.get()).body, 'body')
  await later(20)
  assert.deepEqual(order, ['finish', 'down'])

  order.length = 0
  const silent = ours(options({ store: Object.assign(new PlainStore(), { set() {} }), storeTimeout: 50 }))
  const waiting = await listen(t, [], (req: any, res: any) => {
    res.on('finish', () => order.push('finish'))
    silent(req, res, (error: any) => (error ? order.push(error.code) : setter(req, res)))
  })
  assert.equal((await waiting.get()).body, 'body')
  await later(100)
  assert.deepEqual(order, ['finish', 'store-timeout'])
})

allStores(
  'H8. without work for the store the captured end is called at once, with all arguments, and its value returned',
  async (session, t, store) => {
    const seen: unknown[][] = []
    const server = await serve(
      t,
      session(options({ store })),
      (_req, res) => {
        const called = () => {}
        const value = res.end('body', 'utf8', called)
        assert.equal(value, 'its own')
        assert.deepEqual(seen.splice(0), [session === ours ? ['body', 'utf8', called] : ['body', 'utf8']])
      },
      (_req, res) => {
        const { end } = res
        res.end = function (...given: unknown[]) {
          seen.push(given)
          end.apply(this, given)
          return 'its own'
        }
      }
    )
    assert.equal((await server.get()).body, 'body')
  }
)

test('H10. HTTP/2 sends no head before the store answered', async (t) => {
  const store = new PlainStore(slow)
  let saved = 0
  const set = store.set.bind(store)
  store.set = (id: string, record: any, callback: any) =>
    set(id, record, (...given: any[]) => {
      saved = performance.now()
      callback(...given)
    })
  const middleware = ours(options({ store }))
  const server = createServer((req: any, res: any) => middleware(req, res, () => setter(req, res)))
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const client = connect(`http://localhost:${(server.address() as any).port}`)
  t.after(() => {
    client.close()
    server.close()
  })
  const stream = client.request({ ':path': '/' })
  const headed = await new Promise<number>((resolve) => stream.on('response', () => resolve(performance.now())))
  assert.ok(saved > 0 && headed >= saved)
  stream.resume()
  await new Promise((resolve) => stream.on('end', resolve))
})

test('H12. a save that meets another one is tried again within one set: one answer, both changes', async (t) => {
  for (const store of [new ours.MemoryStore(), wrapBackend(memoryStore(), (_, call) => later(2).then(call))]) {
    const open = new Map<string, () => void>()
    const sessions = ours(options({ store }))
    const server = await serve(t, sessions, async (req, res) => {
      if (req.url !== '/seed') await new Promise<void>((resolve) => open.set(req.url, resolve))
      req.session[req.url] = 1
      res.end()
    })
    const { cookie } = await server.get('/seed')
    const sets = counted(sessions.store, 'set')
    const both = ['/a', '/b'].map((path) => server.get(path, { cookie }))
    while (open.size < 2) await later(2)
    for (const go of open.values()) go()
    assert.deepEqual(
      (await Promise.all(both)).map(({ status }) => status),
      [200, 200]
    )
    assert.equal(sets.calls.length, 2)
    const record: any = await sessions.store.get(idOf(cookie))
    assert.deepEqual(
      Object.keys(record).filter((name) => name.startsWith('/')),
      ['/seed', '/a', '/b'].filter((name) => record[name])
    )
    assert.ok(record['/a'] && record['/b'])
  }
})
