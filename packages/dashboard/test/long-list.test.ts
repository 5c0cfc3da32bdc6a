import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startApp, visitors } from './app.ts'
import { launch, skip } from './browser.ts'

describe('a long list', { skip }, () => {
  it('is as quick to use with 100,000 sessions as with 1,000', async (t) => {
    const browser = await launch()
    t.after(() => browser.close())
    const times: Record<number, { list: number; next: number; search: number }> = {}
    for (const sessions of [1000, 100_000]) {
      const app = await startApp('memory:')
      t.after(() => app.close())
      await visitors(app.url, 120)
      const { backend } = app.sessions
      const expiresAt = Date.now() + 3_600_000
      for (let n = 0; n < sessions; n += 1) {
        const user = String(n % 5000)
        await backend.create(`stored-${n}`, { data: `{"cookie":{"originalMaxAge":3600000},"userId":"${user}"}`, expiresAt, userId: user })
      }
      await app.seen.flush()
      const page = await (await browser.newContext()).newPage()
      await page.goto(`${app.url}/login/1`)
      const timed = async (work: () => Promise<unknown>): Promise<number> => {
        const start = performance.now()
        await work()
        return performance.now() - start
      }
      const shown = (count: number) => page.waitForFunction((count) => document.querySelectorAll('tbody tr').length >= count, count)
      await page.goto(`${app.url}${app.mount}/#/overview`)
      await page.locator('.state.live').waitFor()
      const list = await timed(async () => {
        await page.getByRole('link', { name: 'Sessions', exact: true }).click()
        await shown(50)
      })
      await page.getByRole('link', { name: 'All, as stored' }).click()
      await page.locator('.choice a[aria-current]', { hasText: 'All' }).waitFor()
      await shown(50)
      const first = await page.locator('tbody a').first().textContent()
      const next = await timed(async () => {
        await page.locator('#next').click()
        await page.waitForFunction((first) => document.querySelector('tbody a')!.textContent !== first, first)
      })
      const search = await timed(async () => {
        await page.locator('#q').fill('999')
        await page.keyboard.press('Enter')
        await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].every((row) => row.textContent.includes('999')))
      })
      times[sessions] = { list, next, search }
    }
    const [few, many] = [times[1000]!, times[100_000]!]
    t.diagnostic(`ms with 1,000: ${JSON.stringify(few)}; with 100,000: ${JSON.stringify(many)}`)
    for (const what of ['list', 'next', 'search'] as const)
      assert.ok(many[what] < 5 * few[what] + 200, `${what}: ${many[what]} ms after ${few[what]} ms`)
  })
})
