import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { BROWSER_ACCEPT, startShop, type TestShop } from '../helpers.ts'
import { storesOfRun } from '../stores-of-run.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

describe('GET /', () => {
  it('counts the views of a session, for programs', async () => {
    const client = shop.client()
    for (let views = 1; views <= 3; views++) {
      const { status, json } = await client.get('/')
      assert.equal(status, 200)
      assert.deepEqual({ ...json, sessionId: '' }, { message: 'Session demo', views, sessionId: '' })
    }
    for (const accept of ['application/json', '*/*', 'text/html;q=0.5, application/json']) {
      assert.equal((await shop.client().get('/', { accept })).json.views, 1, accept)
    }
    assert.equal((await shop.client().get('/', { accept: BROWSER_ACCEPT })).json, undefined)
  })

  it('loses none of 50 at once', async () => {
    const client = shop.client()
    await client.get('/')
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.copy().get('/')))
    assert.deepEqual(
      answers.map(({ json }) => json.views).sort((a, b) => a - b),
      Array.from({ length: 50 }, (_, i) => i + 2)
    )
    assert.equal((await client.get('/')).json.views, 52)
  })

  it('names the session by a handle that is no cookie', async () => {
    const client = shop.client()
    const [first, second] = [await client.get('/'), await client.get('/')]
    assert.equal(first.json.sessionId, second.json.sessionId)
    assert.ok(!decodeURIComponent(client.cookies.get('sessionId')!).includes(first.json.sessionId))
    assert.match(first.headers.get('set-cookie')!, /^sessionId=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/)
  })
})

describe('GET /session-info', () => {
  it('says that there is no session, and begins none', async () => {
    const client = shop.client()
    const { status, json } = await client.get('/session-info')
    assert.equal(status, 200)
    assert.equal(json.sessionId, null)
    assert.equal(json.sessionData, null)
    assert.equal(json.isAuthenticated, false)
    assert.equal(client.cookies.size, 0)
  })

  it('tells what was noted, counting the requests of the session and this one', async () => {
    const client = shop.client({ headers: { 'user-agent': 'curl/8.5' } })
    const { sessionId } = (await client.get('/')).json
    await client.get('/products')
    const { json } = await client.get('/session-info')
    assert.equal(json.sessionId, sessionId)
    assert.equal(json.isAuthenticated, false)
    const { lastActivity, ip, ...rest } = json.sessionData
    // with several processes the requests of the others are counted a little later
    const exact = storesOfRun.processes === 1
    assert.deepEqual(rest, { userId: null, userAgent: 'curl/8.5', pages: exact ? 3 : rest.pages })
    assert.match(ip, /127\.0\.0\.1$/)
    assert.ok(Math.abs(Date.now() - Date.parse(lastActivity)) < 5_000)
    assert.equal(json.cookie.value, undefined)
    assert.equal(json.cookie.originalMaxAge, 7 * 86_400_000)
    for (let asked = 4; ; asked++) {
      const { pages } = (await client.get('/session-info')).json.sessionData
      assert.ok(pages <= asked)
      if (pages === asked) break
      assert.ok(!exact)
      await wait(1_000)
    }
  })

  it('knows who signed in, and goes on counting under the new id', async () => {
    const client = await shop.signedIn()
    const { json } = await client.get('/session-info')
    assert.equal(json.isAuthenticated, true)
    assert.equal(json.sessionData.userId, 2)
    assert.equal(json.cookie.originalMaxAge, 30 * 60_000)
  })
})

describe('whoever only reads', () => {
  it('gets no cookie', async () => {
    for (const path of ['/products', '/cart', '/session-info', '/healthz', '/readyz', '/profile', '/orders', '/nowhere']) {
      const { headers } = await shop.client().get(path)
      assert.equal(headers.getSetCookie().length, 0, path)
    }
  })
})

describe('health', () => {
  it('is ok while the stores answer', async () => {
    for (const path of ['/healthz', '/readyz']) {
      const { status, json } = await shop.client().get(path)
      assert.deepEqual([status, json], [200, { status: 'ok' }])
    }
  })

  it('is not ready without its database, and lives all the same', async () => {
    await using broken = await startShop()
    await broken.db.schema.alterTable('products').renameTo('elsewhere').execute()
    const { status, json } = await broken.client().get('/readyz')
    assert.deepEqual([status, json.code, json.details[0].store], [503, 'not-ready', 'database'])
    assert.equal((await broken.client().get('/healthz')).status, 200)
  })
})
