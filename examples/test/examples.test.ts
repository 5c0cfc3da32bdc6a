import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { serverFor } from '@sessile/test-servers'
import { browser, freePort, runToEnd, start } from './running.ts'

/** Two starts of an example on one store: the second goes on where the first has ended. */
async function countsOverRestart(file: string, env: Record<string, string>): Promise<void> {
  let headers: Record<string, string> = {}
  for (const views of [1, 2]) {
    await using example = await start(file, env)
    const visitor = browser(example.url)
    assert.equal((await visitor.send('GET', '/', undefined, headers)).json.views, views)
    headers = { cookie: visitor.cookie() }
  }
}

describe('the examples', () => {
  it('are seven, each in one file of less than 80 lines, on the package alone', () => {
    const folder = join(dirname(fileURLToPath(import.meta.url)), '..')
    const files = readdirSync(folder).filter((file) => /^\d-.*\.ts$/.test(file))
    assert.equal(files.length, 7)
    for (const file of files) {
      const text = readFileSync(join(folder, file), 'utf8')
      assert.ok(text.trimEnd().split('\n').length < 80, `${file} is too long`)
      assert.match(text, /^import session from 'sessile'$/m, file)
    }
  })
})

describe('1 basic', () => {
  it('counts every view of a visitor, also of requests at once, and shows no id', async () => {
    await using example = await start('1-basic.ts')
    const visitor = browser(example.url)
    const first = await visitor.send('GET', '/')
    assert.deepEqual({ ...first.json, sessionId: '' }, { message: 'Session demo', views: 1, sessionId: '' })
    assert.match(first.setCookie, /^connect\.sid=.*HttpOnly/)
    const views = await Promise.all(Array.from({ length: 20 }, async () => (await visitor.send('GET', '/')).json.views))
    assert.deepEqual(
      views.sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 2)
    )
    assert.ok(!decodeURIComponent(visitor.cookie()).includes(first.json.sessionId))
  })
})

describe('2 production', () => {
  it('keeps sessions in MongoDB, over a restart', async (t) => {
    const mongo = await serverFor(t, 'mongo')
    if (mongo) await countsOverRestart('2-production.ts', { MONGODB_URI: mongo.url })
  })

  it('says what to do when there is no MongoDB, and keeps the password to itself', async () => {
    const address = `127.0.0.1:${await freePort()}`
    const { code, output } = await runToEnd('2-production.ts', { MONGODB_URI: `mongodb://me:my-password@${address}/sessions` })
    assert.equal(code, 1)
    assert.match(
      output,
      new RegExp(`^No MongoDB answers at mongodb://${address}/sessions \\(.*\\)\\. Start one there, or set MONGODB_URI\\.`)
    )
    assert.ok(!output.includes('my-password'))
  })

  it('takes no secret of a tutorial to production', async () => {
    const { code, output } = await runToEnd('2-production.ts', { NODE_ENV: 'production' })
    assert.equal(code, 1)
    assert.match(output, /^SESSION_SECRET is not set/)
  })
})

describe('3 redis', () => {
  it('keeps sessions in memory where no Redis is named', async () => {
    await using example = await start('3-redis.ts')
    const visitor = browser(example.url)
    assert.equal((await visitor.send('GET', '/')).json.views, 1)
    assert.equal((await visitor.send('GET', '/')).json.views, 2)
  })

  it('keeps sessions in Redis, over a restart', async (t) => {
    const redis = await serverFor(t, 'redis')
    if (!redis) return
    const { hostname, port, password } = new URL(redis.url)
    const env = { REDIS_HOST: hostname, REDIS_PORT: port, ...(password && { REDIS_PASSWORD: password }) }
    await countsOverRestart('3-redis.ts', env)
  })

  it('says what to do when there is no Redis', async () => {
    const port = String(await freePort())
    const { code, output } = await runToEnd('3-redis.ts', { REDIS_HOST: '127.0.0.1', REDIS_PORT: port })
    assert.equal(code, 1)
    assert.match(output, new RegExp(`^No Redis answers at 127\\.0\\.0\\.1:${port} \\(.*\\)\\. Start one, or unset REDIS_HOST\\.`))
  })
})

