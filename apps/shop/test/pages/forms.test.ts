import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { ADMIN, type Answer, BROWSER_ACCEPT, type Client, PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const page = (client: Client, path: string): Promise<Answer> => client.get(path, { accept: BROWSER_ACCEPT })
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** The input with this name in a form, as text. */
function inputOf(text: string, id: string): string {
  const found = new RegExp(`<input id="${id}"[^>]*>`).exec(text)
  assert.ok(found, `no input ${id}`)
  return found[0]
}

/** The field is marked, and what is wrong stands beside it: in the element that the field itself names. */
function assertFault(text: string, id: string, fault: RegExp): void {
  const input = inputOf(text, id)
  assert.match(input, /aria-invalid="true"/)
  const named = /aria-describedby="([^"]*)"/.exec(input)![1]!.split(' ')
  const beside = named.map((name) => new RegExp(`id="${name}"[^>]*>([^<]*)`).exec(text)?.[1] ?? '')
  assert.ok(
    beside.some((words) => fault.test(words)),
    `${id}: ${beside.join(' | ')}`
  )
}

describe('a form with a bad input comes back with its status, the fault beside the field, and what was typed', () => {
  const REGISTER = { username: 'somebody.new', email: 'somebody.new@example.com', password: PASSWORD }
  const BAD: readonly (readonly [field: keyof typeof REGISTER, value: string, fault: RegExp])[] = [
    ['username', '', /3 to 30/],
    ['username', 'ab', /3 to 30/],
    ['username', 'a'.repeat(31), /3 to 30/],
    ['username', 'a b c', /3 to 30/],
    ['username', 'some@body', /3 to 30/],
    ['username', '<b>"bold"</b>', /3 to 30/],
    ['email', '', /email address/],
    ['email', 'nobody', /email address/],
    ['email', `${'a'.repeat(250)}@example.com`, /254/],
    ['password', '', /15/],
    ['password', 'short', /15/],
    ['password', 'password1234567', /common|guess/i],
    ['password', 'x'.repeat(257), /256/],
    ['password', 'somebody.new@example.com', /email|name/i]
  ]
  for (const [field, value, fault] of BAD) {
    it(`register: ${field} ${JSON.stringify(value.slice(0, 32))}`, async () => {
      const typed = { ...REGISTER, [field]: value }
      const { status, text } = await shop.client().form('/register', typed)
      assert.equal(status, 400)
      assertFault(text, `register-${field}`, fault)
      for (const kept of ['username', 'email'] as const)
        if (typed[kept] !== '') assert.ok(inputOf(text, `register-${kept}`).includes(`value="${escaped(typed[kept])}"`), kept)
      assert.doesNotMatch(inputOf(text, 'register-password'), /value=/)
    })
  }

  it('register: fields that are missing, or there twice', async () => {
    const { status, text } = await shop.client().form('/register', {})
    assert.equal(status, 400)
    for (const field of ['username', 'email', 'password']) assertFault(text, `register-${field}`, /./)
    const twice = await shop.client().send('POST', '/register', new URLSearchParams('username=a&username=b'), { accept: BROWSER_ACCEPT })
    assert.equal(twice.status, 400)
  })

  for (const [what, fields, status] of [
    ['nothing', { username: '', password: '' }, 400],
    ['no password', { username: 'user', password: '' }, 400],
    ['a name that is too long', { username: 'x'.repeat(255), password: 'x' }, 400],
    ['a wrong password', { username: 'nobody-at-all', password: 'wrong' }, 401]
  ] as const) {
    it(`sign in: ${what}`, async () => {
      const answer = await shop.client().form('/login', { ...fields, next: '/cart' })
      assert.equal(answer.status, status)
      if (status === 400) assertFault(answer.text, fields.username === 'user' ? 'login-password' : 'login-username', /./)
      else assert.match(answer.text, /role="alert">Invalid credentials/)
      if (fields.username) assert.ok(inputOf(answer.text, 'login-username').includes(`value="${fields.username}"`))
      assert.match(answer.text, /name="next" value="\/cart"/)
    })
  }

  for (const [quantity, fault] of [
    ['0', /positive/],
    ['-3', /positive/],
    ['11', /10 available/],
    ['1.5', /number/],
    ['two', /number/],
    ['', /number/],
    ['1e2', /number/],
    ['99999999999999999999', /number/]
  ] as const) {
    it(`quantity ${JSON.stringify(quantity)}, in the cart and on the product's page`, async () => {
      const client = shop.client()
      await client.form('/cart/add', { productId: '1' })
      const update = await client.form('/cart/update/1', { _method: 'PUT', quantity })
      assert.equal(update.status, 400)
      assertFault(update.text, 'quantity-1', fault)
      assert.ok(inputOf(update.text, 'quantity-1').includes(`value="${quantity}"`))
      const added = await shop.client().form('/cart/add', { productId: '1', quantity, from: '/products/1' })
      assert.equal(added.status, 400)
      assertFault(added.text, 'quantity', fault)
      assert.ok(inputOf(added.text, 'quantity').includes(`value="${quantity}"`))
    })
  }

  it('what is not there: a product, a line', async () => {
    const client = shop.client()
    assert.equal((await client.form('/cart/add', { productId: '999', from: '/products/999' })).status, 404)
    assert.equal((await client.form('/cart/add', { productId: 'x' })).status, 400)
    const missing = await client.form('/cart/update/3', { _method: 'PUT', quantity: '1' })
    assert.deepEqual([missing.status, /role="alert">Item not found in cart/.test(missing.text)], [404, true])
    assert.equal((await client.form('/checkout', {})).status, 400)
  })

  it('price and stock, for the administrator', async () => {
    const admin = await shop.signedIn(ADMIN)
    for (const [field, value, fault] of [
      ['price', '', /amount/],
      ['price', '12,345', /amount/],
      ['price', '0', /at least/],
      ['price', '-5', /amount/],
      ['stock', 'many', /whole/],
      ['stock', '-1', /whole/],
      ['stock', '1.5', /whole/]
    ] as const) {
      const typed = { price: '29.99', stock: '50', stockSeen: '50', [field]: value }
      const { status, text } = await admin.form('/admin/products/2', { _method: 'PUT', ...typed })
      assert.equal(status, 400, `${field} ${value}`)
      assertFault(text, `product-2-${field}`, fault)
      assert.ok(inputOf(text, `product-2-${field}`).includes(`value="${value}"`))
    }
    const sold = await admin.form('/admin/products/2', { _method: 'PUT', price: '29.99', stock: '0', stockSeen: '70' })
    assert.equal(sold.status, 409)
    assertFault(sold.text, 'product-2-stock', /Only 50/)
    const changed = await admin.form('/admin/products/2', { _method: 'PUT', price: '24,5', stock: '60', stockSeen: '50' })
    assert.equal(changed.headers.get('location'), '/admin/products')
    assert.match(
      (await page(admin, '/admin/products')).text,
      /id="product-2-price"[^>]*value="24\.50"[^]*id="product-2-stock"[^>]*value="60"/
    )
    await admin.form('/admin/products/2', { _method: 'PUT', price: '29.99', stock: '50' })
  })
})

