import assert from 'node:assert/strict'
import { test } from 'node:test'
import express from 'express'
// @ts-expect-error Express 4 under this name has no types of its own
import express4 from 'express4'
import { isSecure } from '../../src/express/secure.ts'
import { attributesOf, both, cookieFor, listen, options, ours, serve } from './helpers.ts'

const setter = (req: any, res: any) => {
  req.session.x = 1
  res.end()
}
const https = { headers: { 'x-forwarded-proto': 'https' } }
const encrypt = (req: any) => {
  req.socket.encrypted = true
}

both('44. an encrypted socket is secure whatever proxy says', async (session, t) => {
  for (const proxy of [true, false, undefined]) {
    const server = await serve(t, session(options({ proxy, cookie: { secure: true } })), setter, encrypt)
    assert.ok((await server.get()).cookie)
  }
})

test('44. req.socket alone is enough', () => {
  assert.ok(isSecure({ socket: { encrypted: true }, headers: {} } as any, false))
  assert.ok(isSecure({ connection: { encrypted: true }, headers: {} } as any, false))
  assert.ok(!isSecure({ headers: {} } as any, true))
})

both('45. proxy: true believes the first X-Forwarded-Proto', async (session, t) => {
  const server = await serve(t, session(options({ proxy: true, cookie: { secure: true } })), setter)
  for (const [value, sent] of [
    ['https', true],
    ['HTTPS, http', true],
    [' https ,http', true],
    ['http,https', false],
    ['', false],
    ['httpsx', false]
  ] as const) {
    assert.equal((await server.get('/', { headers: { 'x-forwarded-proto': value } })).cookie !== undefined, sent, value)
  }
  assert.equal((await server.get()).cookie, undefined)
})

both('45. proxy: false believes nobody', async (session, t) => {
  const server = await serve(t, session(options({ proxy: false, cookie: { secure: true } })), setter, (req) => {
    req.secure = true
  })
  assert.equal((await server.get('/', https)).cookie, undefined)
})

for (const [version, framework] of [
  ['5', express],
  ['4', express4]
] as const) {
  both(`46. without proxy Express decides, by trust proxy (Express ${version})`, async (session, t) => {
    for (const trust of [true, false]) {
      const app = (framework as any)()
      app.set('trust proxy', trust)
      app.use(session(options({ cookie: { secure: true } })), setter)
      const server = await listen(t, [], app)
      assert.equal((await server.get('/', https)).cookie !== undefined, trust)
      assert.equal((await server.get()).cookie, undefined)
    }
  })
}

both('46. without Express the header is ignored', async (session, t) => {
  const server = await serve(t, session(options({ cookie: { secure: true } })), setter)
  assert.equal((await server.get('/', https)).cookie, undefined)
})

both('47. secure: auto becomes what the connection is', async (session, t) => {
  const server = await serve(t, session(options({ proxy: true, cookie: { secure: 'auto' } })), setter)
  assert.equal(attributesOf((await server.get('/', https)).cookies[0])['secure'], true)
  assert.equal(attributesOf((await server.get()).cookies[0])['secure'], undefined)
})

both('48. sameSite: auto is none or lax, whatever secure is', async (session, t) => {
  for (const secure of ['auto', false, undefined]) {
    const server = await serve(t, session(options({ proxy: true, cookie: { sameSite: 'auto', secure } })), setter)
    assert.equal(attributesOf((await server.get('/', https)).cookies[0])['samesite'], 'None')
    assert.equal(attributesOf((await server.get()).cookies[0])['samesite'], 'Lax')
  }
})

both('49. a secure cookie is not sent over http, and the session decides', async (session, t) => {
  const server = await serve(t, session(options({ cookie: { secure: true } })), (req, res) => {
    req.session.x = 1
    if (req.url === '/plain') req.session.cookie.secure = false
    res.statusCode = 201
    res.end()
  })
  const kept = await server.get()
  assert.equal(kept.cookie, undefined)
  assert.equal(kept.status, 201)
  assert.ok((await server.get('/plain')).cookie)
})

both('50. the record is saved all the same, with auto resolved once', async (session, t) => {
  const store = new session.MemoryStore()
  const server = await serve(t, session(options({ store, cookie: { secure: true } })), (req, res) => {
    req.session.x = 1
    res.end(req.sessionID)
  })
  const { body } = await server.get()
  assert.equal((await new Promise<any>((resolve) => store.get(body, (_: any, record: any) => resolve(record)))).x, 1)

  const auto = await serve(
    t,
    session(options({ store, proxy: true, rolling: true, cookie: { secure: 'auto', sameSite: 'auto' } })),
    (req, res) => {
      req.session.x = 1
      res.end(req.sessionID)
    }
  )
  const first = await auto.get('/', https)
  const again = await auto.get('/', { cookie: cookieFor(first.body), ...https })
  assert.deepEqual([attributesOf(again.cookies[0])['secure'], attributesOf(again.cookies[0])['samesite']], [true, 'None'])
})

test('51. auto that comes out of a cookie function is resolved too', async (t) => {
  const server = await serve(t, ours(options({ proxy: true, cookie: () => ({ secure: 'auto', sameSite: 'auto' }) })), setter)
  const { secure, samesite } = attributesOf((await server.get('/', https)).cookies[0])
  assert.deepEqual([secure, samesite], [true, 'None'])
  assert.equal(attributesOf((await server.get()).cookies[0])['samesite'], 'Lax')
})
