import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memoryStore } from 'sessile/stores/memory'
import { startApp } from './app.ts'
import { openBoards, visit } from './boards.ts'
import { skip } from './browser.ts'

describe('the page, live', { skip }, () => {
  const boards = openBoards()

  it('hears of a visitor without being reloaded', async () => {
    const { page, done } = await boards.admin()
    await visit(page, 'events')
    await page.locator('.state.live').waitFor()
    await fetch(`${boards.app.url}/login/4711`)
    await page.getByRole('link', { name: 'User 4711' }).first().waitFor({ timeout: 5000 })
    await done()
  })

  it('catches up with what happened while it was away', async () => {
    const { page, done } = await boards.admin()
    await visit(page, 'events')
    await page.locator('.state.live').waitFor()
    boards.app.dropConnections()
    await page.locator('.state.away').waitFor()
    await fetch(`${boards.app.url}/login/4712`)
    await page.locator('.state.live').waitFor()
    await page.getByRole('link', { name: 'User 4712' }).first().waitFor({ timeout: 5000 })
    await done()
  })

  it('asks for nothing by itself while nobody is there, which would keep the session from ending', async () => {
    const { page, done } = await boards.admin()
    await visit(page, 'overview')
    await page.clock.install()
    await page.reload()
    await page.locator('.state.live').waitFor()
    let asked = 0
    page.on('request', (request) => (asked += request.url().includes('/api/overview') ? 1 : 0))
    await page.clock.runFor('04:00')
    const attended = asked
    assert.ok(attended >= 6, `${attended} in four minutes`)
    await page.clock.runFor('02:00')
    asked = 0
    await page.clock.runFor('10:00')
    assert.equal(asked, 0)
    await Promise.all([page.waitForRequest(/api\/overview/), page.mouse.move(100, 100)])
    await done()
  })

  it('tells of a store that is down, and that it is back', async (t) => {
    const store = memoryStore()
    const down = await startApp(store)
    t.after(() => down.close())
    const { page, done } = await boards.admin({}, down)
    await visit(page, 'health')
    const told = async (...words: string[]) => {
      for (const word of words) await page.locator('.figure b').getByText(word, { exact: true }).waitFor({ timeout: 12_000 })
    }
    await told('Answers', 'Closed')
    store.ping = () => Promise.reject(new Error('down'))
    // calls are still answered, and go by that
    await told('Down', 'Closed')
    store.ping = () => {}
    await page.reload()
    await told('Answers', 'Closed')
    await done()
  })

  it('says so when its own session ends', async () => {
    const { page, done } = await boards.admin()
    await page.locator('.state.live').waitFor()
    await boards.app.sessions.revokeAll('1')
    await page.getByText('Your session has ended.').waitFor({ timeout: 3000 })
    await done()
  })
})
