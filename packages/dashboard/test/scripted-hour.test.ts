import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, mock } from 'node:test'
import type { Overview } from '../../sessile/src/monitor/api-types.ts'
import { sqliteStore } from '../../sessile/src/stores/sqlite/backend.ts'
import { percentile, scriptedHour, scriptedProcess } from '../../sessile/test/monitor/scripted-hour.ts'
import { startApp } from './app.ts'
import { launch, skip } from './browser.ts'

const MINUTE = 60_000

describe('a scripted hour of 10,000 sessions over three processes', { skip }, () => {
  it('is on the page as it was', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sessile-hour-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'sessions.db')
    const start = Math.floor(Date.now() / MINUTE) * MINUTE - 58 * MINUTE
    const script = scriptedHour(start, 10_000)
    const stores = ['a', 'b', 'c'].map(() => sqliteStore({ file }))
    mock.timers.enable({ apis: ['Date'], now: start })
    const processes = stores.map((store, n) => scriptedProcess(store, `node-${n}`))
    const steps = script
      .flatMap((one) => [
        ...one.requests.map((at, n) => ({ at, run: () => processes[n % 3]!.visit(one) })),
        ...(one.ends ? [{ at: one.ends.at, run: () => processes[one.requests.length % 3]!.end(one) }] : [])
      ])
      .sort((one, other) => one.at - other.at)
    let flushedAt = start
    for (const { at, run } of steps) {
      if (at - flushedAt >= MINUTE) {
        flushedAt = at
        mock.timers.setTime(at)
        await Promise.all(processes.map(({ seen }) => seen.flush()))
      }
      mock.timers.setTime(at)
      run()
    }
    for (const { seen } of processes) await seen.close()
    mock.timers.reset()
    for (const store of stores) await store.close!()

    const app = await startApp(`sqlite:${file}`, { options: { authorize: () => true } })
    t.after(() => app.close())
    const browser = await launch()
    t.after(() => browser.close())
    const page = await browser.newPage({ locale: 'en' })
    await page.goto(`${app.url}${app.mount}/`)
    const text = async (id: string) => (await page.locator(`#${id}`).textContent())!.replaceAll(',', '')
    await page.locator('#started').waitFor()
    const requests = script.reduce((sum, { requests }) => sum + requests.length, 0)
    assert.deepEqual([await text('started'), await text('pages')], ['10000', String(requests)])
    const main = (await page.locator('main').innerText()).replaceAll(',', '')
    for (const reason of ['destroyed', 'revoked', 'expired'] as const) {
      const number = script.filter(({ ends }) => ends?.reason === reason).length
      assert.match(main, new RegExp(`\\b${reason}\\s+${number}\\b`, 'i'))
    }
    assert.match(main, /desktop\s+3334\s/i)

    // percentiles are the JSON's, and within the error that the page states of the truth
    const { day } = (await page.evaluate(async () => (await fetch('api/overview')).json())) as Overview
    const { duration, pagesPerSession } = day!.totals
    const error = Number(/at most (\d+) % off/.exec(main)![1]) / 100
    assert.equal(error, day!.totals.error)
    const over = script.filter(({ ends }) => ends !== undefined)
    assert.equal(duration.count, over.length)
    for (const [row, told, truth] of [
      [/^Duration/, duration, over.map(({ requests }) => (requests.at(-1)! - requests[0]!) / 1000)],
      [/^Pages/, pagesPerSession, over.map(({ requests }) => requests.length)]
    ] as const) {
      const cells = await page.getByRole('row', { name: row }).getByRole('cell').allInnerTexts()
      for (const [place, [name, share]] of (
        [
          ['p50', 0.5],
          ['p90', 0.9],
          ['p99', 0.99]
        ] as const
      ).entries()) {
        const [shown, exact] = [Number.parseInt(cells[place]!, 10), percentile(truth, share)]
        // the page rounds to whole seconds and pages
        assert.ok(Math.abs(shown - told[name]) <= 0.5, `${name}: ${cells[place]} on the page, ${told[name]} in the JSON`)
        assert.ok(Math.abs(told[name] - exact) <= error * exact, `${name}: ${told[name]} in place of ${exact}`)
      }
    }
  })
})
