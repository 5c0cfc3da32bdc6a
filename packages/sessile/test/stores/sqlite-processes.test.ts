import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { StoredRecord } from '../../src/core/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { temporaryFolder } from './harnesses.ts'
import { startRacer } from './racer.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000

if (isSelected('sqlite')) {
  describe('sqlite, several processes on one file', () => {
    const folder = temporaryFolder()
    const file = folder.path('shared.db')
    const store = sqliteStore({ file })
    const racers = Array.from({ length: 4 }, () => startRacer(file))
    const create = async (key: string, data: string, expiresAt = Date.now() + HOUR): Promise<void> => {
      assert.equal((await store.create(key, { data, expiresAt })).outcome, 'done')
    }
    const read = async (key: string): Promise<StoredRecord | undefined> => await store.read(key)

    after(async () => {
      for (const { process } of racers) process.kill()
      await store.close!()
      folder.clean()
    })

    it('law 2: of swaps with one version exactly one is done, whichever process does it', async () => {
      for (let round = 0; round < 40; round++) {
        const key = `race-${round}`
        await create(key, 'start')
        const { version } = (await read(key))!
        const at = Date.now() + 8
        const outcomes = await Promise.all(racers.map(({ ask }, index) => ask('swap', { key, version, data: `racer ${index}`, at })))
        assert.deepEqual([...outcomes].sort(), ['changed', 'changed', 'changed', 'done'])
        assert.equal((await read(key))!.data, `racer ${outcomes.indexOf('done')}`)
      }
    })

    it('law 2: counters lose nothing, and no version is taken twice', async () => {
      await create('counter', '0')
      const answers = await Promise.all(racers.map(({ ask }) => ask('increment', { key: 'counter', times: 1000 })))
      assert.equal((await read('counter'))!.data, '4000')
      assert.equal(new Set(answers.flatMap(({ taken }) => taken)).size, 4000)
      assert.ok(
        answers.some(({ conflicts }) => conflicts > 0),
        'there was a race'
      )
    })

    it('law 3: what one process removes, no other brings back', async () => {
      let swaps = 0
      for (let round = 0; round < 15; round++) {
        const key = `ended-${round}`
        await create(key, 'start')
        const racing = racers.map(({ ask }) => ask('untilGone', { key }))
        await pause(5 + round)
        assert.ok(await store.remove(key))
        for (const done of await Promise.all(racing)) swaps += done
        assert.equal(await read(key), undefined)
      }
      assert.ok(swaps > 100, `there was a race: ${swaps} swaps`)
    })

    it('each expired record is told of to one process', async () => {
      const keys = Array.from({ length: 2000 }, (_, index) => `brief-${index}`)
      const expiresAt = Date.now() + 300
      for (const key of keys) await create(key, 'brief', expiresAt)
      await pause(Math.max(0, expiresAt - Date.now() + 5))
      const told = (await Promise.all(racers.map(({ ask }) => ask('sweep', { limit: 7 })))).flat()
      assert.deepEqual(told.sort(), keys.sort())
    })

    it('a process that is killed leaves no lock and no half of a write', async () => {
      await create('survivor', '0')
      const victim = startRacer(file)
      const killed = victim.ask('increment', { key: 'survivor', times: 1e9 })
      killed.catch(() => {})
      while ((await read('survivor'))!.data === '0') await pause(1)
      victim.process.kill('SIGKILL')
      await once(victim.process, 'exit')
      await assert.rejects(killed)
      const before = Number((await read('survivor'))!.data)
      await racers[0]!.ask('increment', { key: 'survivor', times: 10 })
      assert.equal((await read('survivor'))!.data, String(before + 10))
    })
  })
}
