import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { ADMIN, BROWSER_ACCEPT, startShop, type TestShop } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

describe('the dashboard', () => {
  it('is the page that comes with the sessions, at both addresses', async () => {
    const admin = await shop.signedIn(ADMIN)
    const moved = await admin.get('/admin/dashboard', { accept: BROWSER_ACCEPT })
    assert.deepEqual([moved.status, moved.headers.get('location')], [308, '/admin/dashboard/'])
    const { status, text } = await admin.get('/admin/dashboard/', { accept: BROWSER_ACCEPT })
    assert.equal(status, 200)
    const script = /<script[^>]* src="([^"]+)"/.exec(text)![1]!
    assert.match((await admin.get(`/admin/dashboard/${script}`)).headers.get('content-type')!, /javascript/)
    // from it one gets back to the other pages for administrators
    const { appPath } = (await admin.get('/admin/dashboard/api/start')).json
    assert.match((await admin.get(appPath, { accept: BROWSER_ACCEPT })).text, /href="\/admin\/orders"/)
  })

  it('lists sessions and ends them, for who is fresh', async () => {
    const admin = await shop.signedIn(ADMIN)
    const guest = shop.client()
    const { sessionId } = (await guest.get('/')).json
    await guest.post('/cart/add', { productId: 1 })
    const { sessions } = (await admin.get(`/admin/dashboard/api/sessions?q=${sessionId}`)).json
    assert.equal(sessions[0].handle, sessionId)
    const ended = await admin.post('/admin/dashboard/api/act', { action: 'end', handle: sessionId }, { 'x-sessile-dashboard': '1' })
    assert.deepEqual([ended.status, ended.json], [200, { ended: 1, more: false }])
    assert.equal((await guest.get('/')).json.views, 1)
    const other = (await shop.client().get('/')).json.sessionId
    const form = await admin.form(`/admin/sessions/${other}`, { _method: 'DELETE' })
    assert.deepEqual([form.status, form.headers.get('location')], [303, '/admin/dashboard/'])
  })

  it('is closed to users, its script and its counts as well', async () => {
    const user = await shop.signedIn()
    const overview = await user.get('/admin/dashboard/api/overview')
    assert.deepEqual([overview.status, overview.json.error], [403, 'Admin access required'])
    assert.equal((await shop.client().get('/admin/dashboard/api/overview')).status, 401)
    const acted = await user.post('/admin/dashboard/api/act', { action: 'end-everybody' }, { 'x-sessile-dashboard': '1' })
    assert.equal(acted.status, 403)
  })

  it('counts carts that are begun and ordered, for Prometheus as well', async () => {
    await using shop = await startShop()
    const admin = await shop.signedIn(ADMIN)
    const [one, other] = [shop.client(), shop.client()]
    await one.post('/cart/add', { productId: 1 })
    await one.post('/cart/add', { productId: 2 })
    await one.post('/checkout', {}, { 'idempotency-key': 'the-first' })
    await one.post('/checkout', {}, { 'idempotency-key': 'the-first' })
    await other.post('/cart/add', { productId: 2 })
    const { hour } = (await admin.get('/admin/dashboard/api/overview')).json
    assert.deepEqual(hour.totals.marks, { 'cart-begun': 2, ordered: 1 })
    const { text } = await admin.get('/metrics')
    assert.match(text, /^shop_carts_total\{event="cart-begun"\} 2$/m)
    assert.match(text, /^shop_carts_total\{event="ordered"\} 1$/m)
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 8 * 86_400_000 })
    try {
      await shop.sessions.sweep()
    } finally {
      mock.timers.reset()
    }
    const again = await shop.signedIn(ADMIN)
    assert.match((await again.get('/metrics')).text, /^shop_carts_total\{event="cart-left"\} 1$/m)
  })
})
