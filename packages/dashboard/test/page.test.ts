import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { SessionsPage } from '../../sessile/src/monitor/api-types.ts'
import { startApp } from './app.ts'
import { openBoards, VIEWS, visit } from './boards.ts'
import { skip, violations } from './browser.ts'

describe('the page', { skip }, () => {
  const boards = openBoards()

  it('says what it does not know of a session that express-session stored', async () => {
    const { page, done } = await boards.admin({}, boards.unwatched)
    await visit(page, 'sessions?q=of-before')
    await page.locator('tbody tr:only-child a.handle').click()
    await page.getByRole('heading', { name: 'What it holds' }).waitFor()
    const facts = await page.locator('.facts').first().innerText()
    assert.match(facts, /Began\s+unknown\s+Signed in\s+unknown\s+Ends unless used\s+in \d+ min/)
    await done()
  })

  it('shows nothing of what is not watched, and says how it would come', async () => {
    const { page, done } = await boards.admin({}, boards.unwatched)
    await visit(page, 'overview')
    assert.match(await page.locator('.note').innerText(), /activity\(\)/)
    assert.deepEqual(await page.locator('.bar nav a').allInnerTexts(), ['Overview', 'Sessions', 'Users', 'Store'])
    await visit(page, 'users')
    assert.deepEqual(await page.locator('thead th').allInnerTexts(), ['User', 'Sessions'])
    assert.match(await page.locator('main').innerText(), /all that are stored/)
    await visit(page, 'user/101')
    assert.equal(await page.getByText('What happened').count(), 0)
    await done()
  })

  it('leads back to the app', async () => {
    const { page, done } = await boards.admin()
    await page.getByRole('link', { name: 'Back to the app' }).click()
    await page.waitForURL(`${boards.app.url}/`)
    await done()
  })

  it('shows the counts that the server has', async () => {
    const { page, done } = await boards.admin()
    const live = await boards.app.seen.live()
    await page.waitForFunction(
      (n) => document.getElementById('active5')?.textContent === String(n),
      live.active5.users + live.active5.guests
    )
    // an id that was taken from somebody who is signed out
    const cookie = (await fetch(`${boards.app.url}/login/77`)).headers.getSetCookie()[0]!.split(';')[0]!
    await boards.app.sessions.revokeAll('77')
    await fetch(boards.app.url, { headers: { cookie } })
    await boards.app.seen.flush()
    const { totals } = await boards.app.seen.analytics()
    await page.reload()
    for (const name of ['signIns', 'started', 'returned'] as const)
      await page.waitForFunction(([id, n]) => document.getElementById(id!)?.textContent === n, [name, String(totals[name])])
    assert.equal(totals.unknownIds, 1)
    assert.match(await page.locator('main').innerText(), /Out of the ordinary\s+Ids of no session\s+1\s/)
    // counted anew every other second at most, and less often by a busy machine
    const stored = String((await boards.app.sessions.scan({ limit: 500 })).sessions.length)
    for (const end = Date.now() + 30_000; (await page.locator('#stored').textContent()) !== stored; await page.reload())
      assert.ok(Date.now() < end, `${await page.locator('#stored').textContent()} stored in place of ${stored}`)
    await done()
  })

  it('shows how often each session was changed, met another’s change, and how large records are', async () => {
    const { page, done } = await boards.admin()
    await visit(page, 'sessions')
    const { sessions } = (await page.evaluate(async () => (await fetch('api/sessions')).json())) as SessionsPage
    const { handle, version, conflicts, pages } = sessions.find(({ version }) => (version ?? 0) > 1)!
    const row = page.locator('tbody tr').filter({ has: page.locator(`a[title="${handle}"]`) })
    for (const [label, number] of Object.entries({ Pages: pages, Version: version, Conflicts: conflicts }))
      assert.equal(await row.locator(`[data-label="${label}"]`).innerText(), String(number), label)
    await row.locator('a.handle').click()
    await page.getByRole('heading', { name: 'What it holds' }).waitFor()
    assert.match(await page.locator('.facts').first().innerText(), new RegExp(`Version\\s+${version}\\s+Conflicts\\s+${conflicts}\\s`))
    await visit(page, 'health')
    assert.match(await page.locator('main').innerText(), /Saves\s+\d\d+\s[^]*Sizes of records that were written\s+up to 256 B\s+\d\d+/)
    await done()
  })

  it('shows no id, cookie or value anywhere', async () => {
    const { page, done } = await boards.admin()
    const answers: Promise<string>[] = []
    page.on('response', (response) => {
      // an answer that the page left before it was read has no text any more
      if (response.url().includes('/api/') && !response.url().includes('/live')) answers.push(response.text().catch(() => ''))
    })
    for (const view of VIEWS) await visit(page, view)
    const bodies = [await page.content(), ...(await Promise.all(answers))].filter((body) => body !== '')
    assert.ok(bodies.length > 5)
    for (const cookie of boards.cookies) {
      const id = decodeURIComponent(cookie.split('=')[1]!).slice(2).split('.')[0]!
      assert.ok(bodies.every((body) => !body.includes(id)))
    }
    assert.ok(bodies.every((body) => !body.includes('not-for-your-eyes')))
    await done()
  })

  it('asks whoever is not fresh to confirm who he is, by a link that leads back', async (t) => {
    const stale = await startApp('memory:', { options: { fresh: () => false } })
    t.after(() => stale.close())
    await fetch(`${stale.url}/login/7`)
    const { page, done } = await boards.admin({}, stale)
    await visit(page, 'user/7')
    await page.getByRole('button', { name: 'End all sessions' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'End all' }).click()
    const link = page.getByRole('dialog').getByRole('link', { name: 'Confirm who you are' })
    assert.equal(await link.getAttribute('href'), `/confirm?next=${encodeURIComponent(`${stale.mount}/`)}`)
    assert.deepEqual(await violations(page), [])
    assert.equal((await stale.sessions.of('7')).length, 1)
    await done()
  })

  it('works by keyboard alone: find a user, end a session', async () => {
    const user = '8888'
    const signedIn = await fetch(`${boards.app.url}/login/${user}`)
    const cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!
    await boards.app.seen.flush()
    const { page, done } = await boards.admin()
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement!.textContent), 'To the content')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Sessions' }).waitFor()
    await page.locator('table').waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type(user)
    await page.keyboard.press('Enter')
    await page.waitForFunction(
      (user) => [...document.querySelectorAll('tbody tr')].length === 1 && document.querySelector('tbody')!.textContent.includes(user),
      user
    )
    await page.getByRole('button', { name: /^End session/ }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement!.textContent), 'Cancel')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByText('1 session was ended.').waitFor()
    await page.getByText('No session of that user or handle lives.').waitFor()
    assert.equal((await boards.app.sessions.of(user)).length, 0)
    assert.ok(cookie)
    await done()
  })

  it('ends all others’ sessions, then everybody’s', async () => {
    const { page, done } = await boards.admin({}, boards.unwatched)
    await visit(page, 'sessions')
    await page.locator('tbody tr').nth(10).waitFor()
    const choose = async (choice: string, button: string) => {
      await page.getByText('End many …').click()
      await page.getByRole('button', { name: choice }).click()
      assert.equal(await page.getByRole('button', { name: choice }).isVisible(), false)
      await page.getByRole('dialog').getByRole('button', { name: button }).click()
    }
    await choose('All but mine', 'End all others')
    await page.getByText(/^\d\d sessions were ended\.$/).waitFor()
    await page.locator('tbody tr:only-child').getByText('This one').waitFor()
    await choose('Everybody’s, mine too', 'End everybody’s')
    await page.getByText('Your session has ended.').waitFor()
    assert.deepEqual((await boards.unwatched.sessions.scan()).sessions, [])
    await done()
  })

  it('comes to less than 80 kB compressed', async () => {
    const context = await boards.browser.newContext()
    const page = await context.newPage()
    await page.goto(`${boards.app.url}/login/1`)
    let size = 0
    page.on('response', async (response) => {
      if (/\/(app-[^/]*)?$/.test(response.url())) size += gzipSync(await response.body()).length
    })
    await page.goto(`${boards.app.url}${boards.app.mount}/`)
    await page.waitForSelector('h1')
    assert.ok(size > 10_000 && size < 80_000, `${size} bytes`)
    await context.close()
  })
})
