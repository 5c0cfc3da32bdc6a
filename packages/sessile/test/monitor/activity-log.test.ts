import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import fc from 'fast-check'
import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { StoreCalls } from '../../src/core/calls.ts'
import { ActivityLog } from '../../src/monitor/activity-log.ts'
import { together, understood, written, type Sightings } from '../../src/monitor/activity-record.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'

const HOUR = 3_600_000

function seen(pages = 1, at = Date.now(), more: Partial<Sightings> = {}): Sightings {
  return {
    pages,
    writes: 0,
    conflicts: 0,
    firstSeenAt: at,
    lastSeenAt: at,
    userAgent: undefined,
    ip: undefined,
    userId: undefined,
    ...more
  }
}

function logOn(space: SessionBackend, maxPending = 1000): ActivityLog {
  return new ActivityLog(space, new StoreCalls(space, { deadlineMs: 2000, passErrors: false }), maxPending)
}

let calls = 0
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

const pagesOf = async (log: ActivityLog, handle: string): Promise<number | undefined> => (await log.read(handle))?.pages

describe('activity records', () => {
  it('are read as they were written', () => {
    const one = { seen: seen(3, 5, { writes: 2, conflicts: 1, userAgent: 'x', ip: '::1', userId: '7' }), tags: ['a', 'b'] }
    assert.deepEqual(understood(written(one)), one)
    const bare = { seen: seen(0, 5), tags: [] }
    assert.deepEqual(understood(written(bare)), bare)
    const moved = { movedTo: 'h', tags: ['c'] }
    assert.deepEqual(understood(written(moved)), moved)
  })

  it('what is no record of ours is none', () => {
    for (const data of [undefined, '', '{', '[]', 'null', '{"n":"3"}', '{"cookie":{}}']) assert.equal(understood(data), undefined)
  })

  it('add up in any order', () => {
    const any = fc.record({
      pages: fc.nat(9),
      writes: fc.nat(9),
      conflicts: fc.nat(9),
      firstSeenAt: fc.nat(99),
      lastSeenAt: fc.nat(99),
      userAgent: fc.constant('x'),
      ip: fc.constant('y'),
      userId: fc.constant(undefined)
    })
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        assert.deepEqual(together(together(a, b), c), together(a, together(c, b)))
      })
    )
  })
})

const stores: readonly [string, () => SessionBackend][] = [
  ['memory', () => memoryStore().space!('activity')],
  [
    'memory, a way off',
    () =>
      wrapBackend(memoryStore().space!('activity'), async (_operation, call) => {
        await turn()
        const answer = await call()
        // answers may overtake each other
        calls += 1
        for (let turns = calls % 5; turns >= 0; turns -= 1) await turn()
        return answer
      })
  ],
  ['SQLite', () => sqliteStore({ file: ':memory:' }).space!('activity')]
]

