import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ADMIN, BROWSER_ACCEPT, startShop, type TestShop } from './helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const JSON_TYPE = { 'content-type': 'application/json' }
const WITH_BODY: [string, string][] = [
  ['POST', '/register'],
  ['POST', '/login'],
  ['POST', '/cart/add'],
  ['PUT', '/cart/update/1'],
  ['POST', '/account/password'],
  ['POST', '/account/reauthenticate']
]

describe('a body', () => {
  it('that is malformed JSON is 400 Invalid JSON', async () => {
    const admin = await shop.signedIn(ADMIN)
    for (const [method, path] of WITH_BODY) {
      for (const body of ['{', '{"a":', 'nonsense', '"text"', '{"a":1}}', '\u0000']) {
        const { status, json } = await admin.send(method, path, body, JSON_TYPE)
        assert.deepEqual([status, json], [400, { error: 'Invalid JSON', code: 'invalid-json' }], `${method} ${path} ${body}`)
      }
    }
  })

  it('of the wrong kind is 400 Invalid request', async () => {
    const admin = await shop.signedIn(ADMIN)
    for (const [method, path] of WITH_BODY) {
      for (const body of [
        '[]',
        '[1]',
        '{}',
        '{"__proto__":{"username":"user"}}',
        '{"productId":{},"quantity":[],"username":{},"password":[]}'
      ]) {
        const { status, json } = await admin.send(method, path, body, JSON_TYPE)
        assert.equal(status, 400, `${method} ${path} ${body}`)
        assert.equal(json.error, 'Invalid request', `${method} ${path} ${body}`)
        assert.ok(json.details.length > 0)
        for (const detail of json.details) assert.deepEqual(Object.keys(detail), ['path', 'message'])
      }
    }
    assert.equal(({} as { username?: string }).username, undefined)
  })

  it('that is missing, or is something else, is 400 Invalid request', async () => {
    for (const headers of [{}, { 'content-type': 'text/plain' }, { 'content-type': 'multipart/form-data; boundary=x' }]) {
      const { status, json } = await shop
        .client()
        .send('POST', '/login', Object.keys(headers).length ? '{"username":"user"}' : undefined, headers)
      assert.deepEqual([status, json.error], [400, 'Invalid request'])
    }
  })

  it('over 100 kB is 413 Body too large, compressed or not', async () => {
    const long = JSON.stringify({ username: 'user', password: 'x'.repeat(110_000) })
    for (const [body, headers] of [
      [long, JSON_TYPE],
      [gzipSync(long), { ...JSON_TYPE, 'content-encoding': 'gzip' }],
      [`username=user&password=${'x'.repeat(110_000)}`, { 'content-type': 'application/x-www-form-urlencoded' }]
    ] as const) {
      const { status, json } = await shop.client().send('POST', '/login', body, headers)
      assert.deepEqual([status, json], [413, { error: 'Body too large', code: 'body-too-large' }])
    }
    const within = await shop.client().post('/login', { username: 'user', password: 'userpass', more: 'x'.repeat(90_000) })
    assert.equal(within.status, 200)
  })

  it('in an unknown charset or encoding is 415', async () => {
    for (const headers of [{ 'content-type': 'application/json; charset=klingon' }, { ...JSON_TYPE, 'content-encoding': 'zip' }]) {
      assert.equal((await shop.client().send('POST', '/login', '{}', headers)).status, 415)
    }
  })
})

