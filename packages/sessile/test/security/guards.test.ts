import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import express from 'express'
import { isSessionError } from '../../src/core/errors.ts'
import { prefersHtml } from '../../src/security/answers.ts'
import { requireFresh, requireRole, requireUser, type SessionFacts } from '../../src/security/guards.ts'
import { serve } from '../serve.ts'

// the older Express has no types of its own under this name
const express4 = createRequire(import.meta.url)('express4') as typeof express
const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

/** Says of each request what its headers say, in place of the middleware. */
const sessions = {
  describe(req: { headers: Record<string, unknown> }): SessionFacts | undefined {
    const user = req.headers['x-user'] as string | undefined
    if (user === undefined) return undefined
    const age = req.headers['x-age'] as string | undefined
    return { userId: user === 'guest' ? undefined : user, signedInAt: age === undefined ? undefined : Date.now() - Number(age) }
  }
}

describe('prefersHtml', () => {
  const rows: readonly [string | undefined, boolean][] = [
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['application/json', false],
    ['text/html', true],
    [HTML, true],
    ['text/html;q=0.5, application/json', false],
    ['application/json, text/html', false],
    ['text/html, application/json', true],
    ['text/*', true],
    ['text/html;q=0, */*', false],
    ['application/json;q=0.1, */*', true],
    ['TEXT/HTML', true],
    ['text/html;q=x', false]
  ]
  for (const [accept, expected] of rows) it(`${accept}: ${expected}`, () => assert.equal(prefersHtml(accept), expected))
})

