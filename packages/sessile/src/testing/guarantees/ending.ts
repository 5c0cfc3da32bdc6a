import { strict as assert } from 'node:assert'
import { now } from '../../core/clock.ts'
import { isSessionError } from '../../core/errors.ts'
import type { LawTest } from '../harness.ts'
import { change, recordsOn } from './tools.ts'

/** Sessions that are over, and the sessions of a user. */
export const endingGuarantees: readonly LawTest[] = [
  {
    name: 'a destroyed session stays destroyed: the late write is dropped and told',
    async run({ backend }) {
      const { records, names } = recordsOn(backend)
      await records.create('k', change({}))
      const loaded = (await records.load('k'))!
      assert.equal(await records.destroy('k'), true)
      assert.equal(await records.commit(loaded, change({ back: true })), 'gone')
      assert.equal(await records.touch(loaded, Date.now() + 1e6), false)
      assert.equal(await records.load('k'), undefined)
      assert.deepEqual(names(), ['created', 'destroyed', 'ended', 'late-write'])
      assert.equal(await records.destroy('k'), false)
    }
  },
  {
    name: 'the sessions of a user are listed and ended, one excepted; nobody is not everybody',
    needs: ['keysOfUser', 'space'],
    async run({ backend }) {
      const { records } = recordsOn(backend)
      for (const key of ['a', 'b', 'c']) await records.create(key, change({ userId: 'ann' }, { userId: 'ann' }))
      await records.create('bob', change({ userId: 'bob' }, { userId: 'bob' }))
      assert.deepEqual((await records.users.list('ann')).map(({ key }) => key).sort(), ['a', 'b', 'c'])
      assert.equal(await records.users.revokeAll('ann', 'b'), 2)
      assert.deepEqual(
        (await records.users.list('ann')).map(({ key }) => key),
        ['b']
      )
      assert.ok(await records.load('bob'))
      for (const wrong of ['', undefined, null, '*', {}]) {
        if (wrong === '*') assert.equal(await records.users.revokeAll('*'), 0)
        else
          await assert.rejects(
            async () => records.users.revokeAll(wrong as string),
            (error) => isSessionError(error) && error.code === 'bad-argument'
          )
      }
      assert.ok(await records.load('bob'))
    }
  },
  {
    name: 'parallel sign-ins never pass maxSessionsPerUser',
    needs: ['keysOfUser', 'space'],
    async run({ backend }) {
      for (const whenTooMany of ['refuse', 'end-oldest'] as const) {
        const { records } = recordsOn(backend, { maxSessionsPerUser: 3, whenTooMany })
        const outcomes = await Promise.allSettled(
          Array.from({ length: 10 }, async (_, at) => {
            await null
            return records.create(`${whenTooMany}${at}`, change({ userId: whenTooMany }, { userId: whenTooMany, meta: { a: 1000 + at } }))
          })
        )
        assert.equal((await records.users.list(whenTooMany)).length, 3)
        const refused = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason.code)
        if (whenTooMany === 'end-oldest') assert.deepEqual(refused, [])
        else assert.ok(refused.length > 0 && refused.length <= 7 && refused.every((code) => code === 'too-many-sessions'), String(refused))
      }
    }
  },
  {
    name: 'expired sessions are absent to the millisecond, and told once with their attributes',
    needs: ['removeExpired'],
    async run({ backend, pass, shortMs, exact }) {
      const { records, told } = recordsOn(backend)
      await records.create('k', change({ cart: 3 }, { expiresAt: now() + shortMs }))
      if (exact) {
        await pass(shortMs - 1)
        assert.ok(await records.load('k'))
        await pass(1)
      } else await pass(shortMs)
      assert.equal(await records.load('k'), undefined)
      await pass(1000)
      assert.equal(await records.sweep(100), 1)
      assert.equal(await records.sweep(100), 0)
      const expired = told.filter(({ event }) => event === 'expired')
      assert.deepEqual(
        expired.map(({ payload }) => payload),
        [{ handle: 'handle of k', attributes: { cart: 3 } }]
      )
    }
  }
]
