import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { wrapBackend } from '../../../src/core/backend.ts'
import { now } from '../../../src/core/clock.ts'
import { memoryStore } from '../../../src/stores/memory/backend.ts'
import { migrateSessions } from '../../../src/stores/moving/migrate.ts'
import { movingFrom } from '../../../src/stores/moving/moving-from.ts'
import { fakeClock } from '../../../src/testing/fake-clock.ts'
import { change, HOUR, recordsOn } from '../../../src/testing/guarantees/tools.ts'

const cookie = { originalMaxAge: HOUR, path: '/' }
const record = (attributes: object, expiresAt = now() + HOUR) => ({ data: JSON.stringify({ cookie, ...attributes }), expiresAt })

describe('migrateSessions', () => {
  it('keeps ids, data, ends and users, and its counts add up', async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    const end = now() + HOUR
    await from.create('with index', { ...record({ a: 1 }, end), userId: 'ada' })
    await from.create('without index', record({ userId: 7 }, end))
    await from.create('by passport', record({ passport: { user: 'bob' } }, end))
    await from.create('for ever', record({}, Infinity))
    await from.create('there', record({ old: true }))
    await to.create('there', record({ newer: true }))
    await from.create('no JSON', { data: 'nonsense', expiresAt: end })
    const seen: number[] = []
    const done = await migrateSessions({ from, to, batch: 2, onProgress: ({ read }) => seen.push(read) })
    assert.deepEqual(done, { read: 6, moved: 5, alreadyThere: 1, different: 1, expired: 0, failed: 0, complete: true, failures: {} })
    assert.deepEqual(seen, [2, 4, 6])
    for (const key of ['with index', 'without index', 'by passport', 'for ever', 'no JSON']) {
      const [was, is] = [(await from.read(key))!, (await to.read(key))!]
      assert.deepEqual([is.data, is.expiresAt], [was.data, was.expiresAt])
    }
    assert.equal((await to.read('with index'))!.expiresAt, end)
    assert.match((await to.read('there'))!.data, /newer/)
    for (const [user, key] of [
      ['ada', 'with index'],
      ['7', 'without index'],
      ['bob', 'by passport']
    ] as const)
      assert.deepEqual(await to.keysOfUser!(user), [key])
    const again = await migrateSessions({ from, to })
    assert.deepEqual([again.moved, again.alreadyThere, again.different], [0, 6, 1])
  })

  it('writes nothing in a dry run, and tells the same', async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    for (let n = 0; n < 5; n++) await from.create(`k${n}`, record({ n }))
    await to.create('k1', record({ n: 1 }))
    const dry = await migrateSessions({ from, to, dryRun: true, remove: true })
    assert.deepEqual([dry.read, dry.moved, dry.alreadyThere], [5, 4, 1])
    assert.equal((await to.scan!(undefined, 10)).records.length, 1)
    assert.equal((await from.scan!(undefined, 10)).records.length, 5)
    const { read, moved, alreadyThere } = await migrateSessions({ from, to, remove: true })
    assert.deepEqual([read, moved, alreadyThere], [5, 4, 1])
    assert.equal((await from.scan!(undefined, 10)).records.length, 0)
  })

  it('does not take out of the old store what the new one has otherwise', async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    await from.create('k', record({ later: true }))
    await to.create('k', record({}))
    assert.equal((await migrateSessions({ from, to, remove: true })).different, 1)
    assert.ok(await from.read('k'))
  })

  it('counts what failed with its reason, and gives up where the store is away', async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    for (let n = 0; n < 5; n++) await from.create(`k${n}`, record({ n }))
    const picky = wrapBackend(to, (operation, call) => call())
    const some = await migrateSessions({
      from,
      to: {
        ...picky,
        create: (key, next) => {
          if (key === 'k3') throw new Error('disk full')
          return to.create(key, next)
        }
      }
    })
    assert.deepEqual([some.read, some.moved, some.failed], [5, 4, 1])
    assert.match(Object.keys(some.failures)[0]!, /disk full/)
    const away = wrapBackend(memoryStore(), (operation, call) => {
      if (operation === 'create') throw new Error('connection refused')
      return call()
    })
    await assert.rejects(async () => migrateSessions({ from, to: away }), { code: 'store-failed' })
    assert.equal((await migrateSessions({ from, to })).moved, 1)
  })

  it('refuses what cannot be meant', async () => {
    const store = memoryStore()
    await assert.rejects(migrateSessions({ from: store, to: store }), { code: 'bad-argument' })
    await assert.rejects(migrateSessions({ from: 'sqlite:x.db', to: 'sqlite:x.db' }), { code: 'bad-argument' })
    await assert.rejects(migrateSessions({ from: store, to: memoryStore(), batch: 0 }), { code: 'bad-option' })
    await assert.rejects(migrateSessions({ from: { ...store, scan: undefined! }, to: memoryStore() }), { code: 'not-supported' })
  })
})

describe('movingFrom', () => {
  it('moves a session when it is met, with its user, and takes it out of the old store', async () => {
    const [from, to] = [memoryStore(), memoryStore()]
    await from.create('k', record({ userId: 7, cart: [1] }))
    const { records } = recordsOn(movingFrom(from, to))
    const loaded = await records.load('k')
    assert.equal(loaded!.userId, '7')
    assert.deepEqual([await from.read('k'), await to.keysOfUser!('7')], [undefined, ['k']])
  })

  it('a copy that comes after the end of its session does not land, at whatever step it was', async () => {
    for (let step = 0; step < 4; step++) {
      const [from, to] = [memoryStore(), memoryStore()]
      await from.create('k', record({}))
      let calls = 0
      let go: () => void = () => {}
      const held = new Promise<void>((resolve) => (go = resolve))
      const slow = (backend: typeof from) =>
        wrapBackend(backend, async (_operation, call) => {
          if (calls++ === step) await held
          return call()
        })
      const reading = recordsOn(movingFrom(slow(from), slow(to))).records.load('k')
      const { records } = recordsOn(movingFrom(from, to))
      assert.equal(await records.destroy('k'), true)
      go()
      await reading
      assert.equal(await records.load('k'), undefined, `it came back at step ${step}`)
      assert.equal(await recordsOn(to).records.load('k'), undefined, `it came back at step ${step}`)
      assert.equal((await migrateSessions({ from, to })).moved, 0)
    }
  })

  it('an old record that a crash has left is not seen again when a shorter life has ended', async (t) => {
    const clock = fakeClock()
    t.after(() => clock.restore())
    const [from, to] = [memoryStore(), memoryStore()]
    await from.create('k', record({ role: 'admin' }))
    // it died between the copy and the removal
    await to.create('k', (await from.read('k'))!)
    const { records } = recordsOn(movingFrom(from, to))
    const loaded = (await records.load('k'))!
    assert.equal(await records.commit(loaded, change({ role: 'none' }, { expiresAt: now() + 1000 })), 'saved')
    clock.advance(2000)
    assert.equal(await records.load('k'), undefined)
  })
})
