import { strict as assert } from 'node:assert'
import type { LawTest } from '../harness.ts'
import { attributesOf, change, recordsOn } from './tools.ts'

/** New ids for sessions that live on. */
export const renewingGuarantees: readonly LawTest[] = [
  {
    name: 'renewing moves the data to the new id; the old one is dead at once',
    async run({ backend }) {
      const { records, told } = recordsOn(backend)
      await records.create('old', change({ cart: 1 }))
      const loaded = (await records.load('old'))!
      const renewed = await records.renew(loaded, 'new', change({ cart: 1, userId: 'ann' }, { userId: 'ann', meta: { a: 5 } }), {
        reason: 'sign-in',
        follow: true,
        overlapMs: 0
      })
      assert.ok(renewed !== 'gone')
      assert.equal(await records.load('old'), undefined)
      const found = (await records.load('new'))!
      assert.deepEqual(attributesOf(found.text), { cart: 1, userId: 'ann' })
      assert.equal(found.stored.meta.a, 5)
      assert.deepEqual(
        told.map(({ event }) => event),
        ['created', 'renewed', 'ended', 'retired-id']
      )
    }
  },
  {
    name: "a commit under way follows a renewal; one to another user's session does not",
    async run({ backend }) {
      for (const follow of [true, false]) {
        const { records } = recordsOn(backend)
        await records.create(`old ${follow}`, change({}))
        const [slow, signing] = [(await records.load(`old ${follow}`))!, (await records.load(`old ${follow}`))!]
        await records.renew(signing, `new ${follow}`, change({ userId: 'ann' }, { userId: 'ann' }), {
          reason: 'sign-in',
          follow,
          overlapMs: 0
        })
        assert.equal(await records.commit(slow, change({ cart: 1 })), follow ? 'merged' : 'gone')
        const found = (await records.load(`new ${follow}`))!
        assert.deepEqual(attributesOf(found.text), follow ? { userId: 'ann', cart: 1 } : { userId: 'ann' })
        assert.equal(found.userId, 'ann')
        assert.equal(slow.moved, follow)
      }
    }
  },
  {
    name: 'within the overlap of a routine renewal the old id finds the session, afterwards it is reported',
    async run({ backend, pass, exact }) {
      const overlapMs = exact ? 10_000 : 400
      const { records, names } = recordsOn(backend)
      await records.create('old', change({ a: 1 }))
      await records.renew((await records.load('old'))!, 'new', change({ a: 1 }), { reason: 'routine', follow: true, overlapMs })
      if (exact) await pass(overlapMs - 1)
      const found = (await records.load('old'))!
      assert.deepEqual([found.key, found.moved, attributesOf(found.text)], ['new', true, { a: 1 }])
      await pass(exact ? 1 : overlapMs)
      assert.equal(await records.load('old'), undefined)
      assert.equal(names().at(-1), 'retired-id')
    }
  },
  {
    name: 'destroying by the old id ends the renewed session too',
    async run({ backend }) {
      const { records } = recordsOn(backend)
      await records.create('old', change({}))
      await records.renew((await records.load('old'))!, 'new', change({}), { reason: 'asked', follow: true, overlapMs: 0 })
      assert.equal(await records.destroy('old'), true)
      assert.equal(await records.load('new'), undefined)
    }
  },
  {
    name: 'renewing a session that was ended leaves nothing under the new id',
    async run({ backend }) {
      const { records } = recordsOn(backend)
      await records.create('old', change({}))
      const loaded = (await records.load('old'))!
      await records.revoke('old')
      assert.equal(await records.renew(loaded, 'new', change({}), { reason: 'asked', follow: true, overlapMs: 0 }), 'gone')
      assert.equal(await records.load('new'), undefined)
    }
  },
  {
    name: 'of two renewals at once one wins, the other leaves nothing',
    async run({ backend }) {
      const { records } = recordsOn(backend)
      await records.create('old', change({}))
      const [one, other] = [(await records.load('old'))!, (await records.load('old'))!]
      const renewal = { reason: 'asked', follow: true, overlapMs: 0 } as const
      assert.ok((await records.renew(one, 'one', change({}), renewal)) !== 'gone')
      assert.equal(await records.renew(other, 'other', change({}), renewal), 'gone')
      assert.equal(await records.load('other'), undefined)
      assert.ok(await records.load('one'))
    }
  }
]
