import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { ADMIN, PASSWORD } from '../helpers.ts'
import { button, field, heading, row, openSite, skip, violations } from './browser.ts'

const site = openSite()

const NEXT = 'violet elephants dance'

async function register(page: Page, name: string): Promise<void> {
  await page.goto('/register')
  await field(page, 'Username').fill(name)
  await field(page, 'Email').fill(`${name}@example.com`)
  await field(page, 'Password').fill(PASSWORD)
  await button(page, 'Create account').click()
  await page.waitForURL((url) => url.pathname !== '/register')
}

async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.goto('/login')
  await field(page, 'Username or email').fill(name)
  await field(page, 'Password').fill(password)
  await button(page, 'Sign in').click()
  await page.waitForURL((url) => url.pathname !== '/login')
}

for (const javaScriptEnabled of [true, false]) {
  const name = javaScriptEnabled ? 'with' : 'without'
  describe(`accounts in a browser, ${name} JavaScript`, { skip }, () => {
    it('"it wasn’t me" signs the other out and asks for a new password', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        await register(page, `owner-${name}`)
        await site.visit({ javaScriptEnabled }, async ({ page: other }) => {
          await signIn(other, `owner-${name}`, PASSWORD)
          assert.match(await other.getByLabel('Notice').innerText(), /did not know this device/)
          await page.goto('/')
          assert.match(await page.getByLabel('Notice').innerText(), /Was it you\?/)
          if (javaScriptEnabled) assert.deepEqual(await violations(page), [])
          await button(page, "It wasn't me").click()
          await heading(page, 'Choose a new password').waitFor()
          if (javaScriptEnabled) assert.deepEqual(await violations(page), [])
          await other.goto('/account')
          await heading(other, 'Sign in').waitFor()
          await page.goto('/cart')
          await field(page, 'Current password').fill(PASSWORD)
          await field(page, 'New password').fill(NEXT)
          await button(page, 'Change password').click()
          await heading(page, 'Your devices').waitFor()
        })
      }))

    it('the email is changed, the account deleted', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        await register(page, `goer-${name}`)
        await page.goto('/account/email')
        if (javaScriptEnabled) assert.deepEqual(await violations(page), [])
        await field(page, 'New email').fill('admin@example.com')
        await field(page, 'Current password').fill(PASSWORD)
        await button(page, 'Change email').click()
        assert.match(await page.getByRole('alert').innerText(), /User already exists/)
        await field(page, 'New email').fill(`new-${name}@example.com`)
        await field(page, 'Current password').fill(PASSWORD)
        await button(page, 'Change email').click()
        await page.getByText(`new-${name}@example.com`).waitFor()
        for (const path of ['/account/activity', '/account/delete', '/admin/setup']) {
          await page.goto(path)
          if (javaScriptEnabled) assert.deepEqual(await violations(page), [], path)
        }
        await page.goto('/account/delete')
        await field(page, 'Current password').fill(PASSWORD)
        await button(page, 'Delete my account').click()
        await page.getByText('You are signed out.').waitFor()
      }))

    it('an administrator finds a user, closes and opens the account, and reads of it', () =>
      site.visit({ javaScriptEnabled }, async ({ page }) => {
        await signIn(page, ADMIN.username, ADMIN.password)
        await page.goto('/admin/users?search=user@example')
        if (javaScriptEnabled) assert.deepEqual(await violations(page), [])
        await row(page, 'user@example.com').getByRole('button', { name: 'Disable' }).click()
        await row(page, 'Disabled').getByRole('button', { name: 'Enable' }).click()
        await row(page, 'user@example.com').getByRole('button', { name: 'Disable' }).waitFor()
        await page.goto('/admin/audit')
        await page.getByLabel('Event', { exact: true }).selectOption('admin')
        await button(page, 'Search').click()
        assert.equal(await page.getByRole('rowheader', { name: 'admin.user-enabled' }).first().isVisible(), true)
        if (javaScriptEnabled) assert.deepEqual(await violations(page), [])
      }))
  })
}
