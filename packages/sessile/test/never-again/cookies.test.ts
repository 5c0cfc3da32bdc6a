import assert from 'node:assert/strict'
import crypto, { createHmac } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { describe, it } from 'node:test'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { noStore } from '../../src/security/no-store.ts'
import { secure } from '../../src/security/presets.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { unsign } from '../../src/core/signatures.ts'
import { handleOf, keyOfHandle } from '../../src/core/ids.ts'
import { cookieFor, idOf, NAME, onEachStore, SECRET, world, type AppRequest } from '../security/world.ts'

const base64 = (value: string) => Buffer.from(value).toString('base64url')

describe('never again: cookies that are read', () => {
  onEachStore('CVE-2026-39324 (rack-session): nothing but a signed id is a session; there is no second decoder', async (kind, t) => {
    const { browser, ask } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/login?user=7')
    const id = idOf(visitor.cookie)
    const record = JSON.stringify({ cookie: { path: '/' }, userId: 7 })
    const mac = createHmac('sha256', SECRET).update(id).digest('base64')
    const forged = [
      record,
      base64(record),
      `j:${record}`,
      `s:${record}`,
      `s:${record}.`,
      id,
      `s:${id}`,
      `s:${id}.`,
      `${id}.${mac}`,
      `S:${id}.${mac}`,
      `s:${id}.${createHmac('sha1', SECRET).update(id).digest('base64')}`,
      `s:${id}.${createHmac('sha256', '').update(id).digest('base64')}`,
      `s:${id}.${mac.slice(0, 20)}`,
      `s:${id}.${mac}x`,
      `s:${id} .${mac}`,
      `s:${id}.${base64(mac)}`,
      `s:.${mac}`,
      `s:${base64(record)}.${mac}`,
      `${base64('{"alg":"none"}')}.${base64(record)}.`,
      `s:s:${id}.${mac}`
    ]
    for (const value of forged) {
      for (const written of [value, encodeURIComponent(value), `"${value}"`]) {
        const reply = await ask('/read', { cookie: `${NAME}=${written}` })
        assert.deepEqual([reply.status, reply.json().userId, reply.cookies], [200, null, []], value)
      }
    }
    assert.equal((await visitor.get('/read')).json().userId, '7')
  })

  it('CVE-2016-1000236 (cookie-signature): what was signed is compared in constant time, digests of one length', (t) => {
    const compared: number[] = []
    const { timingSafeEqual } = crypto
    t.mock.method(crypto, 'timingSafeEqual', (one: Uint8Array, other: Uint8Array) => {
      compared.push(one.length, other.length)
      return timingSafeEqual(one, other)
    })
    syncBuiltinESMExports()
    t.after(() => syncBuiltinESMExports())
    const signed = decodeURIComponent(cookieFor('an id')).slice(NAME.length + 3)
    const unequal = compared.length
    assert.equal(unsign(signed, SECRET), 'an id')
    for (const wrong of [
      `${signed.slice(0, -1)}A`,
      `${signed.slice(0, 6)}B${signed.slice(7)}`,
      'an id.short',
      `an id.${'x'.repeat(500)}`
    ]) {
      assert.equal(unsign(wrong, [SECRET, 'another one']), undefined)
    }
    const handle = handleOf('key', SECRET)
    assert.equal(keyOfHandle(handle, SECRET), 'key')
    assert.equal(keyOfHandle(`A${handle.slice(1)}`, ['another one', SECRET]), undefined)
    assert.ok(compared.length - unequal >= 2 * 6, 'every comparison is one of these')
    for (let n = 0; n < compared.length; n += 2) assert.equal(compared[n], compared[n + 1])
  })

  onEachStore(
    'CVE-2023-23934 (werkzeug), CVE-2023-26049 (Jetty), GHSA-r5rp-j6wh-rvv4 (hono): no other cookie passes for ours',
    async (kind, t) => {
      const name = `__Host-${NAME}`
      const { ask, stored } = await world(t, { kind, name })
      const planted = encodeURIComponent((await ask('/set?name=whose&value=theirs', { method: 'POST' })).cookie!.slice(name.length + 1))
      const theirs = decodeURIComponent(planted)
      const [own] = (await ask('/set?name=whose&value=ours', { method: 'POST' })).cookie!.split(';')
      assert.equal((await stored()).length, 2)
      // node takes header bytes for latin1: \u00a0 and \u0085 arrive as they are
      for (const prefix of ['\u00a0', '\u0085', '=', 'x', ' =', '$', '%5f%5f', '\u00a0\u00a0']) {
        const shadow = prefix.startsWith('%') ? `${prefix}Host-${NAME}=${theirs}` : `${prefix}${name}=${theirs}`
        assert.deepEqual((await ask('/read', { cookie: shadow })).json().data, {}, JSON.stringify(shadow))
        assert.deepEqual((await ask('/read', { cookie: `${shadow}; ${own}` })).json().data, { whose: 'ours' }, JSON.stringify(shadow))
      }
      assert.deepEqual((await ask('/read', { cookie: `"a=b; ${name}=${theirs}"; ${own}` })).json().data.whose === 'theirs', false)
      assert.deepEqual(
        (await ask('/read', { cookie: `${NAME}=${theirs}; __host-${NAME}=${theirs}` })).json().data,
        {},
        'bytes are compared'
      )
    }
  )

  it('CVE-2014-4179 (hapi yar), Jetty 12 cookie compliance: no Cookie header makes an error (see fuzz.test.ts for many more)', async (t) => {
    const { ask, errors } = await world(t)
    for (const cookie of [
      '',
      ';',
      '=',
      ';;;',
      '=;=;',
      NAME,
      `${NAME}=`,
      `${NAME}=s:`,
      `${NAME}=s:.`,
      `${NAME}=%`,
      `${NAME}=%E0%A4%A`,
      `${NAME}="`,
      `${NAME}=""`,
      `${NAME}=s%3A%00`,
      `${NAME}=s:${'.'.repeat(8000)}`,
      `${NAME}=${'%25'.repeat(2000)}`,
      `${'a=b;'.repeat(2000)}`,
      '\u00ff\u00fe'
    ]) {
      const reply = await ask('/read', { cookie })
      assert.deepEqual([reply.status, reply.cookies], [200, []], cookie.slice(0, 50))
    }
    assert.deepEqual(errors, [])
  })
})

