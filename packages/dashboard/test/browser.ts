import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
]

/** The browser to test with: `CHROMIUM`, or where systems have it; `undefined` when there is none. */
export const executablePath = [process.env['CHROMIUM'], ...PLACES].find((path) => path !== undefined && path !== '' && existsSync(path))

/** For the test runner: why these tests do not run, or `false`. With `REQUIRE_SERVERS=1` they fail instead. */
export const skip =
  executablePath === undefined && process.env['REQUIRE_SERVERS'] !== '1'
    ? 'no Chromium here: apt-get install chromium, or name it by CHROMIUM=/path/to/chromium'
    : false

export async function launch(): Promise<Browser> {
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
  const { readFileSync } = await import('node:fs')
  await page.evaluate(readFileSync(axe, 'utf8'))
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> }
    }
    const found = await axe.run()
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
  })
}
