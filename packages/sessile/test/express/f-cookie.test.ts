import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allStores, attributesOf, both, called, cookieFor, counted, idOf, later, options, ours, serve } from './helpers.ts'

const HOUR = 3_600_000
const setter = (req: any, res: any) => {
  req.session.x = (req.session.x ?? 0) + 1
  res.end(req.sessionID)
}

allStores('52. the cookie comes after those that are there, however the head is written', async (session, t, store) => {
  const heads: Record<string, (res: any) => void> = {
    '/end': (res) => {
      res.setHeader('Set-Cookie', 'a=1')
      res.end('x')
    },
    '/list': (res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2'])
      res.end('x')
    },
    '/object': (res) => {
      res.writeHead(200, { 'Set-Cookie': 'a=1' })
      res.end('x')
    },
    '/objects': (res) => {
      res.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] })
      res.end('x')
    },
    '/text': (res) => {
      res.writeHead(200, 'Fine', { 'Set-Cookie': ['a=1'] })
      res.end('x')
    },
    '/flat': (res) => {
      res.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X', 'y'])
      res.end('x')
    },
    '/write': (res) => {
      res.setHeader('Set-Cookie', 'a=1')
      res.write('x')
      res.end()
    },
    '/flush': (res) => {
      res.setHeader('Set-Cookie', 'a=1')
      res.flushHeaders()
      res.end('x')
    }
  }
  const server = await serve(t, session(options({ store })), (req, res) => {
    req.session.x = 1
    heads[req.url]!(res)
  })
  for (const path of Object.keys(heads)) {
    const { cookies, status, body } = await server.get(path)
    const others = path === '/list' || path === '/objects' || path === '/flat' ? ['a=1', 'b=2'] : ['a=1']
    assert.deepEqual(cookies.slice(0, -1), others, path)
    assert.match(cookies.at(-1)!, /^connect\.sid=/, path)
    assert.deepEqual([status, body], [200, 'x'])
  }
})

both('53. no cookie without a session or an id', async (session, t) => {
  const ways: Record<string, (req: any) => void> = {
    '/null': (req) => {
      req.session = null
    },
    '/delete': (req) => {
      delete req.session
    },
    '/id': (req) => {
      req.sessionID = undefined
    },
    '/number': (req) => {
      req.sessionID = 3
    },
    '/destroy': (req) => {
      req.session.destroy()
    }
  }
  const server = await serve(t, session(options({ saveUninitialized: true, rolling: true })), (req, res) => {
    req.session.x = 1
    ways[req.url]!(req)
    res.end('y')
  })
  for (const path of Object.keys(ways)) {
    const answer = await server.get(path)
    assert.deepEqual([answer.cookies, answer.body, answer.status], [[], 'y', 200], path)
  }
})

both('54. a new id is sent if saveUninitialized or modified; rolling changes nothing', async (session, t) => {
  for (const rolling of [true, false])
    for (const saveUninitialized of [true, false]) {
      const server = await serve(t, session(options({ rolling, saveUninitialized })), (req, res) => {
        if (req.url === '/set') req.session.x = 1
        res.end()
      })
      assert.equal((await server.get()).cookie !== undefined, saveUninitialized)
      assert.ok((await server.get('/set')).cookie)
    }
})

allStores('55. a known id is sent if rolling, or modified with an expiry', async (session, t, store) => {
  for (const [more, unmodified, modified] of [
    [{ rolling: true }, true, true],
    [{}, false, false],
    [{ cookie: { maxAge: HOUR } }, false, true],
    [{ rolling: true, cookie: { maxAge: HOUR } }, true, true]
  ] as const) {
    const server = await serve(t, session(options({ store, ...more })), (req, res) => {
      if (req.url === '/set') req.session.x = (req.session.x ?? 0) + 1
      res.end()
    })
    const { cookie } = await server.get('/set')
    assert.equal((await server.get('/', { cookie })).cookie !== undefined, unmodified)
    assert.equal((await server.get('/set', { cookie })).cookie !== undefined, modified)
  }
})