describe('a form whose session is over', () => {
  const cartForm = (text: string) => ({
    idempotencyKey: /name="idempotencyKey" value="([^"]+)"/.exec(text)![1]!,
    revision: /name="revision" value="([^"]+)"/.exec(text)![1]!,
    ...(/name="as" value="(\d+)"/.exec(text) && { as: /name="as" value="(\d+)"/.exec(text)![1]! })
  })

  it('leads to signing in and back to the same checkout, with the same key', async () => {
    const { client, username, password } = await registered(shop)
    await client.form('/cart/add', { productId: '3' })
    const form = cartForm((await page(client, '/cart')).text)
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 31 * 60_000 })
    try {
      const sent = await client.form('/checkout', form)
      const next = `/cart?key=${form.idempotencyKey}`
      assert.equal(sent.headers.get('location'), `/login?ended&next=${encodeURIComponent(next)}`)
      assert.match((await page(client, sent.headers.get('location')!)).text, /Your session has ended/)
      const back = await client.form('/login', { username, password, next })
      assert.equal(back.headers.get('location'), next)
      const again = cartForm((await page(client, next)).text)
      assert.equal(again.idempotencyKey, form.idempotencyKey)
      assert.equal((await client.form('/checkout', again)).headers.get('location'), '/orders')
    } finally {
      mock.timers.reset()
    }
  })

  it('changes nothing for whoever signed in since', async () => {
    const [one, two] = [await registered(shop), await registered(shop)]
    await one.client.form('/cart/add', { productId: '3' })
    const form = cartForm((await page(one.client, '/cart')).text)
    await two.client.form('/cart/add', { productId: '3' })
    for (const [path, fields] of [
      ['/checkout', form],
      ['/cart', { _method: 'DELETE', as: form.as! }],
      ['/cart/remove/3', { _method: 'DELETE', as: form.as! }]
    ] as const) {
      assert.equal((await two.client.form(path, fields)).headers.get('location'), '/cart')
      assert.match((await page(two.client, '/cart')).text, /somebody else by now[^]*Keyboard/)
    }
  })

  it('orders nothing that was not on the page: what another window changed is shown first', async () => {
    const client = shop.client()
    await client.form('/cart/add', { productId: '3' })
    const form = cartForm((await page(client, '/cart')).text)
    await client.form('/cart/add', { productId: '1' })
    const refused = await client.form('/checkout', form)
    assert.equal(refused.status, 409)
    assert.match(refused.text, /Laptop[^]*role="alert">Your cart has changed meanwhile/)
    const placed = await client.form('/checkout', cartForm(refused.text))
    const again = await client.form('/checkout', form)
    assert.deepEqual([placed.status, again.status], [303, 303])
    assert.equal(again.headers.get('location'), placed.headers.get('location'))
  })
})
