import { strict as assert } from 'node:assert'
import { now, pause } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import { seededRandom } from '../random.ts'
import type { LawTest, Stand } from '../harness.ts'
import { created, doneVersion, fresh, HOUR, mustRead, together } from './tools.ts'
import type { NewRecord, Version } from '../../core/backend.ts'

/** Laws 10 to 12: outcomes and breakdowns, same tick or later, closing. */
export const answeringLaws: readonly LawTest[] = [
  {
    name: 'law 10: what may be expected is an outcome, never a throw',
    async run({ backend }) {
      const { key: removed, version } = await created(backend)
      await backend.remove(removed)
      for (const key of [removed, newId(), 'a', 'x'.repeat(200), 'k:{1}*? %_\'"\\']) {
        assert.equal(await backend.read(key), undefined)
        assert.equal((await backend.swap(key, version, fresh())).outcome, 'gone')
        assert.equal(await backend.extend(key, now() + HOUR), false)
        assert.equal(await backend.remove(key), undefined)
        doneVersion(await backend.create(key, fresh()))
        assert.equal((await backend.create(key, fresh())).outcome, 'taken')
        await mustRead(backend, key)
      }
    }
  },
  {
    name: 'law 10: a store that cannot answer throws, and never answers that nothing is there',
    needs: ['stop'],
    async run(stand) {
      const { backend, harness } = stand
      const { key, data, version } = await created(backend)
      const next = fresh()
      await harness.stop!()
      try {
        for (const record of await answered(() => backend.read(key))) assert.equal(record?.data, data)
        for (const { outcome } of await answered(() => backend.swap(key, version, next))) assert.equal(outcome, 'done')
        for (const { outcome } of await answered(() => backend.create(key, fresh()))) assert.equal(outcome, 'taken')
        for (const found of await answered(() => backend.extend(key, now() + HOUR))) assert.equal(found, true)
      } finally {
        await harness.start!()
      }
      await recovered(stand, key)
      const record = await mustRead(backend, key)
      assert.ok([data, next.data].includes(record.data))
      doneVersion(await backend.swap(key, record.version, fresh()))
    }
  },
  {
    name: 'law 11: each call gets its own answer, however many are under way',
    async run({ backend, view }) {
      const all = await together(30, async (index) => ({ ...(await created(view(index))), index }))
      const reads = await together(30, (index) => view(index + 1).read(all[index]!.key))
      assert.deepEqual(
        reads.map((record) => record?.data),
        all.map(({ data }) => data)
      )
      const nexts = all.map(() => fresh())
      const swaps = await together(30, (index) => backend.swap(all[index]!.key, reads[index]!.version, nexts[index]!))
      assert.equal(new Set(reads).size, 30)
      assert.deepEqual(
        reads.map((record) => record?.data),
        all.map(({ data }) => data),
        'an answer changed after it was given'
      )
      const again = await together(30, (index) => backend.swap(all[index]!.key, doneVersion(swaps[index]!), fresh()))
      assert.ok(again.every(({ outcome }) => outcome === 'done'))
    }
  },
  ...[1, 2, 3].map((seed): LawTest => ({
    name: `law 11: 150 operations by chance answer as a plain table would (seed ${seed})`,
    run: (stand) => compareWithModel(stand, seed)
  })),
  {
    name: 'law 12: after close every call fails at once',
    needs: ['close'],
    async run({ backend }) {
      const { key, version } = await created(backend)
      await backend.close!()
      await backend.close!()
      const calls: Record<string, () => unknown> = {
        read: () => backend.read(key),
        create: () => backend.create(newId(), fresh()),
        swap: () => backend.swap(key, version, fresh()),
        extend: () => backend.extend(key, now() + HOUR),
        remove: () => backend.remove(key)
      }
      for (const [name, call] of Object.entries(calls)) {
        const before = performance.now()
        await assert.rejects(
          async () => await call(),
          () => true,
          `${name} should fail`
        )
        assert.ok(performance.now() - before < 1000, `${name} took its time to fail`)
      }
    }
  },
  {
    name: 'law 12: nothing of a closed store keeps the process alive',
    needs: ['close'],
    async run({ harness }) {
      const before = resources()
      const backend = await harness.make()
      const { key } = await created(backend)
      await mustRead(backend, key)
      await backend.close!()
      for (let tries = 0; tries < 50 && exceeds(resources(), before).length > 0; tries++) await pause(20)
      assert.deepEqual(exceeds(resources(), before), [])
    }
  }
]

