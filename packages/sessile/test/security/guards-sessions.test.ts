import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import express from 'express'
import { session } from '../../src/express/factory.ts'
import { crossSite } from '../../src/security/cross-site.ts'
import { requireFresh, requireRole, requireUser } from '../../src/security/guards.ts'
import { secure } from '../../src/security/presets.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { serve } from '../serve.ts'

const MINUTE = 60_000

describe('guards of real sessions', () => {
  afterEach(() => mock.timers.reset())

  it('follow sign-in, confirmation, a lost role, and the end of a session (item 54)', async () => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const start = Date.now()
    const sessions = session({
      ...secure('web', { production: false }),
      secret: 'a secret of more than 32 characters',
      store: memoryStore()
    })
    let role = 'admin'
    const app = express()
    app.use(crossSite(), sessions)
    app.post('/login', async (req, res) => {
      await (req as unknown as { session: { signIn(user: number): Promise<void> } }).session.signIn(7)
      res.json({})
    })
    app.post('/confirm', async (req, res) => {
      await sessions.confirm(req)
      res.json({})
    })
    app.get('/account', requireUser({ sessions }), (_req, res) => {
      res.json({})
    })
    app.get('/admin', requireRole('admin', { sessions, roleOf: async (userId) => (userId === '7' ? role : undefined) }), (_req, res) => {
      res.json({})
    })
    app.post('/close', requireFresh('15m', { sessions }), (_req, res) => {
      res.json({})
    })
    await using server = await serve(app)
    let cookie = ''
    const ask = async (method: string, path: string): Promise<number | string> => {
      const answer = await server.ask(method, path, { cookie })
      for (const one of answer.headers['set-cookie'] ?? []) cookie = one.split(';')[0]!
      return answer.status === 401 || answer.status === 403 ? (answer.json as { code: string }).code : answer.status
    }
    assert.equal(await ask('GET', '/account'), 'authentication-required')
    assert.equal(await ask('POST', '/close'), 'authentication-required')
    await ask('POST', '/login')
    assert.equal(await ask('GET', '/account'), 200)
    assert.equal(await ask('GET', '/admin'), 200)
    role = 'user'
    assert.equal(await ask('GET', '/admin'), 'forbidden')
    mock.timers.setTime(start + 15 * MINUTE)
    assert.equal(await ask('POST', '/close'), 200)
    mock.timers.setTime(start + 16 * MINUTE)
    assert.equal(await ask('POST', '/close'), 'reauthentication-required')
    assert.equal(await ask('POST', '/confirm'), 200)
    assert.equal(await ask('POST', '/close'), 200)
    await sessions.revokeAll(7)
    assert.equal(await ask('GET', '/account'), 'authentication-required')
    assert.equal((await server.ask('POST', '/login', { 'sec-fetch-site': 'cross-site' })).headers['set-cookie'], undefined)
    await sessions.close()
  })
})
