import { strict as assert } from 'node:assert'
import { wrapBackend } from '../../core/backend.ts'
import { isSessionError } from '../../core/errors.ts'
import type { LawTest } from '../harness.ts'
import { attributesOf, change, recordsOn } from './tools.ts'

/** What is stored, and that nothing is lost when several store at once. */
export const savingGuarantees: readonly LawTest[] = [
  {
    name: 'what was created is loaded',
    async run({ backend }) {
      const { records, names } = recordsOn(backend)
      await records.create('k', change({ a: 1 }))
      const loaded = (await records.load('k'))!
      assert.deepEqual(attributesOf(loaded.text), { a: 1 })
      assert.deepEqual(names(), ['created'])
    }
  },
  {
    name: 'two requests that change different attributes both keep theirs',
    async run({ backend }) {
      const { records, names } = recordsOn(backend)
      await records.create('k', change({}))
      const [one, other] = [await records.load('k'), await records.load('k')]
      assert.equal(await records.commit(one!, change({ one: 1 })), 'saved')
      assert.equal(await records.commit(other!, change({ other: 2 })), 'merged')
      assert.deepEqual(attributesOf((await records.load('k'))!.text), { one: 1, other: 2 })
      assert.deepEqual(names(), ['created', 'merged'])
    }
  },
  {
    name: 'after a merge a request goes on from its own copy: what others added stays',
    async run({ backend }) {
      const { records } = recordsOn(backend)
      await records.create('k', change({}))
      const [one, other] = [await records.load('k'), await records.load('k')]
      await records.commit(one!, change({ one: 1 }))
      await records.commit(other!, change({ other: 1 }))
      assert.equal(await records.commit(other!, change({ other: 2 })), 'saved')
      assert.deepEqual(attributesOf((await records.load('k'))!.text), { one: 1, other: 2 })
    }
  },
  {
    name: 'nothing changed, nothing written',
    async run({ backend }) {
      let writes = 0
      const counted = wrapBackend(backend, (operation, call) => {
        if (operation === 'swap') writes++
        return call()
      })
      const { records } = recordsOn(counted)
      const first = change({ a: 1 })
      await records.create('k', first)
      assert.equal(await records.commit((await records.load('k'))!, first), 'unchanged')
      assert.equal(writes, 0)
      assert.equal(await records.commit((await records.load('k'))!, { ...first, always: true }), 'saved')
      assert.equal(writes, 1)
    }
  },
  {
    name: 'update() counts every one of 100 at once, from several processes',
    async run({ view }) {
      const processes = [0, 1, 2].map((at) => recordsOn(view(at)).records)
      await processes[0]!.create('k', change({ n: 0 }))
      await Promise.all(
        Array.from({ length: 100 }, async (_, at) => {
          const records = processes[at % 3]!
          const loaded = (await records.load('k'))!
          await null
          await records.update(loaded, loaded.text, (text) => change({ n: Number(attributesOf(text)['n']) + 1 }))
        })
      )
      assert.deepEqual(attributesOf((await processes[0]!.load('k'))!.text), { n: 100 })
    }
  },
  {
    name: 'a record larger than maxBytes is refused and what was stored stays',
    async run({ backend }) {
      const { records } = recordsOn(backend, { maxBytes: 1000 })
      await records.create('k', change({ a: 1 }))
      const loaded = (await records.load('k'))!
      await assert.rejects(
        async () => records.commit(loaded, change({ a: 'ü'.repeat(600) })),
        (error) => isSessionError(error) && error.code === 'too-large'
      )
      assert.deepEqual(attributesOf((await records.load('k'))!.text), { a: 1 })
    }
  }
]
