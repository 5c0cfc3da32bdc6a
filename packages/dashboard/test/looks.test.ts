import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openBoards, VIEWS, visit } from './boards.ts'
import { overlaps, skip, violations } from './browser.ts'

describe('how the page looks', { skip }, () => {
  const boards = openBoards()
  const desk = { viewport: { width: 1280, height: 900 } }
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true }
  const looks = [
    { watched: true, colorScheme: 'light', ...desk },
    { watched: true, colorScheme: 'dark', ...desk },
    { watched: true, colorScheme: 'light', ...phone },
    { watched: true, colorScheme: 'dark', ...phone },
    { watched: false, colorScheme: 'light', ...desk },
    { watched: false, colorScheme: 'dark', ...phone }
  ]
  for (const { watched, ...options } of looks) {
    const name = `${options.colorScheme}, ${options.viewport.width} px wide, ${watched ? 'watched' : 'not watched'}`
    it(`${name}: no violation, nothing too wide, nothing over another, and no complaint of the browser`, async () => {
      const { page, complaints, done } = await boards.admin(options, watched ? boards.app : boards.unwatched)
      const isFine = async (what: string) => {
        assert.deepEqual(await violations(page), [], what)
        assert.deepEqual(await overlaps(page), [], what)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        assert.ok(wide <= 0, `${what} is ${wide} px too wide`)
      }
      for (const view of VIEWS.filter((view) => watched || view !== 'events')) {
        await visit(page, view)
        await isFine(view)
      }
      await visit(page, 'sessions?q=of-before')
      await page.locator('tbody tr:only-child a.handle').click()
      await page.getByRole('heading', { name: 'What it holds' }).waitFor()
      await isFine('session')
      await page.getByRole('button', { name: 'End session', exact: true }).first().click()
      await page.getByRole('dialog').waitFor()
      assert.deepEqual(await violations(page), [], 'dialog')
      assert.deepEqual(complaints, [])
      await done()
    })
  }
})
