import { after, before } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { startApp, visitors } from './app.ts'
import { launch, skip } from './browser.ts'

type App = Awaited<ReturnType<typeof startApp>>

export const VIEWS = ['overview', 'sessions', 'users', 'user/101', 'events', 'health']
const HEADINGS: Readonly<Record<string, string>> = {
  'user/7': 'User 7',
  overview: 'Overview',
  sessions: 'Sessions',
  users: 'Users',
  'user/101': 'User 101',
  events: 'Events',
  health: 'Store'
}

/** A signed-in administrator's page; every complaint of the browser is among `complaints`. */
export interface Visit {
  readonly page: Page
  readonly complaints: readonly string[]
  done(): Promise<void>
}

/** Two dashboards and a browser for the tests of a file; they open before them and close after them. */
export function openBoards() {
  let browser: Browser
  let app: App
  let unwatched: App
  let cookies: string[]

  before(async () => {
    if (skip) return
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

  return {
    get browser() {
      return browser
    },
    get app() {
      return app
    },
    /** Over a store that nobody watches; in both stores one session is of express-session alone. */
    get unwatched() {
      return unwatched
    },
    /** Of the visitors of `app`. */
    get cookies() {
      return cookies
    },
    async admin(options: object = {}, of = app): Promise<Visit> {
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
  }
}

/** Goes to a view of the dashboard, and waits for what it shows. */
export async function visit(page: Page, view: string): Promise<void> {
  await page.evaluate((view) => void (location.hash = `#/${view}`), view)
  await page.getByRole('heading', { level: 1, name: HEADINGS[view.split('?')[0]!]!, exact: true }).waitFor()
  await page.waitForFunction(() => !document.querySelector('main')!.textContent.includes('Loading …'))
}
