import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { StoreCalls } from '../../src/core/calls.ts'
import { ActivityLog } from '../../src/monitor/activity-log.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import type { Visits } from './watch-process.ts'

it('what two processes saw on one SQLite file adds up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sessile-activity-'))
  const file = join(folder, 'sessions.db')
  const processes: ChildProcess[] = []
  for (let n = 0; n < 2; n += 1) {
    const child = fork(join(import.meta.dirname, 'watch-process.ts'), [file])
    processes.push(child)
    await once(child, 'message')
  }
  const visits: Visits = { handles: Array.from({ length: 10 }, (_, n) => `h${n}`), times: 30 }
  await Promise.all(
    processes.map(async (child) => {
      child.send(visits)
      await once(child, 'message')
    })
  )
  await Promise.all(
    processes.map(async (child) => {
      child.disconnect()
      await once(child, 'exit')
    })
  )
  const backend = sqliteStore({ file })
  const log = new ActivityLog(backend.space!('activity'), new StoreCalls(backend, { deadlineMs: 2000, passErrors: false }), 10)
  for (const handle of visits.handles) assert.equal((await log.read(handle))?.pages, 60, handle)
  await backend.close?.()
  rmSync(folder, { recursive: true })
})
