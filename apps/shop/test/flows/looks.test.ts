import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { ADMIN } from '../helpers.ts'
import { button, field, heading, layoutShift, link, shoot, openSite, skip, violations } from './browser.ts'

const site = openSite()

async function signIn(page: Page): Promise<void> {
  await field(page, 'Username or email').fill(ADMIN.username)
  await field(page, 'Password').fill(ADMIN.password)
  await button(page, 'Sign in').click()
  await link(page, 'Account').waitFor()
}

/** Every page there is, in every state that looks different. `see` is called on each. */
async function everyPage(page: Page, see: (name: string) => Promise<void>): Promise<void> {
  await site.shop.db.updateTable('products').set({ priceCents: 2_999 }).where('id', '=', 2).execute()
  const open = async (name: string, path: string) => {
    await page.goto(path)
    await see(name)
  }
  await open('storefront', '/')
  await open('search', '/?q=desk&sort=-price')
  await open('search-without-result', '/?q=zebra')
  await open('product', '/products/5')
  await open('product-sold-out', '/products/24')
  await open('cart-empty', '/cart')
  await open('not-found', '/nowhere')
  await page.goto('/')
  await button(page, 'Add Mouse to cart').click()
  await link(page, 'Cart (1)').waitFor()
  await button(page, 'Add Laptop to cart').click()
  await link(page, 'Cart (2)').waitFor()
  await see('storefront-with-a-cart')
  await open('cart', '/cart')
  await field(page, 'Quantity').first().fill('1000')
  await button(page, 'Update').first().click()
  await page.getByText(/Insufficient stock/).waitFor()
  await see('cart-with-a-fault')
  await page.goto('/cart')
  await site.shop.db.updateTable('products').set({ priceCents: 3_499 }).where('id', '=', 2).execute()
  await open('cart-with-a-new-price', '/cart')
  await button(page, 'Place order').click()
  await page.getByText(/The new total is/).waitFor()
  await see('checkout-with-a-new-price')
  await button(page, 'Place order').click()
  await button(page, 'Cancel order').waitFor()
  await see('order-of-a-guest')
  await button(page, 'Cancel order').click()
  await page.getByText('Order cancelled', { exact: true }).waitFor()
  await see('order-cancelled')
  await open('register', '/register')
  await page.locator('main form').evaluate((form) => {
    ;(form as unknown as { noValidate: boolean }).noValidate = true
  })
  await button(page, 'Create account').click()
  await page.getByText(/at least 15 characters long/).waitFor()
  await see('register-with-faults')
  await open('login-after-the-end', '/login?ended')
  await open('login', '/login?next=%2Forders')
  await signIn(page)
  await see('orders')
  await page.goto('/')
  await button(page, 'Add Keyboard to cart').click()
  await link(page, 'Cart (1)').click()
  await button(page, 'Place order').click()
  await heading(page, 'Orders').waitFor()
  await see('orders-with-a-new-one')
  await page
    .getByRole('link', { name: /^Order \d/ })
    .first()
    .click()
  await button(page, 'Cancel order').waitFor()
  await see('order')
  for (const path of [
    '/account',
    '/account/confirm',
    '/account/email',
    '/account/delete',
    '/account/activity',
    '/admin/users',
    '/admin/audit',
    '/admin/orders',
    '/admin/products'
  ])
    await open(path.split('/').filter(Boolean).join('-'), path)
  await field(page, 'Price').first().fill('free')
  await button(page, 'Change').first().click()
  await page.getByText(/amount like/).waitFor()
  await see('admin-products-with-a-fault')
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [width, height] of [
    [360, 740],
    [1280, 900]
  ] as const) {
    describe(`every page, ${colorScheme}, ${width} px wide`, { skip }, () => {
      it('pleases axe, fits, and stays where it is', () =>
        site.visit({ colorScheme, viewport: { width, height } }, ({ page }) =>
          everyPage(page, async (name) => {
            // First: taking a picture of the whole page changes its size.
            assert.equal(await layoutShift(page), 0, name)
            await shoot(page, `${name}-${width}-${colorScheme}`)
            assert.deepEqual(await violations(page), [], name)
            assert.equal(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'), 0, name)
          })
        ))

      // Both widths and both colours, once each: what scripts change is not how it looks.
      if ((width === 360) === (colorScheme === 'dark')) return
      it('works the same with all scripts blocked', () =>
        site.visit({ colorScheme, viewport: { width, height }, javaScriptEnabled: false }, ({ page }) =>
          everyPage(page, (name) => shoot(page, `${name}-${width}-${colorScheme}-without-scripts`))
        ))
    })
  }
}

describe('the narrowest and the widest', { skip }, () => {
  for (const width of [320, 1920]) {
    it(`${width} px: nothing is cut off`, () =>
      site.visit({ viewport: { width, height: 800 } }, ({ page }) =>
        everyPage(page, async (name) => {
          await shoot(page, `${name}-${width}-light`)
          assert.equal(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'), 0, name)
        })
      ))
  }
})

describe('axe', { skip }, () => {
  it('does find what is wrong', () =>
    site.visit({}, async ({ page }) => {
      await page.goto('/')
      await page.evaluate("document.querySelector('main').innerHTML = '<input>'")
      assert.ok((await violations(page)).some((line) => line.startsWith('label: <input>')))
    }))
})
