import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { ADMIN, type Answer, BROWSER_ACCEPT, type Client, PASSWORD, registered, startShop, type TestShop, USER } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const HTML = { accept: BROWSER_ACCEPT }
const page = (client: Client, path: string): Promise<Answer> => client.get(path, HTML)
const leadsTo = (answer: Answer, path: string): void => {
  assert.deepEqual([answer.status, answer.headers.get('location')], [303, path], answer.text)
}

describe('addresses', () => {
  it('that are both give a page to who prefers one, and JSON to who does not', async () => {
    const client = await shop.signedIn()
    for (const path of ['/', '/cart', '/orders']) {
      const [html, json] = [await page(client, path), await client.get(path)]
      assert.match(html.headers.get('content-type')!, /^text\/html/)
      assert.match(json.headers.get('content-type')!, /^application\/json/)
      for (const { headers } of [html]) assert.match(headers.get('vary')!, /Accept/)
    }
  })

  it('that have only a page give it whatever Accept says', async () => {
    for (const path of ['/login', '/register']) {
      assert.match((await shop.client().get(path, { accept: 'application/json' })).text, /<h1>/)
    }
    const client = await shop.signedIn()
    assert.match((await client.get('/account')).text, /Your devices/)
    leadsTo(await shop.client().get('/account'), '/login?next=%2Faccount')
  })

  it('that have only JSON answer JSON', async () => {
    const client = await shop.signedIn()
    for (const path of ['/products', '/session-info', '/profile', '/account/sessions', '/healthz']) {
      assert.ok((await page(client, path)).json, path)
    }
  })

  it('that need signing in send a visitor there and back', async () => {
    for (const path of ['/orders', '/account', '/account/confirm', '/admin/dashboard/', '/orders?page=2&x=%2F']) {
      leadsTo(await page(shop.client(), path), `/login?next=${encodeURIComponent(path)}`)
    }
    const client = shop.client()
    const { text } = await page(client, '/login?next=%2Forders')
    assert.match(text, /name="next" value="\/orders"/)
    leadsTo(await client.form('/login', { ...USER, next: '/orders' }), '/orders')
  })

  it('that one may not see are a page of 403', async () => {
    const answer = await page(await shop.signedIn(), '/admin/dashboard/')
    assert.equal(answer.status, 403)
    assert.match(answer.text, /<h1>Admin access required<\/h1>/)
    const json = await (await shop.signedIn()).get('/admin/dashboard/')
    assert.deepEqual([json.status, json.json], [403, undefined])
  })

  it('that were asked for in a way that is refused early are a page as well', async () => {
    const client = shop.client()
    const tooLong = await client.form('/login', { username: 'x'.repeat(110_000) })
    assert.deepEqual([tooLong.status, /<h1>Body too large<\/h1>/.test(tooLong.text)], [413, true])
    const foreign = await client.form('/login', { ...USER }, { 'sec-fetch-site': 'cross-site' })
    assert.deepEqual([foreign.status, /<h1>Cross-site request refused<\/h1>/.test(foreign.text)], [403, true])
  })

  it('that are unknown are a page of 404', async () => {
    const answer = await page(shop.client(), '/nowhere')
    assert.equal(answer.status, 404)
    assert.match(answer.text, /<h1>Not found<\/h1>/)
  })
})

describe('a next', () => {
  it('that is not on this site is ignored', async () => {
    for (const next of [
      '//evil.example',
      'https://evil.example',
      'https:evil.example',
      '/\\evil.example',
      '\t//evil.example',
      '/\t/evil.example',
      'javascript:alert(1)',
      'orders',
      '',
      '/.//evil.example'
    ]) {
      leadsTo(await shop.client().form('/login', { ...USER, next }), '/')
      assert.match((await page(shop.client(), `/login?next=${encodeURIComponent(next)}`)).text, /name="next" value="\/"/)
    }
  })
})

describe('the storefront', () => {
  it('shows each product with its price and stock, and begins no session', async () => {
    const answer = await page(shop.client(), '/')
    assert.equal(answer.headers.getSetCookie().length, 0)
    for (const text of [
      '<h2><a href="/products/1">Laptop</a></h2>',
      '$999.99',
      '10 in stock',
      'Add <span class="unseen">Keyboard</span> to cart',
      'Cart (0)',
      '>Sign in</a>'
    ]) {
      assert.ok(answer.text.includes(text), text)
    }
  })

  it('adds to the cart, says so once, and counts it', async () => {
    const client = shop.client()
    leadsTo(await client.form('/cart/add', { productId: '2' }), '/')
    const [first, second] = [await page(client, '/'), await page(client, '/')]
    assert.match(first.text, /Item added to cart/)
    assert.match(first.text, /Cart \(1\)/)
    assert.doesNotMatch(second.text, /Item added to cart/)
    assert.match(second.text, /Cart \(1\)/)
  })

  it('tells beside the product what went wrong, with the status that JSON has', async () => {
    const answer = await shop.client().form('/cart/add', { productId: '1', quantity: '11' })
    assert.equal(answer.status, 400)
    assert.match(answer.text, /Laptop<\/a><\/h2>[^]*role="alert">Insufficient stock[^]*Mouse<\/a><\/h2>/)
  })

  it('answers JSON to a form of a program', async () => {
    const answer = await shop.client().send('POST', '/cart/add', new URLSearchParams({ productId: '2' }))
    assert.equal(answer.json.message, 'Item added to cart')
  })
})

