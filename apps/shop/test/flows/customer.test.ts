import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PASSWORD } from '../helpers.ts'
import { button, field, heading, link, row, openSite, skip } from './browser.ts'

const site = openSite()
let customers = 0

for (const javaScriptEnabled of [true, false]) {
  describe(`a customer ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, { skip }, () => {
    it('buys as a guest, registers on the way, and finds the order', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        await page.goto('/')
        await heading(page, 'Laptop').waitFor()
        await button(page, 'Add Mouse to cart').click()
        await link(page, 'Cart (1)').waitFor()
        await button(page, 'Add Mouse to cart').click()
        await link(page, 'Cart (2)').waitFor()
        await button(page, 'Add Keyboard to cart').click()
        await link(page, 'Cart (3)').click()
        await heading(page, 'Cart').waitFor()

        await row(page, 'Mouse').getByLabel('Quantity', { exact: true }).fill('4')
        await row(page, 'Mouse').getByRole('button', { name: 'Update', exact: true }).click()
        await page.getByText('$199.95').waitFor()
        await row(page, 'Mouse').getByLabel('Quantity', { exact: true }).fill('1000')
        await row(page, 'Mouse').getByRole('button', { name: 'Update', exact: true }).click()
        await page.getByText(/Insufficient stock/).waitFor()
        await row(page, 'Keyboard').getByRole('button', { name: 'Remove', exact: true }).click()
        await link(page, 'Cart (4)').waitFor()

        await link(page, 'Sign in').click()
        await link(page, 'Create an account').click()
        const name = `customer-${++customers}`
        await field(page, 'Username').fill(name)
        await field(page, 'Email').fill(`${name}@example.com`)
        await field(page, 'Password').fill(PASSWORD)
        await button(page, 'Create account').click()
        await link(page, 'Account').waitFor()
        await link(page, 'Cart (4)').click()
        await button(page, 'Place order').click()
        await heading(page, 'Orders').waitFor()
        await page.getByText(/Order placed successfully/).waitFor()
        assert.equal(await page.getByRole('row').filter({ hasText: 'Mouse' }).count(), 1)

        await button(page, 'Sign out').click()
        await page.getByText('You are signed out.').waitFor()
        await link(page, 'Cart (0)').waitFor()
        await page.goto('/orders')
        await field(page, 'Username or email').fill(name)
        await field(page, 'Password').fill('not the password')
        await button(page, 'Sign in').click()
        await page.getByText('Invalid credentials').waitFor()
        assert.equal(await field(page, 'Username or email').inputValue(), name)
        assert.equal(await field(page, 'Password').inputValue(), '')
        await field(page, 'Password').fill(PASSWORD)
        await button(page, 'Sign in').click()
        await heading(page, 'Orders').waitFor()
      }))

    it('signs out another device and changes the password', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        const name = `customer-${++customers}`
        const other = site.shop.client({
          headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
        })
        await other.post('/register', { username: name, email: `${name}@example.com`, password: PASSWORD })
        await page.goto('/login?next=%2Faccount')
        await field(page, 'Username or email').fill(`${name}@example.com`)
        await field(page, 'Password').fill(PASSWORD)
        await button(page, 'Sign in').click()
        await heading(page, 'Your devices').waitFor()
        const device = page.getByRole('listitem').filter({ hasText: 'Firefox on Linux' })
        await device.getByRole('button', { name: 'Sign out this device' }).click()
        await device.waitFor({ state: 'detached' })
        assert.equal((await other.get('/profile')).status, 401)
        await page.getByText('This device', { exact: true }).waitFor()
        await button(page, 'Sign out everywhere else').click()
        await page.getByText('Other sessions revoked').waitFor()
        await field(page, 'Current password').fill(PASSWORD)
        await field(page, 'New password').fill('violet elephants dance')
        await button(page, 'Change password').click()
        await page.getByText('Password changed').waitFor()
      }))
  })
}

describe('with JavaScript', { skip }, () => {
  it('adding to the cart stays on the page and keeps the place', () =>
    site.visit({}, async ({ page }) => {
      await page.goto('/')
      await page.evaluate(() => {
        ;(globalThis as unknown as { kept: boolean }).kept = true
      })
      await button(page, 'Add Laptop to cart').focus()
      await page.keyboard.press('Enter')
      await link(page, 'Cart (1)').waitFor()
      assert.equal(await page.evaluate(() => (globalThis as unknown as { kept?: boolean }).kept), true)
      assert.equal(await page.evaluate('document.activeElement.id'), 'add-1')
      await page.getByRole('status').getByText('Item added to cart').waitFor()
    }))

  it('the cookie cannot be read, and nothing else is stored (item 72)', () =>
    site.visit({}, async ({ page, context }) => {
      await page.goto('/')
      await button(page, 'Add Laptop to cart').click()
      await link(page, 'Cart (1)').waitFor()
      assert.equal(await page.evaluate('document.cookie'), '')
      assert.deepEqual(await page.evaluate('[localStorage.length, sessionStorage.length]'), [0, 0])
      const [cookie] = await context.cookies()
      assert.deepEqual([cookie?.name, cookie?.httpOnly, cookie?.sameSite, cookie?.path], ['sessionId', true, 'Strict', '/'])
    }))
})
