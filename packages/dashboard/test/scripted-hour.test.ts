import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, mock } from 'node:test'
import { sqliteStore } from '../../sessile/src/stores/sqlite/backend.ts'
import { scriptedHour, scriptedProcess } from '../../sessile/test/monitor/scripted-hour.ts'
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
  })
})