both('56. an explicit save does not hide a modification', async (session, t) => {
  const server = await serve(t, session(options({ cookie: { maxAge: HOUR } })), (req, res) => {
    req.session.x = (req.session.x ?? 0) + 1
    req.session.save(() => res.end())
  })
  const { cookie } = await server.get()
  assert.ok(cookie)
  assert.ok((await server.get('/', { cookie })).cookie)
})

allStores('57. the cookie and the record carry the same expiry, touched once', async (session, t, store) => {
  const set = counted(store, 'set')
  const touches: number[] = []
  const server = await serve(t, session(options({ store, rolling: true, cookie: { maxAge: HOUR } })), async (req, res) => {
    const { touch } = req.session
    Object.defineProperty(req.session, 'touch', {
      value(this: any) {
        touches.push(1)
        return touch.call(this)
      }
    })
    req.session.x = 1
    if (req.url === '/early') {
      res.write('a')
      await later(30)
    }
    res.end('b')
  })
  for (const path of ['/', '/early']) {
    const { cookies } = await server.get(path)
    const expires = Date.parse(attributesOf(cookies[0])['expires'] as string)
    const stored = set.calls.at(-1)![1].cookie.expires
    assert.equal(Math.floor(new Date(stored).getTime() / 1000) * 1000, expires)
    assert.equal(touches.splice(0).length, 1, path)
  }
})

both('58. Expires minus Date is maxAge in whole seconds', async (session, t) => {
  const server = await serve(t, session(options({ cookie: { maxAge: 5000 } })), setter)
  for (let i = 0; i < 5; i++) {
    const { headers, cookies } = await server.get()
    assert.equal(Date.parse(attributesOf(cookies[0])['expires'] as string) - Date.parse(headers.date!), 5000)
    await later(110)
  }
})

both('59. the value is signed with the first secret and percent-encoded', async (session, t) => {
  for (const [id, value] of [
    ['pear', 's%3Apear.LkagijIvQo9O%2BHHAeItgfghSMuWfigImL997O%2Bnr7Jc'],
    ['a/b c', 's%3Aa%2Fb%20c.D%2FpqtJG4EdtL%2BfxJxdF0D%2BdVB6l3Cuk9ca7Pn42OC9M'],
    ['50%', 's%3A50%25.GN3oQLNx20GbPniUnbaXbmJCzQA1GpUA5arn0ifth%2FI']
  ]) {
    const server = await serve(t, session(options({ genid: () => id, secret: ['teal lantern', 'other'] })), setter)
    const { cookie } = await server.get()
    assert.equal(cookie, `connect.sid=${value}`)
    assert.equal((await server.get('/', { cookie })).body, id)
  }
})

both('60. the attributes and their order; those of the session, not of the options', async (session, t) => {
  const cookie = {
    domain: 'example.com',
    path: '/',
    maxAge: HOUR,
    httpOnly: true,
    secure: false,
    partitioned: true,
    priority: 'high',
    sameSite: true
  }
  const server = await serve(t, session(options({ cookie })), (req, res) => {
    req.session.x = 1
    if (req.url === '/own')
      Object.assign(req.session.cookie, {
        domain: undefined,
        httpOnly: false,
        partitioned: false,
        priority: undefined,
        sameSite: 'lax',
        expires: null
      })
    res.end()
  })
  const [all] = (await server.get()).cookies
  assert.deepEqual(
    all!
      .split('; ')
      .slice(1)
      .map((part) => part.split('=')[0]),
    ['Domain', 'Path', 'Expires', 'HttpOnly', 'Partitioned', 'Priority', 'SameSite']
  )
  assert.deepEqual(
    { ...attributesOf(all), expires: 1 },
    { domain: 'example.com', path: '/', expires: 1, httponly: true, partitioned: true, priority: 'High', samesite: 'Strict' }
  )
  assert.deepEqual(attributesOf((await server.get('/own')).cookies[0]), { path: '/', samesite: 'Lax' })
})

