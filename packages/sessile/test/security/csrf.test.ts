import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import express from 'express'
import { isSessionError } from '../../src/core/errors.ts'
import { csrf, csrfToken, isCsrfToken } from '../../src/security/csrf.ts'
import { type AppRequest, type Browser, onEachStore, SECRET, storeOf, type StoreKind, listen, send } from './world.ts'
import { session } from '../../src/express/factory.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
let changed = 0

/** A shop of forms: `GET /form` gives a token, `POST /change` needs one, `POST /enter` signs in. */
async function forms(t: TestContext, kind: StoreKind, secret: string | string[] = SECRET): Promise<{ browser(): Browser; port: number }> {
  const sessions = session({ secret: SECRET, name: 'visit', resave: false, saveUninitialized: false, store: storeOf(t, kind).backend })
  const app = express()
  app.use(sessions, express.urlencoded(), express.json(), csrf({ secret }))
  app.get('/form', (req, res) => void res.json({ token: csrfToken(req) }))
  app.post('/change', (_req, res) => {
    changed++
    res.json({})
  })
  app.post('/enter', async (req, res) => {
    await (req as AppRequest).session.signIn(7)
    res.json({ token: csrfToken(req) })
  })
  const { port } = await listen(t, app)
  t.after(() => sessions.close())
  const ask: Parameters<typeof browserOver>[0] = (path, given) => send(port, path, given)
  return { port, browser: () => browserOver(ask) }
}

function browserOver(ask: (path: string, given: Parameters<typeof send>[2]) => ReturnType<typeof send>): Browser {
  const browser: Browser = {
    cookie: undefined,
    async get(path, given = {}) {
      const reply = await ask(path, { cookie: browser.cookie, ...given })
      browser.cookie = reply.cookie ?? browser.cookie
      return reply
    },
    post: (path, given = {}) => browser.get(path, { method: 'POST', ...given })
  }
  return browser
}

describe('csrf tokens', () => {
  onEachStore('item 63: let a form of the session’s own through, in a field or a header', async (kind, t) => {
    const { browser } = await forms(t, kind)
    const visitor = browser()
    const { token } = (await visitor.get('/form')).json()
    assert.match(token, /^[\w-]{64}$/)
    changed = 0
    assert.equal((await visitor.post('/change', { headers: FORM, body: `_csrf=${token}` })).status, 200)
    assert.equal(
      (await visitor.post('/change', { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ _csrf: token }) })).status,
      200
    )
    assert.equal((await visitor.post('/change', { headers: { 'X-CSRF-Token': token, 'sec-fetch-site': 'same-origin' } })).status, 200)
    assert.equal(changed, 3)
    const another = (await visitor.get('/form')).json().token
    assert.notEqual(another, token, 'no two pages have the same')
    assert.equal((await visitor.post('/change', { headers: { 'x-csrf-token': token } })).status, 200, 'all of them are good')
  })

  onEachStore('items 62, 63, 122: refuse all others, also from our own pages and from no browser', async (kind, t) => {
    const { browser } = await forms(t, kind)
    const [visitor, other] = [browser(), browser()]
    const { token } = (await visitor.get('/form')).json()
    const { token: theirs } = (await other.get('/form')).json()
    changed = 0
    const damaged = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
    for (const wrong of [undefined, '', theirs, damaged, token.slice(1), `${token}A`, 'A'.repeat(64), '__proto__', visitor.cookie!]) {
      for (const site of [{}, { 'sec-fetch-site': 'same-origin' }]) {
        const headers = { ...site, ...FORM } as Record<string, string>
        const reply = await visitor.post('/change', { headers, body: wrong === undefined ? '' : `_csrf=${encodeURIComponent(wrong)}` })
        assert.deepEqual([reply.status, reply.json().code], [403, 'csrf-token'], String(wrong))
      }
    }
    for (const path of [`/change?_csrf=${token}`, `/change?x-csrf-token=${token}`])
      assert.equal((await visitor.post(path)).status, 403, 'not in the address')
    assert.equal((await visitor.post('/change', { headers: FORM, body: `_csrf=${token}&_csrf=${token}` })).status, 403)
    assert.equal((await browser().post('/change', { headers: { 'x-csrf-token': token } })).status, 403, 'without its session')
    const reply = await visitor.post('/change', { headers: { 'sec-fetch-site': 'cross-site', 'x-csrf-token': token } })
    assert.deepEqual([reply.status, reply.json().code], [403, 'cross-site'], 'both are asked for')
    assert.equal(changed, 0)
  })

  onEachStore('items 63, 64: protect the form to sign in, and die with the id', async (kind, t) => {
    const { browser } = await forms(t, kind)
    const visitor = browser()
    assert.equal((await visitor.post('/enter')).status, 403)
    assert.equal(visitor.cookie, undefined)
    const { token: before } = (await visitor.get('/form')).json()
    const entered = await visitor.post('/enter', { headers: { 'x-csrf-token': before } })
    assert.equal(entered.status, 200)
    assert.equal((await visitor.post('/change', { headers: { 'x-csrf-token': before } })).status, 403)
    assert.equal((await visitor.post('/change', { headers: { 'x-csrf-token': entered.json().token } })).status, 200)
  })

  it('item 10: are good for all secrets of the list, and made with the first', async (t) => {
    const secrets = ['the older of the two secrets']
    const { browser } = await forms(t, 'memory', secrets)
    const visitor = browser()
    const { token } = (await visitor.get('/form')).json()
    secrets.unshift('the newer of the two secrets')
    assert.equal((await visitor.post('/change', { headers: { 'x-csrf-token': token } })).status, 200)
    const { token: newer } = (await visitor.get('/form')).json()
    secrets.pop()
    assert.equal((await visitor.post('/change', { headers: { 'x-csrf-token': token } })).status, 403)
    assert.equal((await visitor.post('/change', { headers: { 'x-csrf-token': newer } })).status, 200)
  })

  it('a mistake in setting up is told', () => {
    const told = (call: () => unknown, code: string) => assert.throws(call, (error) => isSessionError(error) && error.code === code)
    told(() => csrf({} as never), 'bad-option')
    told(() => csrf({ secret: [] }), 'bad-option')
    told(() => csrf({ secret: SECRET, query: true } as never), 'bad-option')
    told(() => csrfToken({} as never), 'bad-argument')
    assert.equal(isCsrfToken({ toString: () => 'x' }, 'id', SECRET), false)
    assert.equal(isCsrfToken('A'.repeat(64), undefined, SECRET), false)
  })
})
