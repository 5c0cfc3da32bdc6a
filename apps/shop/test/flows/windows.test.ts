import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { PASSWORD, registered } from '../helpers.ts'
import { button, field, heading, link, row, openSite, skip } from './browser.ts'

const site = openSite()

async function signIn(page: Page, { username }: { readonly username: string }): Promise<void> {
  await field(page, 'Username or email').fill(username)
  await field(page, 'Password').fill(PASSWORD)
  await button(page, 'Sign in').click()
  await link(page, 'Account').waitFor()
}

async function countOrders(): Promise<number> {
  return (await site.shop.db.selectFrom('orders').select(site.shop.db.fn.countAll<number>().as('count')).executeTakeFirstOrThrow()).count
}

describe('two windows of one session', { skip }, () => {
  it('agree within a second, the one that was there before the session too', () =>
    site.visit({}, async ({ page, context }) => {
      const other = await context.newPage()
      await page.goto('/')
      await other.goto('/cart')
      await other.getByText('Your cart is empty.').waitFor()
      await button(page, 'Add Mouse to cart').click()
      await link(other, 'Cart (1)').waitFor()
      await row(other, 'Mouse').waitFor()
      for (let count = 2; count <= 4; count++) {
        await button(page, 'Add Mouse to cart').click()
        await link(page, `Cart (${count})`).waitFor()
        const since = performance.now()
        await link(other, `Cart (${count})`).waitFor()
        assert.ok(performance.now() - since < 1_000)
      }
      await button(other, 'Clear cart').click()
      await link(page, 'Cart (0)').waitFor()
      assert.equal((await context.cookies()).length, 1)
    }))

  it('do not take away what is just being typed', () =>
    site.visit({}, async ({ page, context }) => {
      const other = await context.newPage()
      await page.goto('/')
      await button(page, 'Add Mouse to cart').click()
      await link(page, 'Cart (1)').waitFor()
      await other.goto('/cart')
      await field(other, 'Quantity').fill('7')
      await button(page, 'Add Keyboard to cart').click()
      await link(other, 'Cart (2)').waitFor()
      assert.equal(await field(other, 'Quantity').inputValue(), '7')
      await button(other, 'Update').click()
      await link(other, 'Cart (8)').waitFor()
      await link(page, 'Cart (8)').waitFor()
    }))

  it('hide together what was private, when one signs out', () =>
    site.visit({}, async ({ page, context }) => {
      const somebody = await registered(site.shop)
      await page.goto('/login?next=%2Faccount')
      await signIn(page, somebody)
      const other = await context.newPage()
      await other.goto('/account')
      await other.getByText(somebody.email).waitFor()
      await button(page, 'Sign out').click()
      await page.getByText('You are signed out.').waitFor()
      await other.waitForURL(/\/login/)
    }))
})

describe('two windows of one browser', { skip }, () => {
  it('come with no id that a sign-in or a sign-out in one of them has ended', () =>
    site.visit({}, async ({ page, context }) => {
      const old: string[] = []
      const { sessions } = site.shop
      const stops = (['retired-id', 'unknown-id'] as const).map((name) => sessions.on(name, () => old.push(name)))
      const somebody = await registered(site.shop)
      await page.goto('/')
      await button(page, 'Add Mouse to cart').click()
      await link(page, 'Cart (1)').waitFor()
      const other = await context.newPage()
      await Promise.all([other.waitForRequest('**/cart/events'), other.goto('/')])
      await page.goto('/login')
      await signIn(page, somebody)
      await link(other, 'Account').waitFor()
      await button(page, 'Sign out').click()
      await link(other, 'Sign in').waitFor()
      assert.deepEqual(old, [])
      for (const stop of stops) stop()
    }))
})

describe('a reader', { skip }, () => {
  it('gets no cookie, and no stream', () =>
    site.visit({}, async ({ page, context }) => {
      const asked: string[] = []
      page.on('request', (request) => asked.push(new URL(request.url()).pathname))
      for (const path of ['/', '/products/3', '/cart', '/login']) await page.goto(path)
      assert.deepEqual(await context.cookies(), [])
      assert.ok(!asked.includes('/cart/events'))
    }))
})