describe('the cart', () => {
  it('changes a quantity, takes a line out, clears all', async () => {
    const client = shop.client()
    for (const productId of ['1', '2', '3']) await client.form('/cart/add', { productId })
    leadsTo(await client.form('/cart/update/2', { _method: 'PUT', quantity: '7' }), '/cart')
    assert.match((await page(client, '/cart')).text, /id="quantity-2"[^>]*value="7"/)
    leadsTo(await client.form('/cart/remove/1', { _method: 'DELETE' }), '/cart')
    const after = await page(client, '/cart')
    assert.doesNotMatch(after.text, /Laptop/)
    assert.match(after.text, /\$289\.92/)
    leadsTo(await client.form('/cart', { _method: 'DELETE' }), '/cart')
    assert.match((await page(client, '/cart')).text, /Your cart is empty/)
  })

  it('keeps what was typed beside what is wrong with it', async () => {
    const client = shop.client()
    await client.form('/cart/add', { productId: '1' })
    for (const [quantity, fault] of [
      ['99', /Insufficient stock: 10 available/],
      ['0', /Quantity must be positive/],
      ['1.5', /Quantity|whole number/],
      ['two', /Must be a number/]
    ] as const) {
      const answer = await client.form('/cart/update/1', { _method: 'PUT', quantity })
      assert.equal(answer.status, 400)
      assert.match(answer.text, new RegExp(`value="${quantity}"[^>]*aria-invalid="true"`))
      assert.match(answer.text, fault)
    }
  })

  it('orders once, whatever is clicked twice, and shows where it went', async () => {
    const { client } = await registered(shop)
    await client.form('/cart/add', { productId: '3' })
    const key = /name="idempotencyKey" value="([^"]+)"/.exec((await page(client, '/cart')).text)![1]!
    const both = await Promise.all([1, 2].map(() => client.copy().form('/checkout', { idempotencyKey: key })))
    for (const answer of both) leadsTo(answer, '/orders')
    const { text } = await page(client, '/orders')
    assert.equal(text.match(/<article/g)!.length, 1)
    assert.match(text, /Order placed successfully/)
    assert.equal((await client.form('/checkout', {})).status, 400)
  })

  it('leads a guest to a page of the order that nobody else can guess', async () => {
    const client = shop.client()
    await client.form('/cart/add', { productId: '2' })
    const { status, headers } = await client.form('/checkout', {})
    assert.equal(status, 303)
    assert.match(headers.get('location')!, /^\/orders\/by-link\/[\w-]{32}$/)
    const { text } = await page(client, headers.get('location')!)
    assert.match(text, /Your order has the number \d+[^]*Mouse[^]*\$29\.99/)
    assert.equal((await page(shop.client(), headers.get('location')!)).status, 200)
  })

  it('shows new prices before they are paid, and the lines there is not enough for', async () => {
    const { client } = await registered(shop)
    await client.form('/cart/add', { productId: '3' })
    await shop.db.updateTable('products').set({ priceCents: 8_499 }).where('id', '=', 3).execute()
    const changed = await client.form('/checkout', {})
    assert.equal(changed.status, 409)
    assert.match(
      changed.text,
      /Keyboard<\/a> <span class="fault">This is the new price[^]*role="alert">Price changed[^]*The new total is <strong>\$84\.99/
    )
    await client.form('/cart/update/3', { _method: 'PUT', quantity: '5' })
    await shop.db.updateTable('products').set({ stock: 4 }).where('id', '=', 3).execute()
    const short = await client.form('/checkout', {})
    assert.equal(short.status, 409)
    assert.match(short.text, /Keyboard<\/a> <span class="fault">4 available[^]*role="alert">Insufficient stock/)
  })
})