/** The answer in a list, or an empty list when there was none. */
async function answered<T>(call: () => T | Promise<T>): Promise<T[]> {
  try {
    return [await call()]
  } catch {
    return []
  }
}

/** Waits until the store answers again, which it must without being opened anew. */
async function recovered({ backend }: Stand, key: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await answered(() => backend.extend(key, now() + HOUR))).length > 0) return
    await pause(100)
  }
  assert.fail('the store did not come back within ten seconds')
}

/** What keeps the event loop alive, without what is over by its next turn. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const type of process.getActiveResourcesInfo()) {
    if (type !== 'Immediate' && type !== 'TickObject') counts.set(type, (counts.get(type) ?? 0) + 1)
  }
  return counts
}

function exceeds(counts: Map<string, number>, limits: Map<string, number>): string[] {
  return [...counts].filter(([type, count]) => count > (limits.get(type) ?? 0)).map(([type]) => type)
}

interface ModelRecord {
  next: NewRecord
  version: Version | undefined
  staleVersions: Version[]
}

/**
 * Runs calls by chance on the store and on a map, and compares every outcome. Lives end far from any moment at which they are
 * looked at.
 */
async function compareWithModel({ backend, harness, exact }: Stand, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!
  const model = new Map<string, ModelRecord>()
  const live = (key: string): ModelRecord | undefined => {
    const known = model.get(key)
    return known && known.next.expiresAt > now() ? known : undefined
  }
  const next = (): NewRecord => {
    const userId = pick([undefined, 'ada', 'bob'])
    return fresh({ expiresAt: now() + pick([0.5, 1.5, 2.5]) * HOUR, ...(userId === undefined ? {} : { userId }) })
  }
  const steps: Record<string, (key: string, log: string) => Promise<void>> = {
    async create(key, log) {
      const given = next()
      const result = await backend.create(key, given)
      assert.equal(result.outcome, live(key) ? 'taken' : 'done', log)
      if (result.outcome === 'done') model.set(key, { next: given, version: result.version, staleVersions: [] })
    },
    async swap(key, log) {
      const known = live(key)
      const version = known?.version ?? (await backend.read(key))?.version
      if (!known || version === undefined) return assert.equal(version, undefined, log)
      const given = next()
      known.staleVersions.push(version)
      known.version = doneVersion(await backend.swap(key, version, given))
      known.next = given
    },
    async swapStale(key, log) {
      const stale = pick(model.get(key)?.staleVersions ?? [])
      if (stale === undefined) return
      assert.equal((await backend.swap(key, stale, next())).outcome, live(key) ? 'changed' : 'gone', log)
    },
    async extend(key, log) {
      const expiresAt = now() + pick([0.5, 4.5]) * HOUR
      const known = live(key)
      assert.equal(await backend.extend(key, expiresAt, known?.next.userId), known !== undefined, log)
      if (!known) return
      known.next = { ...known.next, expiresAt: Math.max(known.next.expiresAt, expiresAt) }
      known.version = undefined
    },
    async remove(key, log) {
      assert.equal((await backend.remove(key))?.data, live(key)?.next.data, log)
      model.delete(key)
    },
    async read(key, log) {
      assert.equal((await backend.read(key))?.data, live(key)?.next.data, log)
    },
    async pass() {
      if (exact) await harness.advance!(HOUR)
    },
    async list(_key, log) {
      if (!backend.keysOfUser) return
      const named = await backend.keysOfUser('ada')
      for (const [key, { next }] of model) if (next.userId === 'ada' && live(key)) assert.ok(named.includes(key), log)
    }
  }
  const keys = Array.from({ length: 4 }, () => newId())
  for (let step = 0; step < 150; step++) {
    const name = pick(Object.keys(steps))
    await steps[name]!(pick(keys), `step ${step}, ${name}, seed ${seed}`)
  }
}
