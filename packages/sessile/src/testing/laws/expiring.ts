import { strict as assert } from 'node:assert'
import { now } from '../../core/clock.ts'
import type { LawTest } from '../harness.ts'
import { countOf, created, doneVersion, fresh, HOUR, increment, mustRead, together } from './tools.ts'

/** Laws 5 and 9: lives and times. */
export const expiringLaws: readonly LawTest[] = [
  {
    name: 'law 5: extend lengthens and leaves the data alone',
    async run({ backend, view, pass, shortMs }) {
      const next = fresh({ expiresAt: now() + shortMs, userId: 'ada' })
      const { key, data } = await created(backend, next)
      const longer = now() + HOUR
      assert.equal(await backend.extend(key, longer, 'ada'), true)
      const record = await mustRead(view(1), key)
      assert.equal(record.data, data)
      assert.ok(record.expiresAt >= longer)
      await pass(shortMs)
      const later = await mustRead(backend, key)
      assert.equal(later.data, data)
      doneVersion(await backend.swap(key, later.version, fresh()))
    }
  },
  {
    name: 'law 5: extend never shortens',
    async run({ backend, pass, shortMs }) {
      const expiresAt = now() + HOUR
      const { key } = await created(backend, fresh({ expiresAt }))
      assert.equal(await backend.extend(key, now() + shortMs), true)
      assert.ok((await mustRead(backend, key)).expiresAt >= expiresAt)
      await pass(shortMs)
      await mustRead(backend, key)
    }
  },
  {
    name: 'law 5: extends beside swaps undo none of them',
    async run({ backend, view }) {
      const { key } = await created(backend)
      await together(8, async (index) => {
        for (let round = 0; round < 8; round++) {
          if (index % 2 === 0) await increment(view(index >> 1), key)
          else assert.equal(await view(index >> 1).extend(key, now() + HOUR + 1000 * (round + index)), true)
        }
      })
      assert.equal(countOf(await mustRead(backend, key)), 32)
    }
  },
  {
    name: 'law 5: of extends at once the longest counts',
    async run({ backend, view }) {
      const { key } = await created(backend)
      const base = now() + HOUR
      await together(8, (index) => view(index).extend(key, base + ((index * 5) % 8) * 1000))
      assert.ok((await mustRead(backend, key)).expiresAt >= base + 7000)
    }
  },
  {
    name: 'law 9: an expiry is kept to the step of the store, and never rounded down',
    async run({ backend, stepMs }) {
      for (const offset of [1, 499, 500, 999]) {
        const expiresAt = now() + HOUR + offset
        const { key, version } = await created(backend, fresh({ expiresAt }))
        const check = async (given: number): Promise<void> => {
          const read = (await mustRead(backend, key)).expiresAt
          assert.ok(read >= given && read < given + stepMs, `${given} came back as ${read}`)
        }
        await check(expiresAt)
        doneVersion(await backend.swap(key, version, fresh({ expiresAt: expiresAt + 60_001 })))
        await check(expiresAt + 60_001)
        await backend.extend(key, expiresAt + 120_003)
        await check(expiresAt + 120_003)
      }
    }
  },
  {
    name: 'law 9: a record lives until its time, and no longer',
    async run({ backend, harness, pass, shortMs, exact }) {
      const { key } = await created(backend, fresh({ expiresAt: now() + shortMs }))
      if (exact) await harness.advance!(shortMs - 1)
      await mustRead(backend, key)
      await pass(exact ? 1 : shortMs)
      assert.equal(await backend.read(key), undefined)
    }
  },
  {
    name: 'law 9: a swap may shorten a life',
    async run({ backend, pass, shortMs }) {
      const { key, version } = await created(backend)
      doneVersion(await backend.swap(key, version, fresh({ expiresAt: now() + shortMs })))
      await pass(shortMs)
      assert.equal(await backend.read(key), undefined)
    }
  },
  {
    name: 'law 9: a record without an expiry has none',
    async run({ backend, harness }) {
      const { key } = await created(backend, fresh({ expiresAt: Infinity }))
      await harness.advance?.(400 * 24 * HOUR)
      assert.equal((await mustRead(backend, key)).expiresAt, Infinity)
      assert.equal(await backend.extend(key, now() + HOUR), true)
      assert.equal((await mustRead(backend, key)).expiresAt, Infinity)
      const { version } = await mustRead(backend, key)
      doneVersion(await backend.swap(key, version, fresh({ expiresAt: now() + HOUR })))
      assert.notEqual((await mustRead(backend, key)).expiresAt, Infinity)
    }
  }
]
