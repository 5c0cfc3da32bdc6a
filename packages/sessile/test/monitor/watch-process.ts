// A process of its own that watches sessions: told which were seen how often, it writes that and says so.
import { EventHub } from '../../src/core/events.ts'
import { activity } from '../../src/monitor/activity.ts'
import type { WatchedSession } from '../../src/monitor/options.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import express from 'express'
import { serve } from '../serve.ts'

export interface Visits {
  readonly handles: readonly string[]
  readonly times: number
}

const backend = sqliteStore({ file: process.argv[2]! })
const events = new EventHub()
const watching = activity({
  sessions: {
    backend,
    on: events.on.bind(events),
    describe: (req): WatchedSession => ({ handle: req.headers['x-session'] as string, createdAt: 0, expiresAt: Date.now() + 60_000 })
  },
  flushEvery: 10,
  storeTimeout: '30s'
})
const app = express()
app.use(watching, (_req, res) => {
  res.end()
})
const server = await serve(app)

process.on('message', async ({ handles, times }: Visits) => {
  for (let n = 0; n < times; n += 1) await Promise.all(handles.map((handle) => server.ask('GET', '/', { 'x-session': handle })))
  await watching.flush()
  process.send!({ done: true })
})
process.on('disconnect', async () => {
  await watching.close()
  await server[Symbol.asyncDispose]()
  await backend.close?.()
})
process.send!({ ready: true })
