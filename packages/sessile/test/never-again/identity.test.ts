import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { describe } from 'node:test'
import { newId } from '../../src/core/ids.ts'
import { session } from '../../src/express/factory.ts'
import { requireUser } from '../../src/security/guards.ts'
import { cookieFor, idOf, listen, onEachStore, SECRET, send, storeOf, world, type AppRequest } from '../security/world.ts'

const express4 = createRequire(import.meta.url)('express4')

describe('never again: whose a session is', () => {
  onEachStore('CVE-2022-25896 (passport): signing in and out changes the id, and the one before is dead', async (kind, t) => {
    const { browser, ask } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/set?name=cart&value=1')
    const planted = visitor.cookie!
    await visitor.post('/login?user=7')
    const signedIn = visitor.cookie!
    assert.notEqual(idOf(signedIn), idOf(planted))
    assert.deepEqual((await ask('/read', { cookie: planted })).json().data, {}, 'who planted it has nothing')
    await visitor.post('/logout')
    assert.equal(visitor.cookie, undefined, 'the cookie is cleared')
    assert.equal((await ask('/read', { cookie: signedIn })).json().userId, null)
  })

  onEachStore(
    'CVE-2023-29019 (@fastify/passport), CVE-2021-41246 (express-openid-connect): so it is in Express 5, Express 4 and plain Node',
    async (kind, t) => {
      for (const make of [undefined, express4]) {
        // express 4 as express 5, but for what the types say of it
        const { browser, ask } = await world(t, { kind, ...(make ? { express: make as never } : {}) })
        const visitor = browser()
        await visitor.post('/set?name=cart&value=1')
        const planted = visitor.cookie!
        await visitor.post('/login?user=7')
        assert.notEqual(idOf(visitor.cookie), idOf(planted))
        assert.equal((await ask('/read', { cookie: planted })).json().userId, null)
        assert.deepEqual((await visitor.get('/read')).json().data, { cart: '1', userId: '7' })
      }
      const sessions = session({ secret: SECRET, name: 'visit', resave: false, saveUninitialized: false, store: storeOf(t, kind).backend })
      const bare = createServer((req, res) =>
        sessions(req, res, async () => {
          const { session } = req as unknown as AppRequest
          if (req.url === '/set') session['cart'] = 1
          if (req.url === '/login') await session.signIn(7)
          res.end(JSON.stringify({ userId: session['userId'] ?? null }))
        })
      )
      const { port } = await listen(t, (req, res) => void bare.emit('request', req, res))
      const planted = (await send(port, '/set')).cookie!
      const { cookie } = await send(port, '/login', { cookie: planted })
      assert.notEqual(idOf(cookie), idOf(planted))
      assert.equal((await send(port, '/', { cookie: planted })).json().userId, null)
      assert.equal((await send(port, '/', { cookie })).json().userId, 7)
      await sessions.close()
    }
  )

  onEachStore('CVE-2023-29019 (@fastify/passport): as glue does it, with regenerate and save, the id changes too', async (kind, t) => {
    const { browser, ask, app } = await world(t, { kind })
    app.post('/passport', async (req, res) => {
      const before = (req as unknown as AppRequest).session
      await before.regenerate()
      const { session } = req as unknown as AppRequest
      session['passport'] = { user: '7' }
      await session.save()
      res.json({})
    })
    const visitor = browser()
    await visitor.post('/set?name=cart&value=1')
    const planted = visitor.cookie!
    await visitor.post('/passport')
    assert.notEqual(idOf(visitor.cookie), idOf(planted))
    assert.equal((await ask('/read', { cookie: planted })).json().userId, null)
    assert.equal((await visitor.get('/read')).json().userId, '7')
  })

  onEachStore('jaredhanson/passport#904: signing in keeps the cart, and what another user left is not kept', async (kind, t) => {
    const { browser } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/set?name=cart&value=1')
    await visitor.post('/login?user=7')
    assert.deepEqual((await visitor.get('/read')).json().data, { cart: '1', userId: '7' })
    await visitor.post('/login?user=8')
    assert.deepEqual((await visitor.get('/read')).json().data, { userId: '8' })
  })

  onEachStore('CVE-2024-38513 (gofiber): an id that we did not issue is not adopted, signed or not', async (kind, t) => {
    const { browser, ask, stored } = await world(t, { kind })
    const ended = browser()
    await ended.post('/set?name=cart&value=1')
    const old = idOf(ended.cookie)
    await ended.post('/destroy')
    for (const id of [newId(), 'chosen', old, '0', 'x'.repeat(500), '../../etc/passwd', '__proto__']) {
      const reply = await ask('/set?name=cart&value=2', { method: 'POST', cookie: cookieFor(id) })
      assert.ok(reply.cookie, id)
      assert.notEqual(idOf(reply.cookie), id)
      assert.deepEqual((await ask('/read', { cookie: cookieFor(id) })).json().data, {}, id)
      assert.equal(
        (await stored()).some(({ key }) => key === id),
        false
      )
    }
  })

  onEachStore(
    'CVE-2019-17563, CVE-2013-2067 (Tomcat): while somebody signs in, the id from before never shows the user',
    async (kind, t) => {
      const { ask } = await world(t, { kind })
      for (let round = 0; round < 60; round++) {
        const { cookie } = await ask('/set?name=cart&value=1', { method: 'POST' })
        const reading = () => ask('/read', { cookie })
        const [, signedIn, ...rest] = await Promise.all([
          reading(),
          ask('/login?user=7', { method: 'POST', cookie }),
          reading(),
          reading(),
          ask('/count', { method: 'POST', cookie }),
          reading()
        ])
        for (const one of rest) if (one.status === 200 && one.text !== '{}') assert.equal(one.json().userId, null)
        assert.equal((await reading()).json().userId, null)
        const { data, userId } = (await ask('/read', { cookie: signedIn.cookie })).json()
        assert.deepEqual([userId, data.cart], ['7', '1'])
      }
    }
  )

  onEachStore('CVE-2025-55668 (Tomcat): an id in the address, the body or another header is no session', async (kind, t) => {
    const { browser, ask } = await world(t, { kind })
    const visitor = browser()
    await visitor.post('/login?user=7')
    const cookie = visitor.cookie!
    const value = cookie.slice(cookie.indexOf('=') + 1)
    const id = idOf(cookie)
    for (const path of [
      `/read?visit=${value}`,
      `/read?sid=${id}`,
      `/read?sessionID=${id}`,
      `/read;jsessionid=${id}`,
      `/read;visit=${value}?visit=${value}`
    ]) {
      const reply = await ask(path)
      if (reply.status === 200) assert.equal(reply.json().userId, null, path)
      else assert.equal(reply.status, 404)
    }
    for (const name of ['X-Session-Id', 'Authorization', 'X-Session', 'Cookie2', 'visit', 'Set-Cookie', 'Referer']) {
      for (const given of [value, cookie, `Bearer ${id}`])
        assert.equal((await ask('/read', { headers: { [name]: given } })).json().userId, null, name)
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    await ask('/set?name=whose&value=none', { method: 'POST', headers: form, body: `visit=${value}&sid=${id}` })
    assert.equal((await visitor.get('/read')).json().data.whose, undefined)
  })

  onEachStore('CVE-2024-7341 (Keycloak): no option keeps the id at the sign-in', async (kind, t) => {
    const tries = [
      { keepSessionId: true },
      { regenerate: false },
      { changeSessionId: false },
      { turnOffChangeSessionIdOnLogin: true },
      { genid: () => 'always the same' }
    ]
    for (const given of tries) {
      const { browser, ask, stored } = await world(t, { kind, ...(given as object) })
      const visitor = browser()
      await visitor.post('/set?name=cart&value=1')
      const before = visitor.cookie!
      const reply = await visitor.post('/login?user=7')
      if ('genid' in given) {
        assert.equal(reply.status, 500, 'a genid that gives the same id twice signs nobody in')
        assert.equal((await ask('/read', { cookie: before })).json().userId, null)
        assert.equal(
          (await stored()).some(({ userId }) => userId !== undefined),
          false
        )
      } else {
        assert.notEqual(idOf(visitor.cookie), idOf(before))
      }
    }
  })

  onEachStore(
    'GHSA-xg6x-h9c9-2m83 (better-auth): who has shown one of two factors is nobody, whatever is remembered of the cookie',
    async (kind, t) => {
      const { browser, app, sessions } = await world(t, { kind })
      app.get('/account', requireUser({ sessions }), (_req, res) => void res.json({}))
      const visitor = browser()
      await visitor.post('/set?name=pendingUserId&value=7')
      await visitor.get('/read')
      assert.equal((await visitor.get('/account')).status, 401)
      await visitor.post('/login?user=7')
      assert.equal((await visitor.get('/account')).status, 200)
      // the cookie was verified a moment ago and is remembered; the session is asked for at each request all the same
      await sessions.revokeAll(7)
      assert.equal((await visitor.get('/account')).status, 401)
    }
  )
})
