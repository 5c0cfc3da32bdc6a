import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { button, link, openSite, skip, violations } from '../flows/browser.ts'
import { type Client, registered } from '../helpers.ts'

const MINUTE = 60_000
const SOON = 'You will be signed out soon, because nothing was asked for a while.'
const FINAL = 'Your session ends soon. It cannot be extended, but your cart is kept.'
const OVER = 'Your session has ended. Your cart is kept.'

const site = openSite()

/** Has the shop be so much later than it was at first, for the time of a test. */
function setShop(test: TestContext, ms: number): void {
  test.mock.timers.enable({ apis: ['Date'], now: Date.now() + ms })
}

/** Gives a browser the session of a client. */
async function lend(context: BrowserContext, client: Client): Promise<void> {
  await context.addCookies([...client.cookies].map(([name, value]) => ({ name, value, url: site.shop.url })))
}

const notice = (page: Page) => page.getByRole('region', { name: 'Your session' })

/** A request that a window still makes, such as for the live cart, puts the end off: then the notice comes that much later. */
async function untilTold(page: Page): Promise<void> {
  for (let minutes = 0; minutes < 30 && (await notice(page).count()) === 0; minutes++) await page.context().clock.fastForward(MINUTE)
}

describe('item 38: before a session ends its user is told, and can stay', { skip }, () => {
  it('two minutes before, in all windows, by keyboard alone; and one request puts it off for all', () =>
    site.visit({}, async ({ page, context }) => {
      await context.clock.install()
      await lend(context, (await registered(site.shop)).client)
      const other = await context.newPage()
      await page.goto('/account')
      await other.goto('/')
      await context.clock.fastForward(27 * MINUTE)
      assert.equal(await notice(page).count(), 0)
      await untilTold(page)
      for (const window of [page, other]) await notice(window).getByRole('status').getByText(SOON).waitFor()
      assert.match(await notice(page).getByRole('timer').innerText(), /^[12]:\d\d$/)
      const requests: string[] = []
      context.on('request', (request) => requests.push(new URL(request.url()).pathname))
      const stay = button(page, 'Stay signed in')
      for (let i = 0; i < 40 && !(await stay.evaluate((it) => it.matches(':focus'))); i++) await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      for (const window of [page, other]) await notice(window).waitFor({ state: 'detached' })
      assert.deepEqual(
        requests.filter((path) => path !== '/cart/events'),
        ['/account']
      )
      await context.clock.fastForward(27 * MINUTE)
      assert.equal(await notice(page).count(), 0)
    }))

  it('says when it is over, and leads to signing in and back', (test) =>
    site.visit({}, async ({ page, context }) => {
      await context.clock.install()
      await lend(context, (await registered(site.shop)).client)
      await page.goto('/?q=desk')
      await context.clock.fastForward(27 * MINUTE)
      await untilTold(page)
      await notice(page).getByText(SOON).waitFor()
      setShop(test, 31 * MINUTE)
      await context.clock.fastForward(2 * MINUTE)
      await notice(page).getByRole('status').getByText(OVER).waitFor()
      await link(page, 'Account').waitFor({ state: 'detached' })
      assert.equal(await notice(page).getByRole('link').getAttribute('href'), '/login?ended&next=%2F%3Fq%3Ddesk')
    }))

  it('takes a page away that is no longer for whoever sits there', (test) =>
    site.visit({}, async ({ page, context }) => {
      await context.clock.install()
      await lend(context, (await registered(site.shop)).client)
      await page.goto('/account')
      setShop(test, 31 * MINUTE)
      await context.clock.fastForward(31 * MINUTE)
      await page.waitForURL(/\/login\?next=%2Faccount&ended$/)
      await page.getByText('Your session has ended.').waitFor()
    }))

  it('says that the eight hours cannot be extended', (test) =>
    site.visit({}, async ({ page, context }) => {
      const { client } = await registered(site.shop)
      setShop(test, 0)
      for (let passed = 0; passed < 476; passed += 28) {
        test.mock.timers.setTime(Date.now() + 28 * MINUTE)
        assert.equal((await client.get('/profile')).status, 200)
      }
      test.mock.timers.setTime(Date.now() + 2.5 * MINUTE)
      await lend(context, client)
      await page.goto('/cart')
      await notice(page).getByRole('status').getByText(FINAL).waitFor()
      assert.equal(await button(page, 'Stay signed in').count(), 0)
      assert.equal(await notice(page).getByRole('link', { name: 'Sign in again' }).getAttribute('href'), '/login?next=%2Fcart')
    }))

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`without a fault that axe knows, and moves nothing, on a ${colorScheme} page of 320 pixels`, () =>
      site.visit({ colorScheme, viewport: { width: 320, height: 640 } }, async ({ page, context }) => {
        await context.clock.install()
        await lend(context, (await registered(site.shop)).client)
        await page.goto('/')
        const placeOf = () => page.locator('h1').boundingBox()
        const before = await placeOf()
        await context.clock.fastForward(27 * MINUTE)
        await untilTold(page)
        await notice(page).getByText(SOON).waitFor()
        assert.deepEqual(await placeOf(), before)
        const box = (await notice(page).boundingBox())!
        assert.ok(box.x >= 0 && box.x + box.width <= 320 && box.y + box.height <= 640, JSON.stringify(box))
        assert.deepEqual(await violations(page), [])
      }))
  }
})