describe('an address', () => {
  it('that is unknown is 404', async () => {
    for (const [method, path] of [
      ['GET', '/nowhere'],
      ['POST', '/nowhere'],
      ['GET', '/cart/add/more'],
      ['GET', '/__proto__'],
      ['DELETE', '/products/1/parts']
    ] as const) {
      const { status, json, headers } = await shop.client().send(method, path)
      assert.deepEqual([status, json], [404, { error: 'Not found', code: 'not-found' }], path)
      assert.equal(headers.getSetCookie().length, 0)
    }
  })

  it('that is known, with the wrong method, is 405 with Allow', async () => {
    const admin = await shop.signedIn(ADMIN)
    const known: [string, string, string][] = [
      ['POST', '/', 'GET, HEAD'],
      ['DELETE', '/register', 'GET, HEAD, POST'],
      ['PUT', '/login', 'GET, HEAD, POST'],
      ['GET', '/logout', 'POST'],
      ['POST', '/profile', 'GET, HEAD'],
      ['POST', '/admin', 'GET, HEAD'],
      ['PUT', '/admin/sessions', 'GET, HEAD'],
      ['GET', '/admin/sessions/x', 'DELETE'],
      ['POST', '/products', 'GET, HEAD'],
      ['POST', '/cart', 'DELETE, GET, HEAD'],
      ['GET', '/cart/add', 'POST'],
      ['POST', '/cart/update/1', 'PUT'],
      ['GET', '/cart/remove/1', 'DELETE'],
      ['GET', '/checkout', 'POST'],
      ['PATCH', '/orders', 'GET, HEAD'],
      ['POST', '/session-info', 'GET, HEAD'],
      ['POST', '/account/sessions', 'GET, HEAD'],
      ['GET', '/account/sessions/x', 'DELETE'],
      ['GET', '/account/password', 'POST'],
      ['GET', '/account/reauthenticate', 'POST'],
      ['POST', '/healthz', 'GET, HEAD'],
      ['POST', '/readyz', 'GET, HEAD'],
      ['POST', '/metrics', 'GET, HEAD'],
      ['OPTIONS', '/products', 'GET, HEAD']
    ]
    for (const [method, path, allow] of known) {
      const { status, json, headers } = await admin.send(method, path)
      assert.deepEqual([status, json], [405, { error: 'Method not allowed', code: 'method-not-allowed' }], `${method} ${path}`)
      assert.equal(headers.get('allow'), allow, `${method} ${path}`)
    }
    assert.equal((await shop.client().send('POST', '/profile')).status, 401)
  })

  it('that cannot be decoded breaks nothing', async () => {
    const admin = await shop.signedIn(ADMIN)
    for (const [method, path] of [
      ['PUT', '/cart/update/%ff'],
      ['DELETE', '/cart/remove/%c0%ae'],
      ['DELETE', '/account/sessions/%E0%A4%A'],
      ['GET', '/%']
    ] as const) {
      const { status, json } = await admin.send(
        method,
        path,
        method === 'PUT' ? '{"quantity":1}' : undefined,
        method === 'PUT' ? JSON_TYPE : {}
      )
      assert.ok(status === 400 || status === 404, `${method} ${path}: ${status}`)
      assert.ok(json.error)
    }
  })

  it('answers HEAD like GET, without a body', async () => {
    for (const path of ['/products', '/cart', '/healthz', '/session-info']) {
      const { status, text } = await shop.client().send('HEAD', path)
      assert.deepEqual([status, text], [200, ''])
    }
  })
})

describe('a cookie', () => {
  it('that is forged, malformed or of nobody makes a new visitor', async () => {
    const user = await shop.signedIn()
    const genuine = user.cookies.get('sessionId')!
    const dot = decodeURIComponent(genuine).lastIndexOf('.')
    const id = decodeURIComponent(genuine).slice(2, dot)
    const values = [
      '',
      's',
      's:',
      's%3A',
      's%3A.',
      's%3Aa.b',
      id,
      `s%3A${id}`,
      `s%3A${id}.`,
      encodeURIComponent(`s:${id}.${'A'.repeat(43)}`),
      genuine.slice(0, -1),
      `${genuine}x`,
      'j%3A%7B%22%24ne%22%3A1%7D',
      '%E0%A4%A',
      '..%2F..%2Fetc',
      '__proto__',
      '%00',
      'x'.repeat(6_000),
      "'%20OR%201=1--"
    ]
    for (const value of values) {
      const { status, json, headers } = await shop.client({ headers: { cookie: `sessionId=${value}` } }).get('/session-info')
      assert.deepEqual([status, json.sessionId, json.isAuthenticated], [200, null, false], value.slice(0, 60))
      assert.equal(headers.getSetCookie().filter((line) => !line.startsWith('sessionId=;')).length, 0)
      const first = await shop.client({ headers: { cookie: `sessionId=${value}` } }).get('/')
      assert.equal(first.json.views, 1)
      assert.ok(!first.headers.get('set-cookie')!.includes(id))
    }
    assert.equal((await user.get('/profile')).status, 200)
  })

  it('is looked for nowhere else', async () => {
    const user = await shop.signedIn()
    const value = user.cookies.get('sessionId')!
    const stranger = shop.client({ headers: { 'x-session-id': value, authorization: `Bearer ${value}` } })
    assert.equal((await stranger.get(`/profile?sessionId=${value}`)).status, 401)
    assert.equal((await stranger.get(`/profile;sessionId=${value}`)).status, 404)
  })
})

