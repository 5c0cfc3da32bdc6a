import { strict as assert } from 'node:assert'
import { now, pause } from '../../core/clock.ts'
import type { LawTest } from '../harness.ts'
import { created, doneVersion, fresh, HOUR, mustRead, outcomesOf, together } from './tools.ts'

/** What no law speaks of. */
export const abilities: readonly LawTest[] = [
  {
    name: 'ability open: may be called again and beside itself',
    needs: ['open'],
    async run({ backend, view }) {
      await together(4, (index) => view(index).open!())
      const { key } = await created(backend)
      await backend.open!()
      await mustRead(backend, key)
    }
  },
  {
    name: 'ability ping: answers while the store does',
    needs: ['ping', 'close'],
    async run({ backend }) {
      await backend.ping!()
      await backend.close!()
      await assert.rejects(async () => await backend.ping!())
    }
  },
  {
    name: 'ability space: a space is apart from the sessions and from other spaces',
    needs: ['space'],
    async run({ backend, view }) {
      const { key, data } = await created(backend, fresh({ userId: 'ada' }))
      const [marks, counters] = [backend.space!('marks'), backend.space!('counters')]
      assert.equal(await marks.read(key), undefined)
      const mark = fresh({ userId: 'ada' })
      doneVersion(await marks.create(key, mark))
      assert.equal(await counters.read(key), undefined)
      assert.equal((await mustRead(view(1).space!('marks'), key)).data, mark.data)
      assert.equal((await mustRead(backend, key)).data, data)
      if (backend.scan) assert.equal((await backend.scan(undefined, 10)).records.length, 1)
      if (backend.keysOfUser) assert.deepEqual(await backend.keysOfUser('ada'), [key])
      assert.equal((await marks.remove(key))?.data, mark.data)
      assert.equal((await mustRead(backend, key)).data, data)
    }
  },
  {
    name: 'ability space: the same five operations, as atomic',
    needs: ['space'],
    async run({ view, pass, shortMs }) {
      const { key, version } = await created(view(0).space!('counters'), fresh({ expiresAt: now() + shortMs }))
      const results = await together(6, (index) => view(index).space!('counters').swap(key, version, fresh()))
      assert.deepEqual(outcomesOf(results), { done: 1, changed: 5 })
      assert.equal(await view(1).space!('counters').extend(key, now() + 2 * HOUR), true)
      const { key: brief, version: old } = await created(view(0).space!('counters'), fresh({ expiresAt: now() + shortMs }))
      await pass(shortMs)
      assert.equal(await view(1).space!('counters').read(brief), undefined)
      assert.equal((await view(1).space!('counters').swap(brief, old, fresh())).outcome, 'gone')
      await mustRead(view(1).space!('counters'), key)
    }
  },
  {
    name: 'ability removeExpired: tells of each expired record to one caller, and of no other',
    needs: ['removeExpired'],
    async run({ backend, view, pass, shortMs }) {
      const expiresAt = now() + shortMs
      const living = await together(20, () => created(backend, fresh({ userId: 'ada' })))
      const extended = await together(20, () => created(backend, fresh({ expiresAt })))
      const brief = await together(30, (index) => created(backend, fresh({ expiresAt, userId: `user-${index}` })))
      for (const { key } of extended) await backend.extend(key, now() + HOUR)
      assert.deepEqual(await backend.removeExpired!(100), [])
      // a store may look a second later
      await pass(shortMs + 1000)
      const told: { key: string; data: string; userId?: string }[] = []
      for (let round = 0; round < 40 && told.length < 30; round++) {
        for (const part of await together(3, (index) => view(index).removeExpired!(4))) {
          assert.ok(part.length <= 4)
          told.push(...part)
        }
      }
      assert.deepEqual(told.map(({ key }) => key).sort(), brief.map(({ key }) => key).sort())
      for (const { key, data, userId } of told) {
        const index = brief.findIndex((record) => record.key === key)
        assert.equal(data, brief[index]!.data)
        assert.equal(userId, `user-${index}`)
      }
      for (const { key } of [...living, ...extended]) await mustRead(backend, key)
    }
  },
  {
    name: 'ability watchRemoved: another view hears of a removal until it stops',
    needs: ['watchRemoved', 'another'],
    async run({ backend, view }) {
      const heard: string[] = []
      const stop = view(1).watchRemoved!((key) => heard.push(key))
      const { key } = await created(backend)
      // it may take a moment until it listens, so what it must hear is removed again and again
      for (let tries = 0; tries < 100 && !heard.includes(key); tries++) {
        await backend.remove(key)
        await pause(20)
        if (!heard.includes(key)) await backend.create(key, fresh())
      }
      assert.ok(heard.includes(key))
      stop()
      const { key: other } = await created(backend)
      await backend.remove(other)
      await pause(50)
      assert.ok(!heard.includes(other))
    }
  }
]
