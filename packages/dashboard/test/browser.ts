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

/** Which texts and controls of the page lie over one another, a line each. */
export function overlaps(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const all = [...document.querySelectorAll<HTMLElement>('main :is(h1, h2, p, dt, dd, th, td, button, summary, label, input, select)')]
    const boxes = all
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(
        ({ element, box }) => element.checkVisibility() && box.width > 1 && box.height > 1 && !element.closest('.chart, .hidden, thead')
      )
    const name = (element: HTMLElement) => `${element.localName} ${JSON.stringify(element.textContent.slice(0, 30))}`
    return boxes.flatMap(({ element, box }, place) =>
      boxes
        .slice(place + 1)
        .filter(({ element: other }) => !element.contains(other) && !other.contains(element))
        .filter(
          ({ box: { left, right, top, bottom } }) =>
            Math.min(box.right, right) - Math.max(box.left, left) > 1 && Math.min(box.bottom, bottom) - Math.max(box.top, top) > 1
        )
        .map(({ element: other }) => `${name(element)} and ${name(other)}`)
    )
  })
}
