import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Express, Request } from 'express'
import type { SessionMiddleware } from '../../src/express/factory.ts'
import { crossSite } from '../../src/security/cross-site.ts'
import { loginThrottle } from '../../src/security/throttle.ts'
import { onEachStore, SECRET, world } from '../security/world.ts'

/** A route that tries a password, which is always wrong. */
function guessing(app: Express, sessions: SessionMiddleware, limit: { pair?: number; address?: number }): { tried: number } {
  const counted = { tried: 0 }
  const of = (points: number | undefined) => ({ points: points ?? 1_000_000, duration: '15m' })
  const throttle = loginThrottle({
    backend: sessions.backend,
    secret: SECRET,
    pair: of(limit.pair),
    address: of(limit.address),
    account: of(undefined)
  })
  app.set('trust proxy', 'loopback')
  app.post('/guess', async (req: Request, res) => {
    const attempt = await throttle.attempt({ account: String(req.query['account']), address: req.ip })
    if (attempt.allowed) counted.tried++
    res.status(attempt.allowed ? 401 : 429).json({})
  })
  return counted
}

describe('never again: guessing', () => {
  onEachStore('CVE-2026-45364 (better-auth): a network is one address, however it is spelled', async (kind, t) => {
    let counted!: { tried: number }
    const { ask } = await world(t, {
      kind,
      prepare: (app, sessions) => {
        counted = guessing(app, sessions, { address: 20 })
      }
    })
    const statuses: number[] = []
    const from = async (address: string, n: number) => {
      statuses.push((await ask(`/guess?account=a${n}`, { method: 'POST', headers: { 'x-forwarded-for': address } })).status)
    }
    for (let n = 0; n < 1000; n++) await from(`2001:db8:0:1:${n.toString(16)}::${(n * 7).toString(16)}`, n)
    for (const spelling of ['2001:DB8::1:0:0:0:1', '2001:0db8:0000:0001::9', '2001:db8:0:1:ffff:ffff:ffff:ffff']) await from(spelling, 2000)
    assert.equal(counted.tried, 20)
    assert.ok(statuses.slice(20).every((status) => status === 429))
    for (let n = 0; n < 30; n++) await from(n % 2 ? '203.0.113.9' : '::ffff:203.0.113.9', 3000 + n)
    assert.equal(counted.tried, 40, 'mapped and plain are one')
    await from('2001:db8:0:2::1', 4000)
    assert.equal(counted.tried, 41, 'the next network is another one')
  })

  onEachStore('CVE-2019-5421 (devise): of guesses sent at once, no more are tried than the limit says', async (kind, t) => {
    let counted!: { tried: number }
    const { ask } = await world(t, {
      kind,
      prepare: (app, sessions) => {
        counted = guessing(app, sessions, { pair: 5 })
      }
    })
    await Promise.all(
      Array.from({ length: 500 }, () => ask('/guess?account=admin', { method: 'POST', headers: { 'x-forwarded-for': '203.0.113.9' } }))
    )
    assert.equal(counted.tried, 5)
  })
})

it('CVE-2026-22030 (React Router), CVE-2023-29003 (SvelteKit): one gate for all methods, content types and kinds of request', async (t) => {
  let reached = 0
  const { ask, app, port, stored } = await world(t, { prepare: (app) => app.use(crossSite()) })
  app.all('/change', (req, res) => {
    reached++
    ;(req as any).session.changed = true
    res.json({})
  })
  const own = `http://127.0.0.1:${port}`
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: own },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1' },
    { 'sec-fetch-site': 'SAME-ORIGIN' },
    { 'sec-fetch-site': '' },
    { 'sec-fetch-site': 'same-origin, cross-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: `${own}.evil.example` },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: `${own}, https://evil.example` },
    { origin: `https://evil.example/${own}` },
    { origin: 'http://evil.example', host: `127.0.0.1:${port}` }
  ]
  const types = [
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json',
    'Text/Plain; charset=x',
    'a/b'
  ]
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'LINK']) {
    for (const type of types) {
      for (const headers of foreign) {
        const reply = await ask('/change', { method, headers: { ...headers, ...(type ? { 'content-type': type } : {}) } })
        assert.deepEqual([reply.status, reply.cookies], [403, []], `${method} ${type} ${JSON.stringify(headers)}`)
      }
    }
  }
  assert.equal(reached, 0)
  assert.deepEqual(await stored(), [])
  const ours: Record<string, string>[] = [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: own }, {}]
  for (const headers of ours) {
    assert.equal((await ask('/change', { method: 'POST', headers })).status, 200, JSON.stringify(headers))
  }
})