both('61. a cookie that cannot be written leaves the answer as it is, and goes to next once', async (session, t) => {
  for (const [more, message] of [
    [{ cookie: { expires: new Date(NaN) } }, 'option expires is invalid'],
    [{ name: 'a b' }, 'argument name is invalid'],
    [{ cookie: { domain: 'a;b' } }, 'option domain is invalid'],
    [{ cookie: { path: '/;b' } }, 'option path is invalid'],
    [{ cookie: { sameSite: 'x' } }, 'option sameSite is invalid'],
    [{ cookie: { priority: 'x' } }, 'option priority is invalid']
  ] as const) {
    const server = await serve(t, session(options(more)), (req, res) => {
      req.session.x = 1
      res.end('fine')
    })
    const path = message.includes('path') ? '/;b' : '/'
    const answer = await server.get(path)
    await later(10)
    assert.deepEqual([answer.status, answer.body, answer.cookies], [200, 'fine', []], message)
    assert.equal(server.errors.length, 1)
    assert.ok(server.errors[0] instanceof TypeError)
    assert.equal((server.errors[0] as Error).message, message)
  }
})

both('62. encode, signed and unknown options have no effect', async (session, t) => {
  const server = await serve(t, session(options({ genid: () => 'pear', cookie: { encode: () => 'x', signed: false, foo: 'bar' } })), setter)
  assert.equal((await server.get()).cookies[0], `${cookieFor('pear')}; Path=/; HttpOnly`)
})

both('63. ending a session sends no clearing cookie', async (session, t) => {
  const server = await serve(t, session(options()), (req, res) => {
    if (req.url === '/out') return req.session.destroy(() => res.end())
    if (req.url === '/unset') req.session = null
    else if (req.url === '/set') req.session.x = 1
    res.end()
  })
  for (const path of ['/unset', '/out']) {
    const { cookie } = await server.get('/set')
    assert.deepEqual((await server.get(path, { cookie })).cookies, [])
  }
  assert.deepEqual((await server.get('/', { cookie: cookieFor('stale') })).cookies, [])
})

test('signOut sends a clearing cookie with the same name, path, domain and flags', async (t) => {
  const server = await serve(
    t,
    ours(options({ name: 'n', cookie: { path: '/', domain: 'example.com', sameSite: 'strict', maxAge: HOUR } })),
    async (req, res) => {
      if (req.url === '/out') await req.session.signOut()
      else req.session.x = 1
      res.end(String(req.session === undefined))
    }
  )
  const first = await server.get('/', { name: 'n' })
  const out = await server.get('/out', { cookie: first.cookie, name: 'n' })
  assert.equal(out.body, 'true')
  assert.equal(out.cookies[0], 'n=; Domain=example.com; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict')
})

test('a late answer of a session that ended or was renewed sets no cookie, at once or late', async (t) => {
  for (const name of ['memory', 'late'] as const) {
    for (const end of ['destroy', 'renew', 'signIn'] as const) {
      const store = name === 'memory' ? new ours.MemoryStore() : new (await import('./helpers.ts')).PlainStore()
      const held: (() => void)[] = []
      const server = await serve(t, ours(options({ store, rolling: true })), async (req, res) => {
        req.session.x = (req.session.x ?? 0) + 1
        if (req.url === '/slow') {
          await new Promise<void>((resolve) => {
            held.push(resolve)
          })
          req.session.late = true
        } else if (req.url === '/end') await (end === 'signIn' ? req.session.signIn('u') : req.session[end]())
        res.end()
      })
      const { cookie } = await server.get()
      const slow = server.get('/slow', { cookie })
      while (held.length === 0) await later(1)
      const ended = await server.get('/end', { cookie })
      held[0]!()
      assert.deepEqual((await slow).cookies, [], `${name} ${end}`)
      if (end !== 'destroy') assert.notEqual(idOf(ended.cookie), idOf(cookie))
      assert.equal(await called((callback) => store.get(idOf(cookie), callback)), undefined)
    }
  }
})
