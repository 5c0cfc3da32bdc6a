import { strict as assert } from 'node:assert'
import type { SessionBackend } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import type { LawTest } from '../harness.ts'
import { created, doneVersion, fresh, HOUR, mustRead, together } from './tools.ts'

const keysOf = async (backend: SessionBackend, userId: string): Promise<readonly string[]> => await backend.keysOfUser!(userId)

/** Laws 7 and 8: the user index and scan. */
export const listingLaws: readonly LawTest[] = [
  {
    name: "law 7: keysOfUser names all that are the user's",
    needs: ['keysOfUser'],
    async run({ backend, view }) {
      for (const userId of ['ada', '42', 'ä:{*}?[a] %_"\'\\', 'x'.repeat(200)]) {
        const keys = [(await created(backend, fresh({ userId }))).key, (await created(backend, fresh({ userId }))).key]
        await created(backend, fresh({ userId: `${userId}-other` }))
        await created(backend)
        assert.deepEqual([...(await keysOf(backend, userId))].sort(), keys.sort())
        assert.deepEqual([...(await keysOf(view(1), userId))].sort(), keys)
      }
      assert.deepEqual(await keysOf(backend, 'nobody'), [])
    }
  },
  {
    name: 'law 7: a key is named as soon as its create or swap is done',
    needs: ['keysOfUser'],
    async run({ backend, view }) {
      await together(16, async (index) => {
        const own = view(index)
        const key = newId()
        const first = doneVersion(await own.create(key, fresh({ userId: `first-${index % 2}` })))
        assert.ok((await keysOf(view(index + 1), `first-${index % 2}`)).includes(key))
        doneVersion(await own.swap(key, first, fresh({ userId: 'second' })))
        assert.ok((await keysOf(view(index + 1), 'second')).includes(key))
      })
      assert.equal((await keysOf(backend, 'second')).length, 16)
    }
  },
  {
    name: 'law 7: a key that changes hands back and forth is not lost',
    needs: ['keysOfUser'],
    async run({ backend, view }) {
      for (let round = 0; round < 10; round++) {
        const [ada, bob] = [`ada-${round}`, `bob-${round}`]
        const { key } = await created(backend, fresh({ userId: ada }))
        await together(4, async (index) => {
          for (let turn = 0; turn < 4; turn++) {
            const { version } = await mustRead(view(index), key)
            await view(index).swap(key, version, fresh({ userId: (turn + index) % 2 ? ada : bob }))
          }
        })
        const { version } = await mustRead(backend, key)
        doneVersion(await backend.swap(key, version, fresh({ userId: ada })))
        assert.ok((await keysOf(backend, ada)).includes(key))
      }
    }
  },
  {
    name: "law 7: a record without a user is nobody's, also when it was somebody's",
    needs: ['keysOfUser'],
    async run({ backend }) {
      const { key, version } = await created(backend, fresh({ userId: 'ada' }))
      assert.equal((await mustRead(backend, key)).userId ?? 'ada', 'ada')
      const next = fresh()
      const nextVersion = doneVersion(await backend.swap(key, version, next))
      assert.equal((await mustRead(backend, key)).userId, undefined)
      doneVersion(await backend.swap(key, nextVersion, fresh({ userId: 'ada' })))
      assert.ok((await keysOf(backend, 'ada')).includes(key))
    }
  },
  {
    name: 'law 7: a key is named as long as extend lets it live',
    needs: ['keysOfUser'],
    async run({ backend, pass, shortMs }) {
      const { key } = await created(backend, fresh({ expiresAt: now() + shortMs, userId: 'ada' }))
      assert.equal(await backend.extend(key, now() + HOUR, 'ada'), true)
      await pass(shortMs)
      await created(backend, fresh({ userId: 'ada' }))
      assert.ok((await keysOf(backend, 'ada')).includes(key))
    }
  },
  {
    name: 'law 8: scan shows each record once or more, and ends',
    needs: ['scan'],
    async run({ backend }) {
      assert.deepEqual([...(await scanAll(backend, 5)).keys()], [])
      const written = new Map<string, string>()
      for (let index = 0; index < 23; index++) {
        const { key, data } = await created(backend, fresh(index % 2 ? { userId: 'ada' } : {}))
        written.set(key, data)
      }
      for (const limit of [1, 4, 23, 100]) assert.deepEqual(sorted(await scanAll(backend, limit)), sorted(written))
    }
  },
  {
    name: 'law 8: scan shows what lives all the while, however much comes and goes',
    needs: ['scan'],
    async run({ backend, view }) {
      const staying: string[] = []
      const passing: string[] = []
      for (let index = 0; index < 60; index++) (index % 3 === 1 ? staying : passing).push((await created(backend)).key)
      const seen = await scanAll(view(1), 4, async () => {
        for (const key of passing.splice(0, 5)) await backend.remove(key)
        await created(backend)
        const { version } = await mustRead(backend, staying[0]!)
        await backend.swap(staying[0]!, version, fresh())
      })
      assert.deepEqual(
        staying.filter((key) => !seen.has(key)),
        []
      )
    }
  },
  {
    name: 'law 8: scan shows neither the removed nor the expired',
    needs: ['scan'],
    async run({ backend, pass, shortMs }) {
      const { key } = await created(backend)
      await created(backend, fresh({ expiresAt: now() + shortMs }))
      await backend.remove((await created(backend)).key)
      await pass(shortMs)
      assert.deepEqual([...(await scanAll(backend, 2)).keys()], [key])
    }
  }
]

/** All pages, by key. @param between runs after each page */
async function scanAll(backend: SessionBackend, limit: number, between?: () => Promise<void>): Promise<Map<string, string>> {
  const seen = new Map<string, string>()
  let cursor: string | undefined
  for (let page = 0; page < 500; page++) {
    const { records, cursor: next } = await backend.scan!(cursor, limit)
    for (const { key, record } of records) seen.set(key, record.data)
    if (next === undefined) return seen
    cursor = next
    await between?.()
  }
  return assert.fail('scan does not end')
}

function sorted(records: Map<string, string>): [string, string][] {
  return [...records].sort(([one], [other]) => (one < other ? -1 : 1))
}
