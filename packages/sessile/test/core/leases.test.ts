import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { Leases } from '../../src/core/leases.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { attributesOf, badLine, change, recordsOn } from '../../src/testing/guarantees/tools.ts'
import { seededRandom } from '../../src/testing/random.ts'

test('one at a time, in one process and across several: code that reads, waits and writes loses nothing', async () => {
  for (const processes of [1, 3]) {
    const store = memoryStore()
    const random = seededRandom(processes)
    const all = Array.from({ length: processes }, () => {
      const { records } = recordsOn(processes === 1 ? store : badLine(store, random, 0))
      return { records, leases: new Leases(records, { leaseMs: 10_000, waitMs: 20_000 }) }
    })
    await recordsOn(store).records.create('k', change({ n: 0 }))
    let inside = 0
    await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const { records, leases } = all[at % processes]!
        const lease = await leases.take('k')
        assert.ok(lease !== 'gone')
        assert.equal(++inside, 1)
        const n = Number(attributesOf(lease.loaded.text)['n'])
        await new Promise((resolve) => setImmediate(resolve))
        await records.commit(lease.loaded, change({ n: n + 1 }))
        inside--
        await lease.release()
      })
    )
    const loaded = (await recordsOn(store).records.load('k'))!
    assert.deepEqual(attributesOf(loaded.text), { n: 30 })
    assert.equal(loaded.stored.meta.k, undefined)
  }
})

test('a holder that died is waited for no longer than its lease; a turn that does not come in time is refused', async () => {
  const store = memoryStore()
  const open = () => recordsOn(badLine(store, seededRandom(1), 0)).records
  await open().create('k', change({}))
  await new Leases(open(), { leaseMs: 150, waitMs: 1000 }).take('k')
  await assert.rejects(
    new Leases(open(), { leaseMs: 1000, waitMs: 20 }).take('k'),
    (error) => isSessionError(error) && error.code === 'conflict'
  )
  const lease = await new Leases(open(), { leaseMs: 1000, waitMs: 5000 }).take('k')
  assert.ok(lease !== 'gone')
})

test('a session that ends while requests wait for it is gone for them', async () => {
  const { records } = recordsOn(memoryStore())
  const leases = new Leases(records, { leaseMs: 1000, waitMs: 1000 })
  await records.create('k', change({}))
  const first = await leases.take('k')
  assert.ok(first !== 'gone')
  const waiting = leases.take('k')
  await records.destroy('k')
  await first.release()
  assert.equal(await waiting, 'gone')
})

test('giving a turn back to a session that ended is no late write', async () => {
  const shared = badLine(memoryStore(), seededRandom(1), 0)
  const { records, names } = recordsOn(shared)
  const leases = new Leases(records, { leaseMs: 1000, waitMs: 1000 })
  await records.create('k', change({}))
  const lease = await leases.take('k')
  assert.ok(lease !== 'gone')
  await records.destroy('k')
  await lease.release()
  assert.deepEqual(names(), ['created', 'destroyed', 'ended'])
})