for (const javaScriptEnabled of [true, false]) {
  describe(`${javaScriptEnabled ? 'with' : 'without'} JavaScript`, { skip }, () => {
    it('a double click places one order, and Back shows no cart to order again', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        const before = await countOrders()
        await page.goto('/products/2')
        await button(page, 'Add Mouse to cart').click()
        await link(page, 'Cart (1)').click()
        await button(page, 'Place order').dblclick()
        await heading(page, `Order ${before + 1}`).waitFor()
        assert.equal(await countOrders(), before + 1)
        await page.goBack()
        await page.getByText('Your cart is empty.').waitFor()
        await link(page, 'Cart (0)').waitFor()
        await page.goForward()
        await heading(page, `Order ${before + 1}`).waitFor()
        assert.equal(await countOrders(), before + 1)
      }))

    it('a session that ends in the middle of checking out: signs in, and goes on where it was', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        const somebody = await registered(site.shop)
        const before = await countOrders()
        await page.goto('/login')
        await signIn(page, somebody)
        await page.goto('/products/3')
        await button(page, 'Add Keyboard to cart').click()
        await link(page, 'Cart (1)').click()
        await heading(page, 'Cart').waitFor()
        const key = await page.locator('[name=idempotencyKey]').getAttribute('value')
        await site.shop.sessions.revokeAll(somebody.id)
        // With scripts the page notices by itself; without, the form does.
        if (!javaScriptEnabled) await button(page, 'Place order').click()
        await page.getByText(/Your session has ended/).waitFor()
        await signIn(page, somebody)
        await heading(page, 'Cart').waitFor()
        assert.equal(await page.locator('[name=idempotencyKey]').getAttribute('value'), key)
        await button(page, 'Place order').click()
        await heading(page, 'Orders').waitFor()
        await row(page, 'Keyboard').waitFor()
        assert.equal(await countOrders(), before + 1)
      }))

    it('the keyboard alone is enough, from the storefront to the order', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        const focused = () => page.locator(':focus')
        /** Tabs on to what is called so. */
        const tabTo = async (name: string) => {
          for (let i = 0; i < 120; i++) {
            await page.keyboard.press('Tab')
            const text = await focused().evaluate((element) => {
              const { textContent, id } = element as unknown as { textContent: string; id: string }
              const label = (globalThis as unknown as { document: { querySelector(selector: string): { textContent: string } | null } })
                .document
              return (id && label.querySelector(`label[for="${id}"]`)?.textContent) || textContent
            })
            if (text.replace(/\s+/g, ' ').trim() === name) return
          }
          assert.fail(`Tab never came to ${name}`)
        }
        await page.goto('/')
        await page.keyboard.press('Tab')
        assert.equal((await focused().textContent())?.trim(), 'Skip to the content')
        await page.keyboard.press('Enter')
        await tabTo('Add Mouse to cart')
        await page.keyboard.press('Enter')
        await link(page, 'Cart (1)').waitFor()
        // Where scripts are, the place is kept; where not, the page begins anew.
        if (javaScriptEnabled) {
          await page.waitForFunction("document.activeElement.id === 'add-2'")
          await page.reload()
        }
        await tabTo('Cart (1)')
        await page.keyboard.press('Enter')
        await heading(page, 'Cart').waitFor()
        await tabTo('Quantity')
        await page.keyboard.press('ControlOrMeta+a')
        await page.keyboard.type('3')
        await page.keyboard.press('Enter')
        await link(page, 'Cart (3)').waitFor()
        if (javaScriptEnabled) await page.reload()
        await tabTo('Place order')
        await page.keyboard.press('Enter')
        await page.getByText(/Order placed successfully/).waitFor()
        await page.getByText('$89.97').first().waitFor()
      }))
  })
}
