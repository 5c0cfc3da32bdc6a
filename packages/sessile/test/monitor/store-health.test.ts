import assert from 'node:assert/strict'
import { it } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { session } from '../../src/express/factory.ts'
import { StoreHealth } from '../../src/monitor/store-health.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'

it('says that calls fail at once when they do, and not of a single one that failed', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  let isDown = false
  const store = wrapBackend(memoryStore(), (_operation, call) => {
    if (isDown) throw new Error('it is full')
    return call()
  })
  const sessions = session({ secret: 'teal lantern', resave: false, saveUninitialized: false, store })
  const health = new StoreHealth(sessions)
  t.after(async () => {
    health.close()
    await sessions.close()
  })
  const told = async () => {
    const { reachable, breaker, errors } = await health.read(0, 'a')
    return [reachable, breaker, errors]
  }
  assert.deepEqual(await told(), [true, 'closed', 0])
  isDown = true
  for (let errors = 1; errors < 5; errors++) assert.deepEqual(await told(), [false, 'closed', errors])
  assert.deepEqual(await told(), [false, 'open', 5])
  assert.deepEqual(await told(), [false, 'open', 5], 'the store is not asked')
  isDown = false
  assert.deepEqual(await told(), [false, 'open', 5], 'it rests for a second')
  t.mock.timers.tick(1000)
  assert.deepEqual(await told(), [true, 'closed', 5])
})
