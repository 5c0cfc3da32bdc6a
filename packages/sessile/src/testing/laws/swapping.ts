import { strict as assert } from 'node:assert'
import { now } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import type { LawTest } from '../harness.ts'
import { countOf, created, doneVersion, fresh, HOUR, increment, mustRead, outcomesOf, together } from './tools.ts'

/** Laws 1 to 4 and 6: what is read, created, swapped and removed. */
export const swappingLaws: readonly LawTest[] = [
  {
    name: 'law 1: what read returns, a swap with its version accepts',
    async run({ backend }) {
      const { key, data } = await created(backend)
      let expected = data
      for (let round = 0; round < 4; round++) {
        const record = await mustRead(backend, key)
        assert.equal(record.data, expected)
        const next = fresh()
        doneVersion(await backend.swap(key, record.version, next))
        expected = next.data
      }
      assert.equal((await mustRead(backend, key)).data, expected)
    }
  },
  {
    name: 'law 1: the version that create or swap answered is good for the next swap',
    async run({ backend }) {
      let { key, version } = await created(backend)
      for (let round = 0; round < 4; round++) version = doneVersion(await backend.swap(key, version, fresh()))
    }
  },
  {
    name: 'law 1: text comes back byte for byte',
    async run({ backend }) {
      const texts = [
        '{"cookie":{},"a":1.0,"b":[ 1, 2 ],"a":2}',
        JSON.stringify({ text: 'é 漢字 😀 "\\ \u2028 \u0000 </script> $1 \' ; %s' }),
        `{"long":"${'x€'.repeat(100_000)}"}`
      ]
      for (const data of texts) {
        const { key } = await created(backend, { data, expiresAt: now() + HOUR })
        const record = await mustRead(backend, key)
        assert.equal(record.data, data)
        const next = data.replace('{', '{"more":"ü😀",')
        doneVersion(await backend.swap(key, record.version, { data: next, expiresAt: now() + HOUR }))
        assert.equal((await mustRead(backend, key)).data, next)
      }
    }
  },
  {
    name: 'law 1: a record of an older writer is read and swapped',
    needs: ['writeLegacy'],
    async run({ backend, harness }) {
      const key = newId()
      const { data } = fresh()
      await harness.writeLegacy!(key, data, now() + HOUR)
      const record = await mustRead(backend, key)
      assert.deepEqual(JSON.parse(record.data), JSON.parse(data))
      doneVersion(await backend.swap(key, record.version, fresh()))
    }
  },
  {
    name: 'law 2: of many swaps with one version exactly one is done',
    async run({ backend, view }) {
      for (let round = 0; round < 10; round++) {
        const { key } = await created(backend)
        const records = await together(12, (index) => mustRead(view(index), key))
        const nexts = records.map(() => fresh())
        const results = await together(12, (index) => view(index).swap(key, records[index]!.version, nexts[index]!))
        assert.deepEqual(outcomesOf(results), { done: 1, changed: 11 })
        const winner = results.findIndex(({ outcome }) => outcome === 'done')
        assert.equal((await mustRead(backend, key)).data, nexts[winner]!.data)
      }
    }
  },
  {
    name: 'law 2: a counter that is swapped until it is done loses nothing',
    async run({ backend, view }) {
      const { key } = await created(backend)
      await together(8, async (index) => {
        for (let round = 0; round < 10; round++) await increment(view(index), key)
      })
      assert.equal(countOf(await mustRead(backend, key)), 80)
    }
  },
  {
    name: 'law 3: swap and extend make no record where there was none',
    async run({ backend }) {
      const { version } = await created(backend)
      const key = newId()
      assert.equal((await backend.swap(key, version, fresh())).outcome, 'gone')
      assert.equal(await backend.extend(key, now() + HOUR), false)
      assert.equal(await backend.read(key), undefined)
    }
  },
  {
    name: 'law 3: what was removed stays gone',
    async run({ backend, view }) {
      const { key, data, version } = await created(backend)
      assert.equal((await backend.remove(key))?.data, data)
      for (const index of [0, 1]) {
        assert.equal((await view(index).swap(key, version, fresh())).outcome, 'gone')
        assert.equal(await view(index).extend(key, now() + HOUR), false)
        assert.equal(await view(index).read(key), undefined)
        assert.equal(await view(index).remove(key), undefined)
      }
    }
  },
  {
    name: 'law 3: what has expired stays gone',
    async run({ backend, pass, shortMs }) {
      const { key, version } = await created(backend, fresh({ expiresAt: now() + shortMs }))
      await pass(shortMs)
      assert.equal((await backend.swap(key, version, fresh())).outcome, 'gone')
      assert.equal(await backend.extend(key, now() + HOUR), false)
      assert.equal(await backend.read(key), undefined)
      assert.equal(await backend.remove(key), undefined)
    }
  },
  {
    name: 'law 3: no swap or extend that runs beside a remove brings the record back',
    async run({ backend, view }) {
      for (let round = 0; round < 20; round++) {
        const { key } = await created(backend)
        const { version } = await mustRead(backend, key)
        await together(8, async (index): Promise<unknown> => {
          if (index === round % 8) return await view(index).remove(key)
          return index % 3 === 0 ? await view(index).extend(key, now() + 2 * HOUR) : await view(index).swap(key, version, fresh())
        })
        assert.equal(await backend.read(key), undefined)
        assert.equal(await view(1).read(key), undefined)
      }
    }
  },
  {
    name: 'law 3: of many that remove a record one is told what it was',
    async run({ backend, view }) {
      for (let round = 0; round < 5; round++) {
        const { key, data } = await created(backend)
        const removed = (await together(6, (index) => view(index).remove(key))).filter((record) => record !== undefined)
        assert.deepEqual(
          removed.map((record) => record.data),
          [data]
        )
      }
    }
  },
  {
    name: 'law 4: create on a live key is taken and changes nothing',
    async run({ backend, view }) {
      const { key, data, version } = await created(backend)
      assert.equal((await view(1).create(key, fresh())).outcome, 'taken')
      assert.equal((await mustRead(backend, key)).data, data)
      doneVersion(await backend.swap(key, version, fresh()))
    }
  },
  {
    name: 'law 4: of many that create one key exactly one is done',
    async run({ backend, view }) {
      for (let round = 0; round < 10; round++) {
        const key = newId()
        const nexts = Array.from({ length: 8 }, () => fresh())
        const results = await together(8, (index) => view(index).create(key, nexts[index]!))
        assert.deepEqual(outcomesOf(results), { done: 1, taken: 7 })
        assert.equal((await mustRead(backend, key)).data, nexts[results.findIndex(({ outcome }) => outcome === 'done')]!.data)
      }
    }
  },
  {
    name: 'law 4: an expired leftover counts as absent, for one of many',
    async run({ backend, view, pass, shortMs }) {
      const { key } = await created(backend, fresh({ expiresAt: now() + shortMs }))
      await pass(shortMs)
      const results = await together(6, (index) => view(index).create(key, fresh()))
      assert.deepEqual(outcomesOf(results), { done: 1, taken: 5 })
      await mustRead(backend, key)
    }
  },
  {
    name: 'law 4: a removed key can be created again',
    async run({ backend }) {
      const { key } = await created(backend)
      await backend.remove(key)
      const next = fresh()
      doneVersion(await backend.create(key, next))
      assert.equal((await mustRead(backend, key)).data, next.data)
    }
  },
  {
    name: 'law 6: a version opens the one record that it was given for, in the one state',
    async run({ backend }) {
      const [one, other] = [await created(backend), await created(backend)]
      const second = fresh()
      const secondVersion = doneVersion(await backend.swap(one.key, one.version, second))
      assert.equal((await backend.swap(one.key, one.version, fresh())).outcome, 'changed')
      assert.equal((await backend.swap(one.key, other.version, fresh())).outcome, 'changed')
      assert.equal((await mustRead(backend, one.key)).data, second.data)
      doneVersion(await backend.swap(one.key, secondVersion, fresh()))
    }
  },
  {
    name: 'law 6: no version comes back when a key is removed and created again',
    async run({ backend }) {
      const { key, version } = await created(backend)
      const old = [version, (await mustRead(backend, key)).version, doneVersion(await backend.swap(key, version, fresh()))]
      await backend.remove(key)
      let current = fresh()
      let currentVersion = doneVersion(await backend.create(key, current))
      for (let round = 0; round < 3; round++) {
        for (const stale of old) assert.equal((await backend.swap(key, stale, fresh())).outcome, 'changed')
        assert.equal((await mustRead(backend, key)).data, current.data)
        current = fresh()
        currentVersion = doneVersion(await backend.swap(key, currentVersion, current))
      }
    }
  }
]