for (const [name, make] of stores) {
  describe(`ActivityLog on ${name}`, () => {
    afterEach(() => mock.timers.reset())

    it('knows what was seen before anything is stored, and after', async () => {
      const space = make()
      const log = logOn(space)
      log.note('a', seen(1, 10), Date.now() + HOUR)
      log.note('a', seen(2, 20, { userAgent: 'later' }), Date.now() + HOUR)
      assert.deepEqual(await log.read('a'), { ...seen(3, 10), lastSeenAt: 20, userAgent: 'later' })
      assert.equal(await space.read('a'), undefined)
      await log.flush()
      assert.equal(log.size, 0)
      log.note('a', seen(1, 30), Date.now() + HOUR)
      assert.equal(await pagesOf(log, 'a'), 4)
      assert.equal(await pagesOf(logOn(space), 'a'), 3)
      assert.equal(await log.read('b'), undefined)
    })

    it('counts of several processes add up, whatever order they are written in', async () => {
      const space = make()
      const logs = Array.from({ length: 5 }, () => logOn(space))
      for (let round = 0; round < 10; round += 1) {
        for (const [n, log] of logs.entries())
          for (let handle = 0; handle < 10; handle += 1) log.note(`h${handle}`, seen(n + 1), Date.now() + HOUR)
        await Promise.all(logs.map((log) => log.flush()))
      }
      for (let handle = 0; handle < 10; handle += 1) assert.equal(await pagesOf(logs[0]!, `h${handle}`), 10 * (1 + 2 + 3 + 4 + 5))
    })

    it('reads are right while a flush is under way and more is seen', async () => {
      const log = logOn(make())
      let pages = 0
      for (let round = 0; round < 50; round += 1) {
        log.note('a', seen(), Date.now() + HOUR)
        pages += 1
        const flushing = log.flush()
        const before = pagesOf(log, 'a')
        assert.equal(await before, pages)
        log.note('a', seen(), Date.now() + HOUR)
        pages += 1
        assert.equal(await pagesOf(log, 'a'), pages)
        await flushing
      }
      await log.flush()
      assert.equal(await pagesOf(log, 'a'), pages)
    })

    it('reads are right at every moment of a flush', async () => {
      const log = logOn(make())
      for (let pages = 1; pages <= 40; pages += 1) {
        log.note('a', seen(), Date.now() + HOUR)
        const progress = { done: false }
        const flushing = log.flush().finally(() => {
          progress.done = true
        })
        while (!progress.done) {
          const reading = pagesOf(log, 'a')
          for (let turns = 0; turns < pages % 4; turns += 1) await turn()
          assert.equal(await reading, pages)
        }
        await flushing
      }
    })

    it('counts once when an id changes or a session ends at any moment of a flush', async () => {
      for (let moment = 0; moment < 8; moment += 1) {
        const log = logOn(make())
        for (const handle of ['old', 'over']) log.note(handle, seen(), Date.now() + HOUR)
        const flushing = log.flush()
        for (let turns = 0; turns < moment; turns += 1) await (moment % 2 ? Promise.resolve() : turn())
        log.move('old', 'new')
        log.end('over')
        await flushing
        await log.flush()
        assert.equal(await pagesOf(log, 'new'), 1, `moment ${moment}`)
        assert.equal(await pagesOf(log, 'old'), undefined)
        assert.equal(await pagesOf(log, 'over'), undefined)
      }
    })

    it('counts follow a session to its new id, also what other processes learn late', async () => {
      const space = make()
      const [one, other] = [logOn(space), logOn(space)]
      one.note('old', seen(2, 10), Date.now() + HOUR)
      await one.flush()
      other.note('old', seen(3, 20), Date.now() + HOUR)
      one.note('old', seen(1, 30), Date.now() + HOUR)
      one.move('old', 'new')
      assert.equal(await pagesOf(one, 'new'), 3)
      one.note('new', seen(1, 40), Date.now() + HOUR)
      assert.equal(await pagesOf(one, 'new'), 4)
      await one.flush()
      await other.flush()
      assert.equal(await pagesOf(other, 'new'), 7)
      assert.equal((await one.read('new'))!.firstSeenAt, 10)
      assert.equal(await one.read('old'), undefined)
    })

    it('counts follow through several new ids at once', async () => {
      const space = make()
      const [one, other] = [logOn(space), logOn(space)]
      one.note('a', seen(1), Date.now() + HOUR)
      await one.flush()
      other.note('a', seen(1), Date.now() + HOUR)
      one.move('a', 'b')
      one.note('b', seen(1), Date.now() + HOUR)
      one.move('b', 'c')
      await one.flush()
      await other.flush()
      assert.equal(await pagesOf(one, 'c'), 3)
    })

    it('forgets a session that ended', async () => {
      const space = make()
      const log = logOn(space)
      log.note('a', seen(), Date.now() + HOUR)
      await log.flush()
      log.note('a', seen(), Date.now() + HOUR)
      log.end('a')
      await log.flush()
      assert.equal(await log.read('a'), undefined)
      const left = understood((await space.read('a'))?.data)
      assert.ok(left && 'ending' in left)
      assert.equal(left.ending.pages, 2)
    })

    it('what was seen expires with the session', async () => {
      mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
      const space = make()
      const log = logOn(space)
      log.note('a', seen(), 1_000_000 + HOUR)
      await log.flush()
      log.note('a', seen(0), 1_000_000 + 2 * HOUR)
      await log.flush()
      // another process that knows of an earlier end takes nothing away
      const other = logOn(space)
      other.note('a', seen(0), 1_000_000 + HOUR)
      await other.flush()
      mock.timers.setTime(1_000_000 + 2 * HOUR - 1)
      assert.equal(await pagesOf(log, 'a'), 1)
      mock.timers.setTime(1_000_000 + 2 * HOUR + 1)
      assert.equal(await log.read('a'), undefined)
    })
  })
}

describe('ActivityLog under faults', () => {
  it('holds only so many sessions', async () => {
    const log = logOn(memoryStore().space!('activity'), 3)
    for (const handle of ['a', 'b', 'c', 'd']) log.note(handle, seen(), Date.now() + HOUR)
    assert.equal(log.size, 3)
    assert.equal(await log.read('a'), undefined)
    assert.equal(await pagesOf(log, 'd'), 1)
  })

  it('keeps what could not be written, and says why', async () => {
    let down = true
    const log = logOn(
      wrapBackend(memoryStore(), (_operation, call) => {
        if (down) throw new Error('down')
        return call()
      })
    )
    for (const handle of ['a', 'b']) log.note(handle, seen(), Date.now() + HOUR)
    await assert.rejects(log.flush(), /down/)
    log.note('a', seen(), Date.now() + HOUR)
    down = false
    await log.flush()
    assert.equal(await pagesOf(log, 'a'), 2)
    assert.equal(await pagesOf(log, 'b'), 1)
  })

  it('counts once when answers are lost, whether the write landed or not', async () => {
    // random writes fail before or after they land, while two processes count and ids change
    for (let seed = 1; seed <= 300; seed += 1) {
      let state = seed
      const random = (): number => {
        state = (state * 48271) % 2147483647
        return state / 2147483647
      }
      let faults = true
      const inner = memoryStore()
      const faulty = wrapBackend(inner, async (operation, call) => {
        const dice = faults && operation !== 'read' ? random() : 1
        if (dice < 0.2) throw new Error('lost before')
        const answer = await call()
        if (dice < 0.4) throw new Error('lost after')
        return answer
      })
      const logs = [logOn(faulty), logOn(faulty)]
      let expected = 0
      let current = 'h0'
      let stale = 'h0'
      for (let step = 0; step < 12; step += 1) {
        const which = random() < 0.5 ? 0 : 1
        logs[which]!.note(which === 0 ? current : stale, seen(), Date.now() + HOUR)
        expected += 1
        if (random() < 0.2) {
          const next = `h${step + 1}`
          logs[0]!.move(current, next)
          current = next
        } else if (random() < 0.3) {
          stale = current
        }
        if (random() < 0.4) await Promise.all(logs.map((log) => log.flush().catch(() => {})))
      }
      faults = false
      for (let round = 0; round < 3; round += 1) for (const log of logs) await log.flush()
      assert.equal(await pagesOf(logs[1]!, current), expected, `seed ${seed}`)
    }
  })
})