describe('4 auth', () => {
  it('signs in with a new id, shows the profile, signs out', async () => {
    await using example = await start('4-auth.ts')
    const visitor = browser(example.url)
    assert.deepEqual((await visitor.send('GET', '/profile')).json.error, 'Authentication required')
    assert.equal((await visitor.send('POST', '/login', { username: 'user', password: 'wrong' })).json.error, 'Invalid credentials')
    assert.equal((await visitor.send('POST', '/login', { username: 'nobody', password: 'wrong' })).json.error, 'Invalid credentials')
    const user = { id: 2, username: 'user', email: 'user@example.com', role: 'user' }
    assert.deepEqual((await visitor.send('POST', '/login', { username: 'user', password: 'userpass' })).json, {
      message: 'Login successful',
      user
    })
    const planted = visitor.cookie()
    const profile = await visitor.send('GET', '/profile')
    assert.deepEqual([profile.json.message, profile.json.user], ['Profile data', user])
    assert.equal(profile.json.sessionInfo.cookie.originalMaxAge, 86_400_000)
    assert.equal((await visitor.send('GET', '/admin')).json.error, 'Admin access required')

    await visitor.send('POST', '/login', { username: 'admin@example.com', password: 'password123' })
    assert.notEqual(visitor.cookie(), planted, 'signing in renews the id')
    assert.deepEqual((await visitor.send('GET', '/admin')).json.adminData, { totalUsers: 2, activeUsers: 1 })
    const signedIn = visitor.cookie()
    assert.deepEqual((await visitor.send('POST', '/logout')).json, { message: 'Logout successful' })
    assert.equal((await browser(example.url).send('GET', '/profile', undefined, { cookie: signedIn })).status, 401)
  })

  it('registers a name once, also for two at the same moment', async () => {
    await using example = await start('4-auth.ts')
    const eve = { username: 'eve', email: 'eve@example.com', password: 'a password of hers' }
    const answers = await Promise.all([1, 2].map(() => browser(example.url).send('POST', '/register', eve)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409])
    assert.equal((await browser(example.url).send('POST', '/register', { username: 'eve' })).status, 400)
    assert.equal((await browser(example.url).send('POST', '/login', { username: 'eve', password: eve.password })).status, 200)
  })
})

describe('5 cart', () => {
  it('adds, changes, removes, clears', async () => {
    await using example = await start('5-cart.ts')
    const visitor = browser(example.url)
    assert.deepEqual(await visitor.send('GET', '/cart').then(({ json, setCookie }) => [json, setCookie]), [
      { cart: { items: [], totalItems: 0, totalPrice: 0 } },
      ''
    ])
    const line = { productId: 2, name: 'Mouse', price: 29.99, quantity: 3 }
    const added = await visitor.send('POST', '/cart/add', { productId: 2, quantity: 3 })
    assert.deepEqual(added.json, { message: 'Item added to cart', cart: { items: [line], totalItems: 3, totalPrice: 89.97 } })
    assert.equal((await visitor.send('POST', '/cart/add', { productId: 9 })).json.error, 'Product not found')
    assert.equal((await visitor.send('POST', '/cart/add', { productId: 2, quantity: -1 })).json.error, 'Quantity must be positive')
    assert.equal((await visitor.send('POST', '/cart/add', { productId: 2, quantity: 48 })).json.error, 'Insufficient stock')
    assert.equal((await visitor.send('PUT', '/cart/update/2', { quantity: 5 })).json.cart.totalItems, 5)
    assert.equal((await visitor.send('PUT', '/cart/update/2', { quantity: 51 })).json.error, 'Insufficient stock')
    assert.equal((await visitor.send('PUT', '/cart/update/2', { quantity: 0 })).json.error, 'Quantity must be positive')
    assert.equal((await visitor.send('PUT', '/cart/update/3', { quantity: 1 })).json.error, 'Item not found in cart')
    assert.deepEqual((await visitor.send('DELETE', '/cart/remove/2')).json.cart.items, [])
    await visitor.send('POST', '/cart/add', { productId: 3 })
    assert.deepEqual((await visitor.send('DELETE', '/cart')).json, {
      message: 'Cart cleared',
      cart: { items: [], totalItems: 0, totalPrice: 0 }
    })
  })

  it('loses no click, orders once, and sells no more than there is', async () => {
    await using example = await start('5-cart.ts')
    const [one, other] = [browser(example.url), browser(example.url)]
    await one.send('POST', '/cart/add', { productId: 1 })
    await Promise.all(Array.from({ length: 9 }, () => one.send('POST', '/cart/add', { productId: 1 })))
    assert.equal((await one.send('GET', '/cart')).json.cart.totalItems, 10)
    await other.send('POST', '/cart/add', { productId: 1 })
    const orders = await Promise.all([1, 2, 3].map(() => one.send('POST', '/checkout')))
    assert.deepEqual(orders.map(({ status }) => status).sort(), [200, 400, 400])
    assert.equal(orders.find(({ status }) => status === 200)?.json.order.total, 9999.9)
    const refused = await other.send('POST', '/checkout')
    assert.deepEqual([refused.status, refused.json.error], [409, 'Insufficient stock'])
    assert.equal((await other.send('GET', '/cart')).json.cart.totalItems, 1, 'its cart is kept')
    assert.equal((await one.send('POST', '/checkout')).json.error, 'Cart is empty')
  })
})