describe('never again: cookies that are sent', () => {
  it('CVE-2024-47764 (cookie): neither name, domain, path nor a field of the cookie carries another attribute', async (t) => {
    const injections = [
      { name: 'sid=x; Domain=evil.example' },
      { name: 'sid; Path=/x' },
      { name: 'sid\r\nX-Evil: 1' },
      { name: 'sid x' },
      { cookie: { domain: 'shop.example; Secure' } },
      { cookie: { domain: 'shop.example\r\nX-Evil: 1' } },
      { cookie: { path: '/; Domain=evil.example' } },
      { cookie: { path: '/\r\nX-Evil: 1' } },
      { cookie: { sameSite: 'lax; Domain=evil.example' as 'lax' } },
      { cookie: { priority: 'low; Domain=evil' as 'low' } }
    ]
    for (const given of injections) {
      const { ask, errors } = await world(t, given)
      const reply = await ask('/set?name=a&value=b', { method: 'POST' })
      assert.deepEqual(reply.cookies, [], JSON.stringify(given))
      assert.equal(reply.headers['x-evil'], undefined)
      if (!('path' in (given.cookie ?? {}))) assert.match(String(errors[0]), /TypeError: (argument name|option \w+) is invalid/)
      if (given.name)
        assert.throws(
          () => secure('web', { name: given.name }),
          (error) => isSessionError(error) && error.code === 'bad-option'
        )
    }
  })

  onEachStore('CVE-2025-7339 (on-headers): every form of writeHead keeps all headers and the one cookie', async (kind, t) => {
    const forms: Record<string, (res: any) => void> = {
      '/object': (res) => res.writeHead(201, { 'X-One': '1', 'Set-Cookie': ['a=1', 'b=2'] }).end('x'),
      '/text-object': (res) => res.writeHead(201, 'Made', { 'X-One': '1', 'Set-Cookie': ['a=1', 'b=2'] }).end('x'),
      '/flat': (res) => res.writeHead(201, ['X-One', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end('x'),
      '/pairs': (res) =>
        res
          .writeHead(201, [
            ['X-One', '1'],
            ['Set-Cookie', 'a=1'],
            ['Set-Cookie', 'b=2']
          ])
          .end('x'),
      '/set-and-flat': (res) => res.setHeader('Set-Cookie', ['a=1', 'b=2']).writeHead(201, ['X-One', '1']).end('x'),
      '/flush': (res) => {
        res.statusCode = 201
        res.setHeader('X-One', '1').setHeader('Set-Cookie', ['a=1', 'b=2']).flushHeaders()
        res.end('x')
      },
      '/write': (res) => {
        res.statusCode = 201
        res.setHeader('X-One', '1').setHeader('Set-Cookie', ['a=1', 'b=2']).write('x')
        res.end()
      },
      '/early-hints': (res) => {
        res.writeEarlyHints({ link: '</a.css>; rel=preload' })
        res.writeHead(201, { 'X-One': '1', 'Set-Cookie': ['a=1', 'b=2'] }).end('x')
      }
    }
    const { ask, app } = await world(t, { kind })
    for (const [path, form] of Object.entries(forms)) {
      app.get(path, (req, res) => {
        ;(req as unknown as AppRequest).session['visited'] = path
        form(res)
      })
      const reply = await ask(path)
      assert.equal(reply.status, 201, path)
      assert.equal(reply.headers['x-one'], '1', path)
      assert.deepEqual(
        reply.cookies.filter((one) => !one.startsWith(NAME)),
        ['a=1', 'b=2'],
        path
      )
      assert.equal(reply.cookies.length, 3, path)
      assert.deepEqual((await ask('/read', { cookie: reply.cookie })).json().data, { visited: path }, path)
    }
  })

  onEachStore('CVE-2023-30861 (Flask): an answer that carries a refreshed cookie is in nobody else’s cache', async (kind, t) => {
    const { browser } = await world(t, { kind, rolling: true, prepare: (app) => app.use(noStore()) })
    const visitor = browser()
    await visitor.post('/set?name=a&value=b')
    const refreshed = await visitor.get('/')
    assert.equal(refreshed.cookies.length, 1)
    assert.equal(refreshed.headers['cache-control'], 'no-store')
    assert.match(String(refreshed.headers['vary']), /\bCookie\b/)
  })

  onEachStore('CVE-2025-47278 (Flask): of several secrets the first one signs', async (kind, t) => {
    const { backend, browser } = await world(t, { kind, secret: ['the newest of these secrets', 'the oldest of these secrets'] })
    const visitor = browser()
    await visitor.post('/set?name=a&value=b')
    assert.equal(visitor.cookie, cookieFor(idOf(visitor.cookie), 'the newest of these secrets'))
    const newest = await world(t, { secret: 'the newest of these secrets', wrap: () => backend })
    assert.deepEqual((await newest.ask('/read', { cookie: visitor.cookie })).json().data, { a: 'b' })
    const oldest = await world(t, { secret: 'the oldest of these secrets', wrap: () => backend })
    assert.deepEqual((await oldest.ask('/read', { cookie: visitor.cookie })).json().data, {})
  })

  it('CVE-2023-28708 (Tomcat): Secure follows what a trusted proxy says, and no other', async (t) => {
    const secureOf = async (trust: unknown, headers: Record<string, string>, cookie: 'auto' | true) => {
      const { ask } = await world(t, { cookie: { secure: cookie }, store: memoryStore(), prepare: (app) => app.set('trust proxy', trust) })
      const reply = await ask('/set?name=a&value=b', { method: 'POST', headers })
      return reply.cookies.length === 0 ? 'none' : /; Secure(;|$)/.test(reply.cookies[0]!) ? 'secure' : 'plain'
    }
    const https = { 'x-forwarded-proto': 'https' }
    assert.equal(await secureOf('loopback', https, 'auto'), 'secure')
    assert.equal(await secureOf('loopback', https, true), 'secure')
    assert.equal(await secureOf(false, https, 'auto'), 'plain')
    assert.equal(await secureOf(false, https, true), 'none')
    assert.equal(await secureOf('203.0.113.9', https, true), 'none', 'a proxy that is not this one')
    assert.equal(await secureOf('loopback', { 'x-forwarded-proto': 'http' }, true), 'none')
    assert.equal(await secureOf('loopback', { 'x-forwarded-proto': 'http, https' }, true), 'none')
  })
})
