import assert from 'node:assert/strict'
import { createServer, connect } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { test } from 'node:test'
import { allStores, both, called, cookieFor, idOf, later, options, ours, PlainStore, plainStore, serve, atOnce } from './helpers.ts'

const slow = (ms: number) => (call: () => void) => void setTimeout(call, ms)

allStores('80. the first end wins', async (session, t, store) => {
  const returned: unknown[] = []
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = 1
    res.end('first')
    returned.push(res.end('second'), res.end())
  })
  assert.equal((await server.get()).body, 'first')
  assert.deepEqual(returned, [false, false])
  assert.deepEqual(server.errors, [])
})

allStores('81. after end the head is committed', async (session, t, store) => {
  let seen: any
  const server = await serve(t, session(options({ store })), (req, res) => {
    if (req.url === '/set') req.session.x = 1
    res.end('x')
    try {
      res.setHeader('A', 'b')
    } catch (error) {
      seen = [res.headersSent, (error as any).code]
    }
  })
  const { cookie } = await server.get('/set')
  assert.deepEqual(seen, [true, 'ERR_HTTP_HEADERS_SENT'])
  await server.get('/', { cookie })
  assert.deepEqual(seen, [true, 'ERR_HTTP_HEADERS_SENT'])
})

allStores('82. every body arrives unchanged, with and without a length', async (session, t, store) => {
  const binary = Buffer.from([0, 255, 10, 128])
  const ways: Record<string, [(res: any) => void, string | Buffer]> = {
    '/nothing': [(res) => res.end(), ''],
    '/null': [(res) => res.end(null), ''],
    '/text': [(res) => res.end('höi'), 'höi'],
    '/hex': [(res) => res.end('00ff0a80', 'hex'), binary],
    '/binary': [(res) => res.end(binary), binary],
    '/array': [(res) => res.end(new Uint8Array(binary)), binary],
    '/length': [
      (res) => {
        res.setHeader('Content-Length', 4)
        res.end(binary)
      },
      binary
    ],
    '/zero': [
      (res) => {
        res.setHeader('Content-Length', '0')
        res.end()
      },
      ''
    ],
    '/empty': [
      (res) => {
        res.setHeader('Content-Length', 0)
        res.end('')
      },
      ''
    ],
    '/latin': [(res) => res.end('\u00e9', 'latin1'), Buffer.from([233])],
    '/writes': [
      (res) => {
        res.setHeader('Content-Length', 3)
        res.write('a')
        res.write('b')
        res.end('c')
      },
      'abc'
    ],
    '/stream': [
      (res) => {
        res.write('a')
        res.write('b')
        res.end()
      },
      'ab'
    ],
    '/one': [
      (res) => {
        res.setHeader('Content-Length', 1)
        res.end('x')
      },
      'x'
    ],
    '/head': [
      (res) => {
        res.writeHead(200, { 'Content-Length': 2 })
        res.end('xy')
      },
      'xy'
    ],
    '/big': [(res) => res.end('z'.repeat(200_000)), 'z'.repeat(200_000)]
  }
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = Math.random()
    ways[req.url]![0](res)
  })
  for (const [path, [, body]] of Object.entries(ways)) {
    const { bytes, status, headers } = await server.get(path)
    assert.deepEqual(bytes, Buffer.from(body as string), path)
    assert.equal(status, 200)
    if (session === ours && !['/stream'].includes(path)) assert.equal(headers['content-length'], String(bytes.length), path)
  }
})

allStores(
  '83. only the write and end found when the middleware ran are called, as methods, and no write after the end',
  async (session, t, store) => {
    const calls: string[] = []
    const guard = (name: string, res: any) => {
      let ended = false
      const { write, end } = res
      res.write = function (this: any, ...given: any[]) {
        assert.equal(this, res)
        if (ended) throw new Error('write after end')
        calls.push(`${name} write`)
        return write.apply(this, given)
      }
      res.end = function (this: any, ...given: any[]) {
        assert.equal(this, res)
        if (ended) throw new Error('end after end')
        ended = true
        calls.push(`${name} end`)
        return end.apply(this, given)
      }
    }
    const server = await serve(
      t,
      session(options({ store })),
      (req, res) => {
        guard('after', res)
        req.session.x = 1
        res.end('hello')
      },
      (_, res) => guard('before', res)
    )
    assert.equal((await server.get()).body, 'hello')
    assert.equal(calls.filter((call) => call === 'after end').length, 1)
    assert.equal(calls.filter((call) => call === 'before end').length, 1)
    if (session === ours) assert.deepEqual(calls, ['after end', 'before end'])
  }
)

both('84. a store that answers at once finishes the response within end', async (session, t) => {
  for (const store of [plainStore(session, atOnce), ...(session === ours ? [new ours.MemoryStore()] : [])]) {
    let seen: any
    const server = await serve(t, session(options({ store })), (req, res) => {
      req.session.x = 1
      const returned = res.end('hello')
      seen = [res.writableEnded, session === ours ? returned === res : true]
    })
    assert.equal((await server.get()).headers['content-length'], '5')
    assert.deepEqual(seen, [true, true])
  }
})

both('85. with a late store the response ends after it answered', async (session, t) => {
  const store = plainStore(session, slow(30))
  let ended: any
  let finishedAfter = 0
  const server = await serve(t, session(options({ store })), (req, res) => {
    const started = performance.now()
    res.on('finish', () => {
      finishedAfter = performance.now() - started
    })
    req.session.x = 1
    res.end('hello')
    ended = res.writableEnded
  })
  assert.equal((await server.get()).body, 'hello')
  await later(5)
  assert.equal(ended, false)
  assert.ok(finishedAfter >= 28)
})

