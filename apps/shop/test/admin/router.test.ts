import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { ADMIN, type Client, startShop, type TestShop } from '../helpers.ts'

let shop: TestShop
let admin: Client
before(async () => {
  shop = await startShop()
  admin = await shop.signedIn(ADMIN)
})
after(() => shop.close())

async function allSessions(query: string): Promise<any[]> {
  const found: any[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const { status, json } = await admin.get(`/admin/sessions?${query}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    assert.equal(status, 200)
    found.push(...json.sessions)
    cursor = json.nextCursor
  }
  return found
}

describe('the administration', () => {
  it('is 401 for visitors and 403 for users, whatever the method', async () => {
    const user = await shop.signedIn()
    const requests: [string, string][] = [
      ['GET', '/admin'],
      ['POST', '/admin'],
      ['GET', '/admin/sessions'],
      ['PUT', '/admin/sessions'],
      ['DELETE', '/admin/sessions/x'],
      ['GET', '/admin/sessions/x'],
      ['GET', '/metrics']
    ]
    for (const [method, path] of requests) {
      const visitor = await shop.client().send(method, path)
      assert.deepEqual([visitor.status, visitor.json.error], [401, 'Authentication required'], `${method} ${path}`)
      assert.equal(visitor.headers.getSetCookie().length, 0)
      const refused = await user.send(method, path)
      assert.deepEqual([refused.status, refused.json.error], [403, 'Admin access required'], `${method} ${path}`)
    }
  })

  it('is closed at once to who is no administrator any more', async () => {
    const other = await shop.signedIn(ADMIN)
    await shop.db.updateTable('users').set({ role: 'user' }).where('id', '=', 1).execute()
    assert.equal((await other.get('/admin')).status, 403)
    await shop.db.updateTable('users').set({ role: 'admin' }).where('id', '=', 1).execute()
    assert.equal((await other.get('/admin')).status, 200)
    await other.post('/logout')
  })
})

describe('GET /admin', () => {
  it('counts users, users with a live session, and live sessions', async () => {
    const before = (await admin.get('/admin')).json
    assert.equal(before.message, 'Admin panel access granted')
    assert.deepEqual(before.user, { id: 1, username: 'admin', email: 'admin@example.com', role: 'admin' })
    const guest = shop.client()
    await guest.get('/')
    const [one, other] = [await shop.signedIn(), await shop.signedIn()]
    const { adminData } = (await admin.get('/admin')).json
    assert.equal(adminData.totalUsers, 2)
    assert.equal(adminData.activeUsers, 2)
    assert.equal(adminData.activeSessions, before.adminData.activeSessions + 3)
    await Promise.all([one.post('/logout'), other.post('/logout')])
    assert.equal((await admin.get('/admin')).json.adminData.activeSessions, before.adminData.activeSessions + 1)
  })
})

describe('GET /admin/sessions', () => {
  it('pages through all of them, each once', async () => {
    await Promise.all(Array.from({ length: 25 }, () => shop.client().get('/')))
    const { activeSessions } = (await admin.get('/admin/sessions')).json
    const all = await allSessions('limit=7')
    assert.equal(all.length, activeSessions)
    assert.equal(new Set(all.map(({ sessionId }) => sessionId)).size, activeSessions)
    const first = (await admin.get('/admin/sessions?limit=7')).json.sessions
    assert.ok(first.length <= 7)
    for (const row of all) {
      assert.deepEqual(Object.keys(row).sort(), ['duration', 'lastActivity', 'pages', 'sessionId', 'userId'])
      assert.ok(row.duration >= 0 && row.duration < 60_000)
      assert.match(row.lastActivity, /Z$/)
    }
  })

  it("shows one user's alone", async () => {
    const [one, other] = [await shop.signedIn(), await shop.signedIn()]
    await one.get('/products')
    const own = await allSessions('userId=2&limit=1')
    assert.ok(own.length >= 2)
    assert.deepEqual([...new Set(own.map(({ userId }) => userId))], [2])
    const { sessionId } = (await one.get('/profile')).json.sessionInfo
    // what other processes counted is behind
    const pages = async () => (await allSessions('userId=2')).find((row) => row.sessionId === sessionId).pages
    for (let tries = 0; (await pages()) < 3; tries++) {
      assert.ok(tries < 100)
      await wait(100)
    }
    assert.deepEqual((await admin.get('/admin/sessions?userId=12345')).json.sessions, [])
    await Promise.all([one.post('/logout'), other.post('/logout')])
  })

  it('refuses what is no limit, user or cursor', async () => {
    for (const [query, path] of [
      ['limit=0', 'limit'],
      ['limit=501', 'limit'],
      ['limit=-1', 'limit'],
      ['limit=ten', 'limit'],
      ['limit=1&limit=2', 'limit'],
      ['limit=', 'limit'],
      ['userId=abc', 'userId'],
      ['userId=', 'userId'],
      ['userId=-1', 'userId'],
      ['cursor=', 'cursor'],
      ['cursor=nonsense', 'cursor'],
      [`cursor=${'x'.repeat(2000)}`, 'cursor']
    ] as const) {
      const { status, json } = await admin.get(`/admin/sessions?${query}`)
      assert.equal(status, 400, query)
      assert.equal(json.error, 'Invalid request')
      assert.equal(json.details[0].path, path)
    }
  })
})

describe('DELETE /admin/sessions/:sessionId', () => {
  it('ends it at once', async () => {
    const user = await shop.signedIn()
    const { sessionId } = (await user.get('/profile')).json.sessionInfo
    const { status, json } = await admin.delete(`/admin/sessions/${sessionId}`)
    assert.equal(status, 200)
    assert.deepEqual(json, { message: 'Session revoked' })
    assert.equal((await user.get('/profile')).status, 401)
    const again = await admin.delete(`/admin/sessions/${sessionId}`)
    assert.deepEqual([again.status, again.json], [404, { error: 'Session not found', code: 'session-not-found' }])
    assert.equal((await admin.delete('/admin/sessions/nonsense')).status, 404)
  })

  it('asks for a fresh sign-in', async () => {
    const guest = shop.client()
    const { sessionId } = (await guest.get('/')).json
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 16 * 60_000 })
    try {
      assert.equal((await admin.get('/admin')).status, 200)
      const { status, json } = await admin.delete(`/admin/sessions/${sessionId}`)
      assert.deepEqual([status, json.code], [401, 'reauthentication-required'])
    } finally {
      mock.timers.reset()
    }
  })
})

describe('GET /metrics', () => {
  it('is Prometheus text for the admin, with no user, id or path in it', async () => {
    const { status, headers, text } = await admin.get('/metrics')
    assert.equal(status, 200)
    assert.match(headers.get('content-type')!, /^text\/plain/)
    assert.match(text, /^sessile_sessions_active \d+$/m)
    assert.match(text, /^shop_request_duration_seconds_count\{method="GET",route="\/admin",status="200"\} \d+$/m)
  })
})
