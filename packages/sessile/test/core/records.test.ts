import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { change, recordsOn } from '../../src/testing/guarantees/tools.ts'

test('a store that does not answer in time gives store-timeout, one that throws store-failed with the cause', async () => {
  const never = recordsOn(
    wrapBackend(memoryStore(), () => new Promise(() => {})),
    { deadlineMs: 20 }
  )
  await assert.rejects(
    async () => never.records.load('k'),
    (error) => isSessionError(error) && error.code === 'store-timeout'
  )
  const cause = new Error('no route to host')
  const broken = recordsOn(
    wrapBackend(memoryStore(), () => {
      throw cause
    })
  )
  await assert.rejects(
    async () => broken.records.load('k'),
    (error) => isSessionError(error) && error.code === 'store-failed' && error.cause === cause
  )
  assert.deepEqual(broken.names(), ['store-error'])
})

test('a store that is down is left alone after some failures, and found again without a restart', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 })
  let down = false
  let calls = 0
  const { records } = recordsOn(
    wrapBackend(memoryStore(), (_operation, call) => {
      calls++
      if (down) throw new Error('connection refused')
      return call()
    })
  )
  await records.create('k', change({}))
  down = true
  for (let at = 0; at < 20; at++)
    await assert.rejects(
      async () => records.load('k'),
      (error) => isSessionError(error) && error.code === 'store-failed'
    )
  assert.equal(calls, 6)
  t.mock.timers.tick(1000)
  await assert.rejects(async () => records.load('k'))
  assert.equal(calls, 7, 'one call tries again')
  down = false
  t.mock.timers.tick(1000)
  assert.ok(await records.load('k'))
  assert.ok(await records.load('k'))
})

test('store calls are seen on tracing channels, failed ones with their error, without keys or data', async () => {
  const seen: string[] = []
  const channel = tracingChannel('sessile:store:read')
  const handlers = {
    start: (trace: unknown) => seen.push(`start ${JSON.stringify(trace)}`),
    end: () => seen.push('end'),
    asyncStart: () => seen.push('asyncStart'),
    asyncEnd: () => seen.push('asyncEnd'),
    error: (trace: unknown) => seen.push(`error ${(trace as { error: Error }).error.message}`)
  }
  channel.subscribe(handlers)
  const { records } = recordsOn(memoryStore())
  await records.load('k')
  assert.deepEqual(seen.splice(0), ['start {"store":"memory","operation":"read"}', 'end'])
  const late = recordsOn(
    wrapBackend(memoryStore(), async () => {
      throw new Error('cut')
    })
  )
  await assert.rejects(async () => late.records.load('k'))
  assert.deepEqual(seen, ['start {"store":"memory","operation":"read"}', 'end', 'error cut', 'asyncStart', 'asyncEnd'])
  channel.unsubscribe(handlers)
})

test('on a store that answers in the same tick nothing becomes a promise', () => {
  const { records } = recordsOn(memoryStore())
  const created = records.create('k', change({ a: 1 }))
  assert.ok(!(created instanceof Promise))
  const loaded = records.load('k')
  assert.ok(loaded && !(loaded instanceof Promise))
  assert.equal(records.commit(loaded, change({ a: 2 })), 'saved')
  assert.equal(records.touch(loaded, loaded.stored.expiresAt + 1), true)
  assert.equal(records.destroy('k'), true)
})
