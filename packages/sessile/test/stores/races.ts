import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SessionBackend, StoredRecord } from '../../src/core/backend.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { attributesOf, change, recordsOn } from '../../src/testing/guarantees/tools.ts'
import { startRacer } from './racer.ts'

const HOUR = 3_600_000
const PROCESSES = 4

/** Registers what several processes on one database must agree on. @param url of a store that is empty and not made yet */
export function processesSuite(name: string, url: string): void {
  describe(`${name}, several processes`, () => {
    const store: SessionBackend = backendByUrl(url)
    const racers = Array.from({ length: PROCESSES }, () => startRacer(url))
    const create = async (key: string, data: string, expiresAt = Date.now() + HOUR): Promise<void> => {
      assert.equal((await store.create(key, { data, expiresAt })).outcome, 'done')
    }
    const read = async (key: string): Promise<StoredRecord | undefined> => await store.read(key)

    after(async () => {
      for (const { process } of racers) process.kill()
      await store.close!()
    })

    it('law 2: of swaps with one version exactly one is done, whichever process does it', async () => {
      for (let round = 0; round < 40; round++) {
        const key = `race-${round}`
        await create(key, '"start"')
        const { version } = (await read(key))!
        const at = Date.now() + 8
        const outcomes = await Promise.all(racers.map(({ ask }, index) => ask('swap', { key, version, data: `"racer ${index}"`, at })))
        assert.deepEqual([...outcomes].sort(), ['changed', 'changed', 'changed', 'done'])
        assert.equal((await read(key))!.data, `"racer ${outcomes.indexOf('done')}"`)
      }
    })

    it('law 2: counters lose nothing, and no version is taken twice', async () => {
      await create('counter', '0')
      const answers = await Promise.all(racers.map(({ ask }) => ask('increment', { key: 'counter', times: 300 })))
      assert.equal((await read('counter'))!.data, '1200')
      assert.equal(new Set(answers.flatMap(({ taken }) => taken)).size, 1200)
      assert.ok(
        answers.some(({ conflicts }) => conflicts > 0),
        'there was a race'
      )
    })

    it('of a hundred requests at once in each process, all on one session, none loses what it wrote or counted', async () => {
      const { records } = recordsOn(store, { deadlineMs: 20_000 })
      await records.create('busy', change({ n: 0 }))
      const names = racers.map((_, racer) => Array.from({ length: 100 }, (_, index) => `r${racer}w${index}`))
      const at = Date.now() + 300
      const merged = await Promise.all(racers.map(({ ask }, racer) => ask('write', { key: 'busy', names: names[racer]!, at })))
      const { n, ...written } = attributesOf((await records.load('busy'))!.text)
      assert.deepEqual(Object.keys(written).sort(), names.flat().sort())
      assert.equal(n, 400)
      assert.ok(Math.min(...merged) > 0, `there was a race: ${merged} merges`)
    })

    it('law 3: of a thousand sessions that end while every process writes to them, none comes back', async () => {
      let swaps = 0
      for (let round = 0; round < 20; round++) {
        const keys = Array.from({ length: 50 }, (_, index) => `ended-${round}-${index}`)
        await Promise.all(keys.map((key) => create(key, '"start"')))
        const racing = Promise.all(racers.map(({ ask }) => ask('untilGone', { keys })))
        racing.catch(() => {}) // told below
        await Promise.all(
          keys.map(async (key, index) => {
            // each at a moment of its own, once somebody writes to it
            for (let tries = 0; (await read(key))!.data === '"start"' && tries < 2000; tries++) await pause(index % 5)
            assert.ok(await store.remove(key))
          })
        )
        for (const done of (await racing).flat()) swaps += done
        for (const found of await Promise.all(keys.map(read))) assert.equal(found, undefined)
      }
      assert.ok(swaps >= 1000, `there was a race: ${swaps} swaps`)
    })

    if (store.removeExpired) {
      it('each expired record is told of to one process', async () => {
        const keys = Array.from({ length: 500 }, (_, index) => `brief-${index}`)
        const expiresAt = Date.now() + 2000
        await Promise.all(keys.map((key) => create(key, '"brief"', expiresAt)))
        await pause(Math.max(0, expiresAt - Date.now() + 5))
        const told = (await Promise.all(racers.map(({ ask }) => ask('sweep', { limit: 7 })))).flat()
        // a sweep leaves out what another one has in its hands
        told.push(...(await store.removeExpired!(500)).map(({ key }) => key))
        assert.deepEqual(told.sort(), keys.sort())
      })
    }

    it('a process that is killed leaves no lock and no half of a write', async () => {
      await create('survivor', '0')
      const victim = startRacer(url)
      const killed = victim.ask('increment', { key: 'survivor', times: 1e9 })
      killed.catch(() => {})
      while ((await read('survivor'))!.data === '0') await pause(1)
      victim.process.kill('SIGKILL')
      await once(victim.process, 'exit')
      await assert.rejects(killed)
      const before = Number((await read('survivor'))!.data)
      await racers[0]!.ask('increment', { key: 'survivor', times: 10 })
      // its last write may still have been on its way
      const now = Number((await read('survivor'))!.data)
      assert.ok(now === before + 10 || now === before + 11, `${before}, then ${now}`)
    })
  })
}
