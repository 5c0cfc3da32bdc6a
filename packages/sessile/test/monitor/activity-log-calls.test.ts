import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { StoreCalls } from '../../src/core/calls.ts'
import { ActivityLog } from '../../src/monitor/activity-log.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'

const HOUR = 3_600_000

describe('what writing of activity asks of the store', () => {
  const space = memoryStore()
  const calls: string[] = []
  const counted = wrapBackend(space, (operation, call) => {
    calls.push(operation)
    return call()
  })
  const logOn = (): ActivityLog => new ActivityLog(counted, new StoreCalls(counted, { deadlineMs: 2000, passErrors: false }), 1000)
  const [one, other] = [logOn(), logOn()]
  const write = async (log: ActivityLog): Promise<string> => {
    calls.length = 0
    const at = Date.now()
    log.note(
      'a',
      { pages: 1, writes: 0, conflicts: 0, firstSeenAt: at, lastSeenAt: at, userAgent: 'x', ip: undefined, userId: undefined },
      at + HOUR
    )
    await log.flush()
    return calls.join(' ')
  }

  it('one call for a session that nobody else writes', async () => {
    assert.equal(await write(one), 'read create')
    assert.equal(await write(one), 'swap')
    assert.equal(await write(one), 'swap')
    one.forget()
    assert.equal(await write(one), 'read swap')
  })

  it('nothing is lost of one that another process writes, and it is read first from then on', async () => {
    assert.equal(await write(other), 'read swap')
    assert.equal(await write(one), 'swap read swap')
    assert.equal(await write(one), 'read swap')
    assert.equal(await write(other), 'swap read swap')
    assert.equal((await logOn().read('a'))?.pages, 8)
  })

  it('one that is gone is begun anew', async () => {
    const alone = logOn()
    await write(alone)
    await write(alone)
    await space.remove('a')
    assert.equal(await write(alone), 'swap read create')
    assert.equal((await alone.read('a'))?.pages, 1)
  })
})
