import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { startShop, type TestShop } from '../helpers.ts'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
]

/** The browser to test with: `CHROMIUM`, or where systems have it; `undefined` when there is none. */
const executablePath = [process.env['CHROMIUM'], ...PLACES].find((path) => path !== undefined && path !== '' && existsSync(path))

/** For the test runner: why these tests do not run, or `false`. With `REQUIRE_SERVERS=1` they fail instead. */
export const skip =
  executablePath === undefined && process.env['REQUIRE_SERVERS'] !== '1'
    ? 'no Chromium here: apt-get install chromium, or name it by CHROMIUM=/path/to/chromium'
    : false

async function launch(): Promise<Browser> {
  const { chromium } = await import('playwright-core')
  if (executablePath === undefined)
    throw new Error('There is no Chromium here: apt-get install chromium, or name it by CHROMIUM=/path/to/chromium')
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync'
  ]
  return chromium.launch({ executablePath, args })
}

const require = createRequire(import.meta.url)
const axe = require.resolve('axe-core')

/** What axe finds wrong with a page, a line each. */
export async function violations(page: Page): Promise<string[]> {
  // By the debugger, so that the page's content security policy stays as it is.
  await page.evaluate(readFileSync(axe, 'utf8'))
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> }
    }
    const found = await axe.run()
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
  })
}

/** A visit of somebody new. */
export interface Visit {
  readonly page: Page
  readonly context: BrowserContext
}

/** A shop, and a browser to visit it with. */
export interface Site {
  readonly shop: TestShop
  /** Visits the shop with a browser of one's own. It fails where the browser complained of anything: scripts, the policy, other hosts. */
  visit(options: BrowserContextOptions, work: (visit: Visit) => Promise<void>): Promise<void>
}

/** The one site of the tests of a file; it opens before them and closes after them. */
export function openSite(): Site {
  let shop: TestShop
  let browser: Browser
  before(async () => {
    if (skip) return
    shop = await startShop()
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await shop?.close()
  })
  return {
    get shop() {
      return shop
    },
    visit: (options, work) => visit(browser, shop, options, work)
  }
}

async function visit(
  browser: Browser,
  shop: TestShop,
  options: BrowserContextOptions,
  work: (visit: Visit) => Promise<void>
): Promise<void> {
  const context = await browser.newContext({ baseURL: shop.url, ...options })
  const complaints: string[] = []
  context.on('page', (page) => {
    page.setDefaultTimeout(10_000)
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text())
    })
    page.on('request', (request) => {
      if (!request.url().startsWith(shop.url) && !request.url().startsWith('data:')) complaints.push(request.url())
    })
  })
  try {
    await work({ context, page: await context.newPage() })
    assert.deepEqual(complaints, [])
  } finally {
    await context.close()
  }
}

export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
export const link = (page: Page, name: string) => page.getByRole('link', { name, exact: true })
export const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true })
export const field = (page: Page, name: string) => page.getByLabel(name, { exact: true })
export const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name })

const SCREENS = join(import.meta.dirname, 'screens')

/** Keeps a picture of the whole page in `screens/`, which git does not. */
export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENS, { recursive: true })
  await page.screenshot({ path: join(SCREENS, `${name}.png`), fullPage: true })
}

/** How much of the page moved without anybody's having done something, since it was opened; 0 is nothing. */
export function layoutShift(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const { PerformanceObserver: Observer, requestAnimationFrame: frame } = globalThis as unknown as {
          PerformanceObserver: new (listener: (list: { getEntries(): { value: number; hadRecentInput: boolean }[] }) => void) => {
            observe(options: object): void
          }
          requestAnimationFrame(then: () => void): void
        }
        let sum = 0
        new Observer((list) => {
          for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value
        }).observe({ type: 'layout-shift', buffered: true })
        frame(() => frame(() => resolve(sum)))
      })
  )
}
