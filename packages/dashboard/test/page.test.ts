import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { memoryStore } from 'sessile/stores/memory'
import type { SessionsPage } from '../../sessile/src/monitor/api-types.ts'
import { startApp, visitors } from './app.ts'
import { launch, overlaps, skip, violations } from './browser.ts'

type App = Awaited<ReturnType<typeof startApp>>

const VIEWS = ['overview', 'sessions', 'users', 'user/101', 'events', 'health']
const HEADINGS: Readonly<Record<string, string>> = {
  'user/7': 'User 7',
  overview: 'Overview',
  sessions: 'Sessions',
  users: 'Users',
  'user/101': 'User 101',
  events: 'Events',
  health: 'Store'
}

describe('the page', { skip }, () => {
  let browser: Browser
  let app: App
  /** Over a store that nobody watches, filled in part by express-session alone. */
  let unwatched: App
  let cookies: string[]

  before(async () => {
    browser = await launch()
    app = await startApp('memory:')
    unwatched = await startApp('memory:', { watched: false })
    cookies = await visitors(app.url, 60)
    await visitors(unwatched.url, 20)
    const data = '{"cookie":{"originalMaxAge":3600000},"userId":"of-before","cart":[1]}'
    const record = { data, expiresAt: Date.now() + 3_600_000, userId: 'of-before' }
    for (const { sessions } of [app, unwatched]) await sessions.backend.create('stored-by-express-session', record)
    await app.seen.flush()
  })
  after(async () => {
    await browser?.close()
    await app?.close()
    await unwatched?.close()
  })

  /** A signed-in administrator's page; every complaint of the browser is an error. */
  async function admin(options: object = {}, of = app): Promise<{ page: Page; complaints: string[]; done(): Promise<void> }> {
    const context = await browser.newContext(options)
    context.setDefaultTimeout(8000)
    const page = await context.newPage()
    const complaints: string[] = []
    await page.goto(`${of.url}/login/1`)
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(`${of.url}${of.mount}`)
    await page.waitForSelector('h1')
    return { page, complaints, done: () => context.close() }
  }

  const visit = async (page: Page, view: string) => {
    await page.evaluate((view) => void (location.hash = `#/${view}`), view)
    await page.getByRole('heading', { level: 1, name: HEADINGS[view.split('?')[0]!]!, exact: true }).waitFor()
    await page.waitForFunction(() => !document.querySelector('main')!.textContent.includes('Loading …'))
  }

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
      const { page, complaints, done } = await admin(options, watched ? app : unwatched)
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

  it('says what it does not know of a session that express-session stored', async () => {
    const { page, done } = await admin({}, unwatched)
    await visit(page, 'sessions?q=of-before')
    await page.locator('tbody tr:only-child a.handle').click()
    await page.getByRole('heading', { name: 'What it holds' }).waitFor()
    const facts = await page.locator('.facts').first().innerText()
    assert.match(facts, /Began\s+unknown\s+Signed in\s+unknown\s+Ends unless used\s+in \d+ min/)
    await done()
  })

  it('shows nothing of what is not watched, and says how it would come', async () => {
    const { page, done } = await admin({}, unwatched)
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
    const { page, done } = await admin()
    await page.getByRole('link', { name: 'Back to the app' }).click()
    await page.waitForURL(`${app.url}/`)
    await done()
  })

  it('shows the counts that the server has', async () => {
    const { page, done } = await admin()
    const live = await app.seen.live()
    await page.waitForFunction(
      (n) => document.getElementById('active5')?.textContent === String(n),
      live.active5.users + live.active5.guests
    )
    await app.seen.flush()
    const { totals } = await app.seen.analytics()
    await page.reload()
    for (const name of ['signIns', 'started'] as const)
      await page.waitForFunction(([id, n]) => document.getElementById(id!)?.textContent === n, [name, String(totals[name])])
    // counted anew every other second at most
    const stored = (await app.sessions.scan({ limit: 500 })).sessions.length
    await page.waitForFunction(
      async (n) => ((await (await fetch('api/overview')).json()) as { stored: { sessions: number } }).stored.sessions === n,
      stored
    )
    await page.reload()
    await page.waitForFunction((n) => document.getElementById('stored')?.textContent === String(n), stored)
    await done()
  })

  it('shows how often each session was changed, met another’s change, and how large records are', async () => {
    const { page, done } = await admin()
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
    const { page, done } = await admin()
    const answers: Promise<string>[] = []
    page.on('response', (response) => {
      // an answer that the page left before it was read has no text any more
      if (response.url().includes('/api/') && !response.url().includes('/live')) answers.push(response.text().catch(() => ''))
    })
    for (const view of VIEWS) await visit(page, view)
    const bodies = [await page.content(), ...(await Promise.all(answers))].filter((body) => body !== '')
    assert.ok(bodies.length > 5)
    for (const cookie of cookies) {
      const id = decodeURIComponent(cookie.split('=')[1]!).slice(2).split('.')[0]!
      assert.ok(bodies.every((body) => !body.includes(id)))
    }
    assert.ok(bodies.every((body) => !body.includes('not-for-your-eyes')))
    await done()
  })

  it('hears of a visitor without being reloaded', async () => {
    const { page, done } = await admin()
    await visit(page, 'events')
    await page.locator('.state.live').waitFor()
    await fetch(`${app.url}/login/4711`)
    await page.getByRole('link', { name: 'User 4711' }).first().waitFor({ timeout: 5000 })
    await done()
  })

  it('catches up with what happened while it was away', async () => {
    const { page, done } = await admin()
    await visit(page, 'events')
    await page.locator('.state.live').waitFor()
    app.dropConnections()
    await page.locator('.state.away').waitFor()
    await fetch(`${app.url}/login/4712`)
    await page.locator('.state.live').waitFor()
    await page.getByRole('link', { name: 'User 4712' }).first().waitFor({ timeout: 5000 })
    await done()
  })

  it('asks for nothing by itself while nobody is there, which would keep the session from ending', async () => {
    const { page, done } = await admin()
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

  it('asks whoever is not fresh to confirm who he is, by a link that leads back', async (t) => {
    const stale = await startApp('memory:', { options: { fresh: () => false } })
    t.after(() => stale.close())
    await fetch(`${stale.url}/login/7`)
    const { page, done } = await admin({}, stale)
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
    const signedIn = await fetch(`${app.url}/login/${user}`)
    const cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!
    await app.seen.flush()
    const { page, done } = await admin()
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
    assert.equal((await app.sessions.of(user)).length, 0)
    assert.ok(cookie)
    await done()
  })

  it('tells of a store that is down, and that it is back', async (t) => {
    const store = memoryStore()
    const down = await startApp(store)
    t.after(() => down.close())
    const { page, done } = await admin({}, down)
    await visit(page, 'health')
    const told = async (...words: string[]) => {
      for (const word of words) await page.locator('.figure b').getByText(word, { exact: true }).waitFor({ timeout: 12_000 })
    }
    await told('Answers', 'Closed')
    store.ping = () => Promise.reject(new Error('down'))
    await told('Down', 'Open')
    store.ping = () => {}
    await page.reload()
    await told('Answers', 'Closed')
    await done()
  })

  it('says so when its own session ends', async () => {
    const { page, done } = await admin()
    await page.locator('.state.live').waitFor()
    await app.sessions.revokeAll('1')
    await page.getByText('Your session has ended.').waitFor({ timeout: 3000 })
    await done()
  })

  it('ends all others’ sessions, then everybody’s', async () => {
    const { page, done } = await admin({}, unwatched)
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
    assert.deepEqual((await unwatched.sessions.scan()).sessions, [])
    await done()
  })

  it('comes to less than 80 kB compressed', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${app.url}/login/1`)
    let size = 0
    page.on('response', async (response) => {
      if (/\/(app-[^/]*)?$/.test(response.url())) size += gzipSync(await response.body()).length
    })
    await page.goto(`${app.url}${app.mount}/`)
    await page.waitForSelector('h1')
    assert.ok(size > 10_000 && size < 80_000, `${size} bytes`)
    await context.close()
  })
})

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