describe('6 monitoring', () => {
  it('tells a visitor of its session, and the admin of all', async () => {
    await using example = await start('6-monitoring.ts', { ADMIN_TOKEN: 'a-token' })
    const visitor = browser(example.url)
    assert.deepEqual((await visitor.send('GET', '/session-info')).json.sessionId, null)
    const { sessionId } = (await visitor.send('GET', '/')).json
    const info = (await visitor.send('GET', '/session-info', undefined, { 'user-agent': 'a browser' })).json
    assert.deepEqual([info.sessionId, info.isAuthenticated], [sessionId, false])
    assert.deepEqual([info.sessionData.pages, info.sessionData.userAgent, info.sessionData.ip], [2, 'a browser', '127.0.0.1'])
    assert.equal((await visitor.send('GET', '/admin/sessions')).status, 401)
    const list = (await browser(example.url).send('GET', '/admin/sessions', undefined, { authorization: 'Bearer a-token' })).json
    assert.equal(list.activeSessions, 1)
    assert.equal(list.sessions[0].sessionId, sessionId)
    assert.ok(list.sessions[0].duration >= 0 && list.sessions[0].pages >= 2)
  })

  it('has a dashboard for whoever has the token, and for nobody else', async () => {
    await using example = await start('6-monitoring.ts', { ADMIN_TOKEN: 'a-token' })
    const admin = browser(example.url)
    assert.equal((await admin.send('GET', '/admin/dashboard/api/start')).json.code, 'forbidden')
    assert.equal((await admin.send('GET', '/admin/sign-in/a-guess')).status, 401)
    const signedIn = await fetch(`${example.url}/admin/sign-in/a-token`, { redirect: 'manual' })
    assert.equal(signedIn.headers.get('location'), '/admin/dashboard/')
    const headers = { cookie: signedIn.headers.getSetCookie()[0]!.split(';')[0]! }
    const page = await fetch(`${example.url}/admin/dashboard/`, { headers })
    assert.match(await page.text(), /<title>Sessions/)
    const told = (await admin.send('GET', '/admin/dashboard/api/start', undefined, headers)).json
    assert.deepEqual([told.watched, told.fresh, told.appPath], [true, true, '/'])
  })
})

describe('7 security', () => {
  it('signs in with a strict cookie, and refuses other sites', async () => {
    await using example = await start('7-security.ts')
    const visitor = browser(example.url)
    const login = { username: 'user', password: 'userpass' }
    assert.equal((await visitor.send('POST', '/login', login, { 'sec-fetch-site': 'cross-site' })).json.error, 'Cross-site request refused')
    const answer = await visitor.send('POST', '/login', login)
    assert.deepEqual(answer.json, { message: 'Login successful' })
    assert.match(answer.setCookie, /^sessionId=.*; HttpOnly; SameSite=Strict$/)
    assert.ok(answer.headers.has('content-security-policy') && answer.headers.get('cache-control')?.includes('no-store'))
    const { userId, createdAt, absoluteExpiresAt } = (await visitor.send('GET', '/profile')).json
    assert.equal(userId, '2')
    assert.ok(Math.abs(absoluteExpiresAt - createdAt - 8 * 3_600_000) < 60_000)
    await visitor.send('POST', '/logout')
    assert.equal((await visitor.send('GET', '/profile')).json.error, 'Authentication required')
  })

  it('lets five failures through in fifteen minutes', async () => {
    await using example = await start('7-security.ts')
    const visitor = browser(example.url)
    const statuses = []
    for (let i = 0; i < 6; i++) statuses.push((await visitor.send('POST', '/login', { username: 'user', password: String(i) })).status)
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429])
    const refused = await visitor.send('POST', '/login', { username: 'user', password: 'userpass' })
    assert.deepEqual([refused.status, refused.json.error], [429, 'Too many login attempts, please try again later'])
    assert.ok(Number(refused.headers.get('retry-after')) > 0)
  })

  it('takes no default secret to production', async () => {
    assert.equal((await runToEnd('7-security.ts', { NODE_ENV: 'production' })).code, 1)
  })
})