test('86. end takes a callback in every place, calls it after the real end, and returns the response', async (t) => {
  for (const answer of [slow(20), atOnce]) {
    const order: string[] = []
    const store = new PlainStore((call) =>
      answer(() => {
        order.push('store')
        call()
      })
    )
    const server = await serve(t, ours(options({ store })), (req, res) => {
      req.session.x = 1
      const done = () => order.push('callback')
      const returned = req.url === '/1' ? res.end(done) : req.url === '/2' ? res.end('b', done) : res.end('b', 'utf8', done)
      assert.equal(returned, res)
    })
    for (const path of ['/1', '/2', '/3']) {
      assert.equal((await server.get(path)).body, path === '/1' ? '' : 'b')
      await later(5)
      assert.deepEqual(order.splice(0), ['store', 'callback'])
    }
  }
})

allStores('87. answers without a body gain none, and no length', async (session, t, store) => {
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = Math.random()
    res.statusCode = Number(req.url.slice(1))
    res.end()
  })
  for (const status of [204, 304]) {
    const answer = await server.get(`/${status}`)
    assert.deepEqual(
      [answer.status, answer.body, answer.headers['content-length'], answer.headers['transfer-encoding']],
      [status, '', undefined, undefined]
    )
  }
  const head = await server.get('/200', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body], [200, ''])
  if (session === ours) assert.equal(head.headers['content-length'], undefined)
})

test('87. a write after end is an error as in Node, and never part of the body', async (t) => {
  for (const answer of [slow(20), atOnce]) {
    const errors: any[] = []
    const server = await serve(t, ours(options({ store: new PlainStore(answer) })), (req, res) => {
      res.on('error', (error: any) => errors.push(error.code))
      req.session.x = 1
      res.end('body')
      res.write('more')
    })
    assert.equal((await server.get()).body, 'body')
    await later(5)
    assert.deepEqual(errors, ['ERR_STREAM_WRITE_AFTER_END'])
  }
})

test('88. http2 responses work, with late stores too', async (t) => {
  for (const store of [new ours.MemoryStore(), new PlainStore(slow(20))]) {
    const middleware = ours(options({ store }))
    const server = createServer((req: any, res: any) =>
      middleware(req, res, (error: any) => {
        if (error) return res.end(String(error))
        req.session.x = (req.session.x ?? 0) + 1
        res.setHeader('X-App', 'y')
        if (req.url === '/write') res.write('a')
        if (req.url === '/head') res.writeHead(201, { 'X-Head': 'z' })
        res.end(String(req.session.x))
      })
    )
    await new Promise<void>((resolve) => server.listen(0, resolve))
    const client = connect(`http://localhost:${(server.address() as any).port}`)
    t.after(() => {
      client.close()
      server.close()
    })
    const get = (path: string, cookie?: string) =>
      new Promise<any>((resolve, reject) => {
        const stream = client.request({ ':path': path, ...(cookie ? { cookie } : {}) })
        let headers: any
        let body = ''
        stream.on('response', (given) => {
          headers = given
        })
        stream.on('data', (chunk) => {
          body += chunk
        })
        stream.on('end', () => resolve({ headers, body }))
        stream.on('error', reject)
      })
    const first = await get('/')
    assert.equal(first.body, '1')
    assert.equal(first.headers['x-app'], 'y')
    const cookie = first.headers['set-cookie'][0].split(';')[0]
    assert.equal((await get('/', cookie)).body, '2')
    assert.equal((await get('/write', cookie)).body, 'a3')
    const head = await get('/head', cookie)
    assert.deepEqual([head.headers[':status'], head.headers['x-head'], head.body], [201, 'z', '4'])
  }
})

both('89. head hooks that came after run before ours', async (session, t) => {
  const server = await serve(t, session(options()), (req, res) => {
    req.session.x = 1
    const { writeHead } = res
    res.writeHead = function (...given: any[]) {
      res.setHeader('Set-Cookie', 'late=1')
      return writeHead.apply(this, given)
    }
    res.end()
  })
  const { cookies } = await server.get()
  assert.equal(cookies[0], 'late=1')
  assert.match(cookies[1]!, /^connect\.sid/)
})

test('H1, H4. no byte leaves before the store answered, redirects included', async (t) => {
  const store = new PlainStore(slow(60))
  const server = await serve(t, ours(options({ store })), (req, res) => {
    req.session.x = 1
    res.statusCode = 302
    res.setHeader('Location', '/')
    res.end('gone')
  })
  const started = performance.now()
  const firstByte = await new Promise<number>((resolve) => {
    const socket = connectSocket(server.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
    socket.once('data', () => resolve(performance.now() - started))
  })
  assert.ok(firstByte >= 55, String(firstByte))
})

test('H9. a client that left does not keep the save from being done', async (t) => {
  const store = new PlainStore(slow(40))
  let id = ''
  const server = await serve(t, ours(options({ store })), (req, res) => {
    req.session.x = 1
    id = req.sessionID
    res.end('x')
  })
  const socket = connectSocket(server.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
  await later(20)
  socket.destroy()
  await later(60)
  assert.ok(store.records.has(id))
  assert.deepEqual(server.errors, [])
})

test('H11. an explicit save still in flight is awaited, and not repeated', async (t) => {
  const store = new PlainStore(slow(30))
  const server = await serve(t, ours(options({ store })), (req, res) => {
    req.session.x = 1
    req.session.save()
    res.end('x')
  })
  const { cookie } = await server.get()
  assert.equal(store.count('set'), 1)
  assert.ok(await called((callback) => store.get(idOf(cookie), callback)))
  assert.equal(cookieFor(idOf(cookie)), cookie)
})
