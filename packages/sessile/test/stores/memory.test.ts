import { strict as assert } from 'node:assert'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { CreateResult, ExpiredRecord, ScanPage, SessionBackend, StoredRecord } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { ExpiryQueue } from '../../src/stores/memory/expiry-queue.ts'
import { KeyIndex } from '../../src/stores/memory/key-index.ts'
import { Rows } from '../../src/stores/memory/rows.ts'
import { ShardedMap } from '../../src/stores/memory/sharded-map.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { memoryHarness } from './harnesses.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000

if (isSelected('memory')) {
  backendSuite(memoryHarness())

  describe('memoryStore', () => {
    let clock: FakeClock
    beforeEach(() => {
      clock = fakeClock()
    })
    afterEach(() => clock.restore())

    const put = (store: SessionBackend, key: string, lifeMs = HOUR): void => {
      assert.equal((store.create(key, { data: key, expiresAt: clock.now() + lifeMs }) as CreateResult).outcome, 'done')
    }
    const keysIn = (store: SessionBackend): string[] => (store.scan!(undefined, 1e6) as ScanPage).records.map(({ key }) => key).sort()

    it('answers in the same tick', () => {
      const store = memoryStore()
      put(store, 'a')
      assert.equal((store.read('a') as StoredRecord).data, 'a')
      assert.equal(store.extend('a', clock.now() + 2 * HOUR), true)
      assert.equal((store.remove('a') as StoredRecord).data, 'a')
      assert.equal(store.close!(), undefined)
    })

    it('pushes out the one that was longest not used when there are maxSessions', () => {
      const store = memoryStore({ maxSessions: 3 })
      for (const key of ['a', 'b', 'c']) put(store, key)
      store.read('a')
      put(store, 'd')
      assert.deepEqual(keysIn(store), ['a', 'c', 'd'])
      store.extend('c', clock.now() + 2 * HOUR)
      put(store, 'e')
      assert.deepEqual(keysIn(store), ['c', 'd', 'e'])
      assert.equal((store.create('e', { data: '', expiresAt: clock.now() + HOUR }) as CreateResult).outcome, 'taken')
      assert.deepEqual(keysIn(store), ['c', 'd', 'e'])
    })

    it('pushes out an expired one first', () => {
      const store = memoryStore({ maxSessions: 3 })
      put(store, 'old')
      put(store, 'brief', 1000)
      put(store, 'new')
      clock.advance(3000)
      put(store, 'newer')
      assert.deepEqual(keysIn(store), ['new', 'newer', 'old'])
    })

    it('does not count what is in spaces', () => {
      const store = memoryStore({ maxSessions: 1 })
      put(store, 'a')
      for (const key of ['x', 'y', 'z']) put(store.space!('marks'), key)
      assert.deepEqual(keysIn(store), ['a'])
      assert.deepEqual(keysIn(store.space!('marks')), ['x', 'y', 'z'])
    })

    it('sweeps its spaces along', () => {
      const store = memoryStore()
      put(store.space!('marks'), 'mark', 1000)
      put(store.space!('marks'), 'other')
      clock.advance(3000)
      assert.deepEqual(store.removeExpired!(10), [])
      assert.deepEqual(store.space!('marks').removeExpired!(10), [], 'they are swept already')
      assert.deepEqual(keysIn(store.space!('marks')), ['other'])
    })

    it('closes its spaces along', () => {
      const store = memoryStore()
      const marks = store.space!('marks')
      store.close!()
      assert.throws(
        () => marks.read('mark'),
        (error) => isSessionError(error) && error.code === 'store-closed'
      )
    })

    it('sweeps in batches while sessions come, go and are extended', () => {
      const random = seededRandom(7)
      const store = memoryStore()
      const ends = new Map<string, number>()
      const told = new Set<string>()
      for (let step = 0; step < 20_000; step++) {
        const key = `key-${Math.floor(random() * 3000)}`
        const life = Math.ceil(random() * 100_000)
        const end = ends.get(key) ?? 0
        const lives = end > clock.now()
        const choice = random()
        if (choice < 0.5) {
          const result = store.create(key, { data: key, expiresAt: clock.now() + life }) as CreateResult
          assert.equal(result.outcome, lives ? 'taken' : 'done')
          if (!lives) ends.set(key, clock.now() + life)
        } else if (choice < 0.7) {
          assert.equal(store.extend(key, clock.now() + life), lives)
          if (lives) ends.set(key, Math.max(end, clock.now() + life))
        } else if (choice < 0.8) {
          assert.equal(store.remove(key) !== undefined, lives)
          ends.delete(key)
        } else if (choice < 0.9) {
          const record = store.read(key) as StoredRecord | undefined
          assert.equal(record?.expiresAt, lives ? end : undefined)
          if (record) {
            store.swap(key, record.version, { data: key, expiresAt: clock.now() + life })
            ends.set(key, clock.now() + life)
          }
        } else {
          clock.advance(Math.floor(random() * 300))
          for (const { key: expired } of store.removeExpired!(5) as ExpiredRecord[]) {
            assert.ok(ends.get(expired)! <= clock.now())
            ends.delete(expired)
            told.add(expired)
          }
        }
      }
      clock.advance(102_000)
      for (let batch: readonly ExpiredRecord[]; (batch = store.removeExpired!(100) as ExpiredRecord[]).length > 0;) {
        for (const { key } of batch) ends.delete(key)
      }
      assert.deepEqual([...ends.keys()], [])
      assert.ok(told.size > 500)
    })

    it('says what is wrong with its options and cursors', () => {
      const code =
        (expected: string) =>
        (error: unknown): boolean =>
          isSessionError(error) && error.code === expected
      for (const maxSessions of [0, -1, 1.5, NaN, '5' as unknown as number]) {
        assert.throws(() => memoryStore({ maxSessions }), code('bad-option'))
      }
      assert.throws(() => memoryStore({ max: 5 } as object), code('bad-option'))
      assert.throws(() => memoryStore().scan!('nonsense', 5), code('bad-argument'))
    })
  })

  describe('the parts of the memory store', () => {
    it('the queue gives out rows in the order of their seconds, whatever was changed before', () => {
      const random = seededRandom(3)
      const queue = new ExpiryQueue()
      const start = 1_800_000_000_000
      const ends = new Map<number, number>()
      for (let step = 0; step < 5000; step++) {
        const row = Math.floor(random() * 800)
        if (random() < 0.3) {
          queue.delete(row)
          ends.delete(row)
        } else {
          const end = random() < 0.05 ? Infinity : start + Math.floor(random() * 1e6)
          queue.requeue(row, end)
          ends.set(row, end)
        }
      }
      for (const row of [...ends.keys()].slice(0, 200)) {
        const sooner = start + Math.floor(random() * 1e6)
        if (sooner < ends.get(row)!) {
          queue.set(row, sooner)
          ends.set(row, sooner)
        }
      }
      assert.equal(queue.first(start), -1)
      const expected = [...ends.values()]
        .filter(Number.isFinite)
        .map((end) => Math.ceil(end / 1000))
        .sort((one, other) => one - other)
      const seen: number[] = []
      for (let row: number; (row = queue.first(Number.MAX_SAFE_INTEGER)) !== -1;) {
        seen.push(Math.ceil(ends.get(row)! / 1000))
        assert.equal(queue.first(seen.at(-1)! * 1000 - 1), -1)
        queue.delete(row)
      }
      assert.deepEqual(seen, expected)
    })

    it('the map holds keys of any kind', () => {
      const map = new ShardedMap<number>()
      const keys = ['', 'a', 'ab', '漢字', '__proto__', ...Array.from({ length: 500 }, (_, index) => `user-${index}`)]
      keys.forEach((key, index) => map.set(key, index))
      assert.deepEqual(
        keys.map((key) => map.get(key)),
        keys.map((_, index) => index)
      )
      for (const key of keys) map.delete(key)
      assert.deepEqual(
        keys.filter((key) => map.get(key) !== undefined),
        []
      )
    })

    it('the index of keys finds what a map of them finds, however much comes and goes', () => {
      const random = seededRandom(7)
      const rows = new Rows()
      const index = new KeyIndex(rows)
      const known = new Map<string, number>()
      const keys = ['', '漢字', '__proto__', ...Array.from({ length: 20_000 }, (_, at) => `key-${at}`)]
      // grows to nearly all, shrinks to nearly none, and grows again
      for (const share of [0.95, 0.02, 0.5]) {
        for (const key of keys) {
          const row = known.get(key)
          if (random() < share) {
            if (row !== undefined) continue
            const taken = rows.take(key)
            index.add(key, taken)
            known.set(key, taken)
          } else if (row !== undefined) {
            index.delete(row)
            rows.free(row)
            known.delete(key)
          }
        }
        for (const key of keys) assert.equal(index.get(key), known.get(key))
      }
    })
  })
}
