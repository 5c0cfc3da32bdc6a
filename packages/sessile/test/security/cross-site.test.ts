import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import express from 'express'
import { isSessionError } from '../../src/core/errors.ts'
import { crossSite, crossSiteVerdict } from '../../src/security/cross-site.ts'
import { serve } from '../serve.ts'

const HOST = 'shop.example'

describe('crossSiteVerdict', () => {
  const rows: readonly [string, string, Record<string, string>, string][] = [
    ['a GET from anywhere', 'GET', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 'safe'],
    ['a HEAD from anywhere', 'HEAD', { 'sec-fetch-site': 'cross-site' }, 'safe'],
    ['neither header', 'POST', {}, 'no-browser'],
    ['same-origin', 'POST', { 'sec-fetch-site': 'same-origin' }, 'same-origin'],
    ['the address bar', 'POST', { 'sec-fetch-site': 'none' }, 'same-origin'],
    ['same-site', 'POST', { 'sec-fetch-site': 'same-site' }, 'refused'],
    ['cross-site', 'DELETE', { 'sec-fetch-site': 'cross-site' }, 'refused'],
    ['cross-site whose Origin looks like ours', 'POST', { 'sec-fetch-site': 'cross-site', origin: 'https://shop.example' }, 'refused'],
    ['same-origin wins over any Origin', 'POST', { 'sec-fetch-site': 'same-origin', origin: 'null' }, 'same-origin'],
    ['an empty Sec-Fetch-Site', 'POST', { 'sec-fetch-site': '' }, 'refused'],
    ['two of them', 'POST', { 'sec-fetch-site': 'same-origin, cross-site' }, 'refused'],
    ['our Origin', 'PUT', { origin: 'https://shop.example' }, 'same-origin'],
    ['our Origin over plain HTTP', 'PUT', { origin: 'http://shop.example' }, 'same-origin'],
    ['another Origin', 'PATCH', { origin: 'https://evil.example' }, 'refused'],
    ['a sibling', 'POST', { origin: 'https://www.shop.example' }, 'refused'],
    ['another port', 'POST', { origin: 'https://shop.example:8443' }, 'refused'],
    ['Origin: null', 'POST', { origin: 'null' }, 'refused'],
    ['an empty Origin', 'POST', { origin: '' }, 'refused'],
    ['an Origin with a user in it', 'POST', { origin: 'https://evil.example@shop.example' }, 'refused'],
    ['an Origin with a path', 'POST', { origin: 'https://shop.example/evil' }, 'refused'],
    ['two origins', 'POST', { origin: 'https://shop.example https://evil.example' }, 'refused'],
    ['an extension', 'POST', { origin: 'chrome-extension://shop.example' }, 'refused'],
    ['no other header than a Referer of ours', 'POST', { referer: 'https://shop.example/cart?x' }, 'same-origin'],
    ['no other header than a Referer from elsewhere', 'POST', { referer: 'https://evil.example/shop.example' }, 'refused'],
    ['a Referer of no site', 'POST', { referer: 'android-app://com.example' }, 'no-browser'],
    ['an Origin of ours beside any Referer', 'POST', { origin: 'https://shop.example', referer: 'https://evil.example/' }, 'same-origin'],
    ['an unknown method', 'PURGE', { origin: 'https://evil.example' }, 'refused'],
    ['a lower-case method', 'post', { origin: 'https://evil.example' }, 'refused']
  ]
  for (const [name, method, headers, expected] of rows) {
    it(`${name}: ${expected}`, () => assert.equal(crossSiteVerdict(method, { host: HOST, ...headers }), expected))
  }

  it('compares ports, default ones left out', () => {
    assert.equal(crossSiteVerdict('POST', { host: 'localhost:3000', origin: 'http://localhost:3000' }), 'same-origin')
    assert.equal(crossSiteVerdict('POST', { host: 'shop.example:443', origin: 'https://shop.example' }), 'same-origin')
    assert.equal(crossSiteVerdict('POST', { host: 'shop.example:443', origin: 'http://shop.example' }), 'refused')
    assert.equal(crossSiteVerdict('POST', { host: 'SHOP.example', origin: 'https://shop.EXAMPLE' }), 'same-origin')
    assert.equal(crossSiteVerdict('POST', { host: '[::1]:3000', origin: 'http://[::1]:3000' }), 'same-origin')
  })

  it('refuses an Origin where there is no host to compare it with', () => {
    assert.equal(crossSiteVerdict('POST', { origin: 'https://shop.example' }), 'refused')
    assert.equal(crossSiteVerdict('POST', { host: 'evil.example/shop.example', origin: 'https://evil.example' }), 'refused')
  })

  it('lets origins through that were named', () => {
    const headers = { host: HOST, origin: 'https://pay.example', 'sec-fetch-site': 'cross-site' }
    assert.equal(crossSiteVerdict('POST', headers, ['https://pay.example']), 'allowed')
    assert.equal(crossSiteVerdict('POST', { ...headers, origin: 'https://pay.example.evil' }, ['https://pay.example']), 'refused')
  })
})

describe('crossSite', () => {
  it('answers 403 before anything is changed', async () => {
    const app = express()
    let changed = 0
    app.use(crossSite())
    app.post('/', (_req, res) => {
      changed += 1
      res.json({ changed })
    })
    await using server = await serve(app)
    const refused = await server.ask('POST', '/', { origin: 'https://evil.example' })
    assert.equal(refused.status, 403)
    assert.deepEqual(refused.json, { error: 'Cross-site request refused', code: 'cross-site' })
    assert.equal((await server.ask('POST', '/', { 'sec-fetch-site': 'cross-site' })).status, 403)
    assert.equal(changed, 0)
    assert.equal((await server.ask('POST', '/', { origin: `http://127.0.0.1:${server.port}` })).status, 200)
    assert.equal((await server.ask('POST', '/')).status, 200)
    assert.equal(changed, 2)
  })

  it('leaves the answer to onRefused', async () => {
    const app = express()
    app.use(
      crossSite({
        onRefused: (_req: express.Request, res: express.Response) => {
          res.status(403).send('<p>No</p>')
        }
      })
    )
    await using server = await serve(app)
    assert.equal((await server.ask('POST', '/', { origin: 'null' })).text, '<p>No</p>')
  })

  it('knows its options', () => {
    assert.throws(
      () => crossSite({ origin: [] } as object),
      (error) => isSessionError(error) && error.code === 'bad-option'
    )
  })
})

it('item 71: the handshake of a web socket from another site is refused, as what changes something is', () => {
  const verdict = (headers: Record<string, string>) => crossSiteVerdict('GET', { host: 'shop.example', upgrade: 'WebSocket', ...headers })
  assert.equal(verdict({ origin: 'https://shop.example' }), 'same-origin')
  assert.equal(verdict({ origin: 'https://evil.example' }), 'refused')
  assert.equal(verdict({ origin: 'null' }), 'refused')
  assert.equal(verdict({ origin: 'https://shop.example', 'sec-fetch-site': 'cross-site' }), 'refused')
  assert.equal(verdict({}), 'no-browser')
})