for (const [version, make] of [
  ['5', express],
  ['4', express4]
] as const) {
  describe(`guards under Express ${version}`, () => {
    it('requireUser lets users through and asks others to sign in', async () => {
      const app = make()
      app.use(requireUser({ sessions }), (_req, res) => {
        res.json({ in: true })
      })
      await using server = await serve(app)
      assert.deepEqual((await server.ask('GET', '/', { 'x-user': 'ann' })).json, { in: true })
      for (const headers of [{}, { 'x-user': 'guest' }]) {
        const refused = await server.ask('GET', '/', headers)
        assert.equal(refused.status, 401)
        assert.deepEqual(refused.json, { error: 'Authentication required', code: 'authentication-required' })
      }
      assert.equal((await server.ask('GET', '/', { accept: HTML })).status, 401)
    })

    it('sends pages to the sign-in page, and says where to go back to', async () => {
      const app = make()
      app.use('/shop', requireUser({ sessions, loginPath: '/login' }))
      await using server = await serve(app)
      const page = await server.ask('GET', '/shop/orders?page=2', { accept: HTML })
      assert.equal(page.status, 303)
      assert.equal(page.headers.location, '/login?next=%2Fshop%2Forders%3Fpage%3D2')
      assert.equal((await server.ask('GET', '/shop/orders')).status, 401)
      assert.equal(
        (await server.ask('GET', '/shop//evil.example', { accept: HTML })).headers.location,
        '/login?next=%2Fshop%2F%2Fevil.example'
      )
    })

    it('after a form, leads back to the page that it stood on', async () => {
      const app = make()
      app.use(requireUser({ sessions, loginPath: '/login' }))
      await using server = await serve(app)
      const from = async (referer: string) => (await server.ask('POST', '/account/close', { accept: HTML, referer })).headers.location
      assert.equal(await from(`http://127.0.0.1:${server.port}/account?tab=1`), '/login?next=%2Faccount%3Ftab%3D1')
      assert.equal(await from('http://evil.example/account'), '/login?next=%2F')
      assert.equal(await from('nonsense'), '/login?next=%2F')
    })

    it('requireRole reads the role afresh', async () => {
      const roles = new Map<string, string | readonly string[]>([
        ['ann', 'admin'],
        ['bob', 'user'],
        ['cy', ['user', 'admin']]
      ])
      const app = make()
      app.use(requireRole('admin', { sessions, roleOf: async (userId) => roles.get(userId) }), (_req, res) => {
        res.json({ in: true })
      })
      await using server = await serve(app)
      const ask = (user: string) => server.ask('GET', '/', { 'x-user': user, accept: HTML })
      assert.equal((await ask('ann')).status, 200)
      assert.equal((await ask('cy')).status, 200)
      assert.equal((await ask('guest')).status, 401)
      for (const user of ['bob', 'nobody']) {
        const refused = await ask(user)
        assert.equal(refused.status, 403)
        assert.deepEqual(refused.json, { error: 'Admin access required', code: 'forbidden' })
      }
      roles.set('ann', 'user')
      assert.equal((await ask('ann')).status, 403)
    })

    it('a role that cannot be read lets nobody through', async () => {
      const app = make()
      app.use(
        requireRole('admin', {
          sessions,
          roleOf: () => {
            throw new Error('database down')
          }
        }),
        (_req, res) => {
          res.json({ in: true })
        }
      )
      app.use(((_error, _req, res, _next) => {
        res.status(500).end('failed')
      }) as express.ErrorRequestHandler)
      await using server = await serve(app)
      assert.equal((await server.ask('GET', '/', { 'x-user': 'ann' })).text, 'failed')
    })

    it('requireFresh asks for a recent sign-in', async () => {
      const app = make()
      app.use(requireFresh('15m', { sessions }), (_req, res) => {
        res.json({ in: true })
      })
      await using server = await serve(app)
      const ask = (headers: Record<string, string>) => server.ask('POST', '/', headers)
      assert.equal((await ask({ 'x-user': 'ann', 'x-age': String(14 * 60_000) })).status, 200)
      for (const headers of [{ 'x-user': 'ann', 'x-age': String(16 * 60_000) }, { 'x-user': 'ann' }]) {
        const refused = await ask(headers)
        assert.equal(refused.status, 401)
        assert.deepEqual(refused.json, { error: 'Please sign in again', code: 'reauthentication-required' })
      }
      assert.deepEqual((await ask({})).json, { error: 'Authentication required', code: 'authentication-required' })
    })

    it('hands the refusal to the app where it wants to answer', async () => {
      const app = make()
      app.use(
        requireRole('admin', {
          sessions,
          roleOf: () => 'user',
          onRefused: (_req, res: express.Response, _next, refusal) => {
            res.status(refusal.status).send(`<h1>${refusal.error}</h1>`)
          }
        })
      )
      await using server = await serve(app)
      assert.equal((await server.ask('GET', '/', { 'x-user': 'ann' })).text, '<h1>Admin access required</h1>')
    })
  })
}

describe('guards without a manager', () => {
  it('go by the userId of the session, or by passport', async () => {
    const app = express()
    app.use((req, _res, next) => {
      const given = req.headers['x-session']
      if (typeof given === 'string') Object.assign(req, { session: JSON.parse(given) })
      next()
    })
    app.use(requireUser(), (_req, res) => {
      res.json({ in: true })
    })
    await using server = await serve(app)
    const status = async (session: unknown) => (await server.ask('GET', '/', { 'x-session': JSON.stringify(session) })).status
    assert.equal(await status({ userId: 0 }), 200)
    assert.equal(await status({ passport: { user: 'ann' } }), 200)
    assert.equal(await status({}), 401)
    assert.equal(await status({ userId: null }), 401)
    assert.equal(await status({ userId: true }), 401)
    assert.equal((await server.ask('GET', '/')).status, 401)
  })

  it('mistakes are told at set-up', () => {
    const bad = (call: () => unknown) => assert.throws(call, (error) => isSessionError(error) && error.code === 'bad-option')
    bad(() => requireFresh('15m'))
    bad(() => requireFresh('soon', { sessions }))
    bad(() => requireRole('admin', {} as never))
    bad(() => requireUser({ login: '/login' } as object))
  })
})
