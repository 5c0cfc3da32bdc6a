import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { METRICS } from '../../src/monitor/metrics.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { wrapBackend } from '../../src/core/backend.ts'
import { board, browser } from './board.ts'

const read = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8')

describe('what the docs of the monitor say', () => {
  it('of metrics: each by its name, its label and what it is', () => {
    const rows = [...read('metrics.md').matchAll(/^\| `sessile_(\w+)` \| (?:`(\w+)`)? *\| (.+) \|$/gm)].map((row) => row.slice(1))
    assert.deepEqual(
      rows,
      Object.entries(METRICS).map(([name, { help, label }]) => [name, label, help])
    )
  })

  it('of channels: the example makes a span of each store call, ended once, also where the answer comes later', async () => {
    const code = /```js\n([^]+?)```/.exec(read('channels.md'))![1]!.replace(/^import .*$/gm, '')
    const spans: { name: string; ended: number; failed: boolean }[] = []
    const startSpan = (name: string) => {
      const span = { name, ended: 0, failed: false }
      spans.push(span)
      return { end: () => void (span.ended += 1), setStatus: () => void (span.failed = true) }
    }
    const attach = new Function('tracingChannel', 'trace', 'SpanStatusCode', code)
    attach(tracingChannel, { getTracer: () => ({ startSpan }) }, { ERROR: 2 })
    const later = wrapBackend(memoryStore(), async (_operation, call) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return call()
    })
    for (const store of [memoryStore(), later]) {
      spans.length = 0
      await using app = await board(store)
      const visitor = browser(app.server)
      await visitor.ask('GET', '/')
      await visitor.ask('GET', '/')
      assert.ok(spans.some(({ name }) => name === 'session create') && spans.some(({ name }) => name === 'session swap'))
      await app.seen.flush()
      assert.ok(
        spans.every(({ ended, failed }) => ended === 1 && !failed),
        JSON.stringify(spans)
      )
    }
  })
})
