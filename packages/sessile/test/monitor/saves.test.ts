import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import express from 'express'
import * as client from 'prom-client'
import { session } from '../../src/express/factory.ts'
import { activity } from '../../src/monitor/activity.ts'
import { dashboard } from '../../src/monitor/dashboard.ts'
import { metrics } from '../../src/monitor/metrics.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { serve } from '../serve.ts'
import { browser } from './board.ts'

type Attributes = Record<string, unknown>

/** An app whose requests to `/set/NAME` hold their session until two of them do. */
async function app() {
  const sessions = session({ secret: 'teal lantern', resave: false, saveUninitialized: false, store: memoryStore(), touchSlack: '5m' })
  const seen = activity({ sessions, flushEvery: '1h' })
  const register = new client.Registry()
  const stop = metrics({ sessions, client, register })
  const of = (req: object) => (req as { session: Attributes }).session
  let waiting: (() => void)[] = []
  const board = dashboard(sessions, { activity: seen, authorize: () => true })
  const server = await serve(
    express()
      .use(sessions, seen)
      .use('/board', board)
      .get('/begin/:size', (req, res) => {
        of(req)['text'] = 'x'.repeat(Number(req.params.size))
        res.json(sessions.describe(req)!.handle)
      })
      .get('/set/:name', async (req, res) => {
        of(req)[String(req.params.name)] = 1
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          if (waiting.length < 2) return
          for (const go of waiting) go()
          waiting = []
        })
        res.json({})
      })
      .get('/', (_req, res) => res.json({}))
  )
  return {
    server,
    seen,
    async metric(name: string): Promise<number> {
      const line = (await register.metrics()).split('\n').find((one) => one.startsWith(`sessile_${name} `))
      return Number(line?.split(' ')[1])
    },
    async [Symbol.asyncDispose]() {
      stop()
      board.close()
      await server[Symbol.asyncDispose]()
      await seen.close()
      await sessions.close()
    }
  }
}

describe('saves', () => {
  it('E2: a row says how often its record was written, and how often that met another change', async () => {
    await using site = await app()
    const visitor = browser(site.server)
    const handle = (await visitor.ask('GET', '/begin/10')).json
    const row = async () => (await visitor.ask('GET', `/board/api/sessions?q=${handle}`)).json.sessions[0]
    const told = async () => {
      const { version, conflicts } = await row()
      return { version, conflicts }
    }
    assert.deepEqual(await told(), { version: 1, conflicts: 0 })
    await visitor.ask('GET', '/')
    assert.deepEqual(await told(), { version: 1, conflicts: 0 })
    await Promise.all([visitor.ask('GET', '/set/a'), visitor.ask('GET', '/set/b')])
    assert.deepEqual(await told(), { version: 3, conflicts: 1 })
    await site.seen.flush()
    await Promise.all([visitor.ask('GET', '/set/c'), visitor.ask('GET', '/set/d')])
    await site.seen.flush()
    assert.deepEqual(await told(), { version: 5, conflicts: 2 })
  })

  it('E6: writes, retries, skipped ones and the sizes of records, in the metrics and in JSON', async () => {
    await using site = await app()
    const visitor = browser(site.server)
    const health = async () => (await visitor.ask('GET', '/board/api/health')).json
    await visitor.ask('GET', '/begin/10')
    await browser(site.server).ask('GET', '/begin/2000')
    // its time is moved, and further than was asked
    await visitor.ask('GET', '/')
    const { skipped } = await health()
    await visitor.ask('GET', '/')
    await Promise.all([visitor.ask('GET', '/set/a'), visitor.ask('GET', '/set/b')])
    const found = await health()
    assert.deepEqual([found.saves, found.retries, found.merged], [4, 1, 1])
    // the one of `/`, and the one of the first question
    assert.equal(found.skipped - skipped, 2)
    assert.deepEqual(
      found.sizes.filter(({ records }: { records: number }) => records > 0),
      [
        { upTo: 256, records: 3 },
        { upTo: 4096, records: 1 }
      ]
    )
    assert.deepEqual([await site.metric('saves_total'), await site.metric('save_retries_total')], [4, 1])
    assert.ok((await site.metric('saves_skipped_total')) >= found.skipped)
    assert.deepEqual([await site.metric('record_bytes_bucket{le="256"}'), await site.metric('record_bytes_bucket{le="4096"}')], [3, 4])
    assert.equal(await site.metric('record_bytes_count'), 4)
  })
})
