import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { csrf, csrfToken } from '../../src/security/csrf.ts'
import { loginThrottle } from '../../src/security/throttle.ts'
import { onEachStore, SECRET, world } from '../security/world.ts'

describe('never again: what is made for one purpose', () => {
  onEachStore('CVE-2023-48309 (next-auth): no form token, handle, device or stored key is taken for a session', async (kind, t) => {
    const { browser, ask, stored, backend } = await world(t, {
      kind,
      hashIds: true,
      prepare: (app, sessions) => {
        app.get('/form', sessions, csrf({ secret: SECRET }), (req, res) => void res.json({ token: csrfToken(req) }))
      }
    })
    const member = browser()
    await member.post('/login?user=7')
    const { token } = (await member.get('/form')).json()
    const { handle } = (await member.get('/read')).json()
    const attempt = await loginThrottle({ backend, secret: SECRET }).attempt({ account: '7', address: '203.0.113.7' })
    assert.ok(attempt.allowed)
    const { device } = await attempt.succeeded()
    const keys = (await stored()).map(({ key }) => key)
    for (const value of [token, handle, device, ...keys]) {
      for (const form of [
        value,
        `s:${value}`,
        `${value}.${value}`,
        `s:${value.slice(0, 21)}.${value.slice(21)}`,
        `s:${value.slice(0, -43)}.${value.slice(-43)}`
      ]) {
        assert.equal((await ask('/read', { cookie: `visit=${encodeURIComponent(form)}` })).json().userId, null)
      }
    }
    assert.equal((await member.get('/read')).json().userId, '7')
  })
})