describe('a request from another site', () => {
  it('is refused when it would change something, and changes nothing (items 62, 64)', async () => {
    const user = await shop.signedIn()
    const hostile: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `${shop.url}.evil.example` },
      { 'sec-fetch-site': 'cross-site', origin: shop.url }
    ]
    for (const headers of hostile) {
      for (const [method, path, body] of [
        ['POST', '/cart/add', { productId: 1 }],
        ['POST', '/logout', {}],
        ['POST', '/login', ADMIN],
        ['DELETE', '/cart', undefined],
        ['POST', '/nowhere', {}]
      ] as const) {
        const { status, json } = await user.send(method, path, body, headers)
        assert.deepEqual([status, json.error], [403, 'Cross-site request refused'], `${JSON.stringify(headers)} ${path}`)
      }
      assert.equal((await user.get('/products', headers)).status, 200)
    }
    assert.equal((await user.get('/profile')).json.user.username, 'user')
    assert.equal((await user.get('/cart')).json.cart.totalItems, 0)
  })

  it('is not what a page of ours, an address bar, curl or an app sends', async () => {
    for (const headers of [{}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: shop.url }] as Record<
      string,
      string
    >[]) {
      assert.equal((await shop.client().post('/login', { username: 'user', password: 'userpass' }, headers)).status, 200)
    }
  })
})

describe('every answer', () => {
  it("has helmet's headers, none of Express's or CORS's (items 67, 68, 69)", async () => {
    const admin = await shop.signedIn(ADMIN)
    const answers = await Promise.all([
      ...['/', '/products', '/nowhere', '/profile', '/healthz', '/shop.css', '/admin', '/metrics', '/login'].map((path) =>
        admin.get(path, { origin: 'https://evil.example' })
      ),
      admin.get('/', { accept: BROWSER_ACCEPT }),
      admin.post('/login', 'x', JSON_TYPE),
      admin.post('/logout', undefined, { 'sec-fetch-site': 'cross-site' })
    ])
    for (const { headers } of answers) {
      const csp = headers.get('content-security-policy')!
      assert.match(csp, /script-src 'self'/)
      assert.match(csp, /object-src 'none'/)
      assert.match(csp, /base-uri 'none'/)
      assert.match(csp, /frame-ancestors 'none'/)
      assert.ok(!csp.includes('unsafe-inline'))
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('referrer-policy'), 'same-origin')
      assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin')
      assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin')
      assert.match(headers.get('strict-transport-security')!, /max-age=31536000/)
      assert.equal(headers.get('x-powered-by'), null)
      assert.equal(headers.get('access-control-allow-origin'), null)
      assert.equal(headers.get('access-control-allow-credentials'), null)
    }
  })

  it('that carries session data is not to be stored', async () => {
    const user = await shop.signedIn()
    for (const path of ['/', '/profile', '/cart', '/session-info', '/account/sessions', '/orders']) {
      assert.equal((await user.get(path)).headers.get('cache-control'), 'no-store', path)
    }
    assert.equal((await shop.client().get('/profile')).headers.get('cache-control'), 'no-store')
  })

  it('tells a fault of ours without its reason', async () => {
    await using broken = await startShop()
    await broken.db.schema.alterTable('products').renameTo('elsewhere').execute()
    const { status, json, text } = await broken.client().get('/products')
    assert.deepEqual([status, json], [500, { error: 'Internal error', code: 'internal-error' }])
    assert.doesNotMatch(text, /SQL|products|at /)
    const page = await broken.client().get('/', { accept: BROWSER_ACCEPT })
    assert.equal(page.status, 500)
    assert.match(page.text, /Internal error/)
    assert.doesNotMatch(page.text, /SQL|no such table|does not exist/)
  })
})

describe('what is no HTTP', () => {
  it('ends its own connection and nothing else', async () => {
    const port = Number(new URL(shop.url).port)
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: a\r\nCookie: a\u0000b\r\n\r\n',
      'nonsense\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
      'GET / HTTP/1.1\r\n\r\n'
    ]) {
      const socket = connect(port, '127.0.0.1')
      socket.end(bytes)
      socket.resume()
      await new Promise((resolve) => socket.on('close', resolve).on('error', resolve))
    }
    assert.equal((await shop.client().get('/healthz')).status, 200)
  })
})