describe('signing in and registering', () => {
  it('keeps the cart', async () => {
    const client = shop.client()
    await client.form('/cart/add', { productId: '2' })
    leadsTo(
      await client.form('/register', { username: 'page.one', email: 'page.one@example.com', password: PASSWORD, next: '/cart' }),
      '/cart'
    )
    const { text } = await page(client, '/cart')
    assert.match(text, /Registration successful/)
    assert.match(text, /Mouse/)
    assert.match(text, /Sign out<\/button>/)
  })

  it('shows the form again with what was typed, but never a password', async () => {
    const wrong = await shop.client().form('/login', { username: 'us"er', password: 'my secret words', next: '/orders' })
    assert.equal(wrong.status, 401)
    assert.match(wrong.text, /role="alert">Invalid credentials/)
    assert.match(wrong.text, /value="us&quot;er"/)
    assert.match(wrong.text, /name="next" value="\/orders"/)
    assert.doesNotMatch(wrong.text, /my secret words/)

    const weak = await shop.client().form('/register', { username: 'a', email: 'nobody', password: 'short words' })
    assert.equal(weak.status, 400)
    for (const field of ['username', 'email']) {
      assert.match(
        weak.text,
        new RegExp(`id="register-${field}"[^>]*aria-describedby="[^"]*register-${field}-fault"[^>]*aria-invalid="true"`)
      )
    }
    assert.doesNotMatch(weak.text, /short words/)
    const taken = await shop.client().form('/register', { username: 'user', email: 'another@example.com', password: PASSWORD })
    assert.deepEqual([taken.status, /role="alert">User already exists/.test(taken.text)], [409, true])
  })

  it('escapes whatever comes from people', async () => {
    const { client, id } = await registered(shop)
    await shop.db.updateTable('users').set({ username: '<script>alert(1)</script>' }).where('id', '=', id).execute()
    const { text } = await page(client, '/account')
    assert.ok(!text.includes('<script>alert'))
    assert.ok(text.includes('&lt;script&gt;'))
  })

  it('tells of failures since the last time', async () => {
    const { client, username, password } = await registered(shop)
    for (const wrong of ['wrong', 'wrong again']) await shop.client().form('/login', { username, password: wrong })
    await client.form('/login', { username, password })
    assert.match((await page(client, '/')).text, /2 attempts to sign in to this account failed/)
  })
})

describe('signing out', () => {
  it('ends the session and says so', async () => {
    const client = await shop.signedIn()
    const before = client.copy()
    leadsTo(await client.form('/logout', {}), '/?signed-out')
    assert.match((await page(client, '/?signed-out')).text, /You are signed out/)
    assert.equal((await before.get('/profile')).status, 401)
    assert.equal((await page(client, '/logout')).status, 405)
  })
})

describe('the account', () => {
  it('lists the devices, and signs them out', async () => {
    const { client, username, password } = await registered(shop)
    const other = shop.client({ headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' } })
    await other.form('/login', { username, password })
    const { text } = await page(client, '/account')
    assert.match(text, /Firefox on Linux/)
    assert.equal(text.match(/This device/g)!.length, 1)
    assert.equal(text.match(/Sign out this device/g)!.length, 2)
    leadsTo(await client.form('/account/sessions/revoke-others', {}), '/account')
    assert.match((await page(client, '/account')).text, /Other sessions revoked/)
    leadsTo(await page(other, '/account'), '/login?next=%2Faccount')
  })

  it('changes the password, and says beside the field what is wrong with one', async () => {
    const { client } = await registered(shop)
    const weak = await client.form('/account/password', { currentPassword: PASSWORD, newPassword: 'too short' })
    assert.equal(weak.status, 400)
    assert.match(weak.text, /id="password-newPassword-fault">Must be at least 15/)
    const wrong = await client.form('/account/password', { currentPassword: 'wrong', newPassword: 'violet elephants dance' })
    assert.deepEqual([wrong.status, /role="alert">Invalid credentials/.test(wrong.text)], [401, true])
    leadsTo(await client.form('/account/password', { currentPassword: PASSWORD, newPassword: 'violet elephants dance' }), '/account')
  })

  it('asks for the password before what matters, and leads back', async () => {
    const { client } = await registered(shop)
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 16 * 60_000 })
    try {
      leadsTo(await client.form('/account/sessions/revoke-others', {}), '/account/confirm?next=%2Faccount')
      assert.match((await page(client, '/account/confirm?next=%2Faccount')).text, /name="next" value="\/account"/)
      const wrong = await client.form('/account/reauthenticate', { password: 'wrong', next: '/account' })
      assert.deepEqual([wrong.status, /role="alert">Invalid credentials/.test(wrong.text)], [401, true])
      leadsTo(await client.form('/account/reauthenticate', { password: PASSWORD, next: '/account' }), '/account')
      leadsTo(await client.form('/account/sessions/revoke-others', {}), '/account')
    } finally {
      mock.timers.reset()
    }
  })

  it('sends who is not signed in any more to sign in, and back to the page of the form', async () => {
    leadsTo(await shop.client().form('/account/password', { currentPassword: 'x', newPassword: 'y' }), '/login?next=%2Faccount')
  })
})

describe('all pages', () => {
  it('load nothing from elsewhere, run no script of their own, and lead out by POST', async () => {
    const admin = await shop.signedIn(ADMIN)
    await admin.form('/cart/add', { productId: '2' })
    for (const path of ['/', '/cart', '/login', '/register', '/account', '/account/confirm', '/orders', '/admin/products', '/nowhere']) {
      const { text } = await page(admin, path)
      assert.doesNotMatch(text, /(?:src|href|action)="(?:https?:)?\/\//, path)
      assert.doesNotMatch(text, / (?:style|on\w+)=|<style|<script(?! src="\/shop\.js\?v=[\w-]+" defer><\/script>)/, path)
      assert.match(text, /<form method="post" action="\/logout">/, path)
      assert.match(text, /<html lang="en">[^]*<title>[^<]+ - Sessile Shop<\/title>[^]*<main id="main"[^]*<h1>/, path)
    }
    for (const asset of ['/shop.css', '/shop.js']) assert.equal((await admin.get(asset)).status, 200)
  })
})
