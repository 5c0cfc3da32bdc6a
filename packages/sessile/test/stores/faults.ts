import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SessionBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { EventHub } from '../../src/core/events.ts'
import { newId } from '../../src/core/ids.ts'
import { SessionRecords } from '../../src/core/records.ts'
import type { TestServer } from '../../../test-servers/src/index.ts'
import { lineTo } from './line.ts'

const HOUR = 3_600_000
const DEADLINE_MS = 1000

export interface FaultyStore {
  readonly name: string
  readonly server: TestServer
  /** A new and empty store, reached by this URL. */
  make(url: string): SessionBackend
}

/** What a writer was told, and what it may have done. */
interface Told {
  readonly key: string
  acknowledged: number
  attempted: number
}

/**
 * Registers what a store does when its server is killed, stands still, or cannot be reached: acknowledged saves are there, nothing
 * takes longer than its deadline, and it goes on by itself. An unhandled rejection or error fails the file.
 */
export function faultsSuite({ name, server, make }: FaultyStore): void {
  const recordsOn = (backend: SessionBackend): SessionRecords =>
    new SessionRecords(backend, { events: new EventHub(), handleOf: () => 'handle', deadlineMs: DEADLINE_MS })
  const textOf = (count: number): string => JSON.stringify({ cookie: {}, count })
  const changeOf = (count: number) => ({ text: textOf(count), expiresAt: Date.now() + HOUR, userId: undefined })
  const countOf = async (records: SessionRecords, key: string): Promise<number> =>
    (JSON.parse((await records.load(key))!.text) as { count: number }).count

  /** Counts in a session until it is told to stop, through whatever happens. @returns how long its slowest call took */
  async function writer(records: SessionRecords, told: Told, going: () => boolean): Promise<number> {
    let slowest = 0
    while (going()) {
      const start = performance.now()
      try {
        const loaded = await records.load(told.key)
        assert.ok(loaded, 'a session is never just gone')
        const { count } = JSON.parse(loaded.text) as { count: number }
        assert.ok(count >= told.acknowledged, `acknowledged ${told.acknowledged}, there is ${count}`)
        told.attempted = count + 1
        const outcome = await records.commit(loaded, changeOf(count + 1))
        assert.notEqual(outcome, 'gone')
        told.acknowledged = count + 1
      } catch (error) {
        if (!isSessionError(error)) throw error
        await pause(5)
      }
      slowest = Math.max(slowest, performance.now() - start)
    }
    return slowest
  }

  /** Lets writers write while `fault` happens, and two seconds or so after it. */
  async function through(url: string, fault: () => Promise<void>): Promise<void> {
    const backend = make(url)
    const records = recordsOn(backend)
    const all: Told[] = Array.from({ length: 6 }, () => ({ key: newId(), acknowledged: 0, attempted: 0 }))
    for (const { key } of all) await records.create(key, changeOf(0))
    let going = true
    const writers = Promise.all(all.map((told) => writer(records, told, () => going)))
    writers.catch(() => {}) // told below, when the fault is over
    await pause(200)
    await fault()
    const reached = all.map(({ acknowledged }) => acknowledged)
    for (let tries = 0; tries < 300 && !all.every(({ acknowledged }, index) => acknowledged > reached[index]! + 1); tries++) await pause(50)
    going = false
    const slowest = await writers
    for (const [index, { key, acknowledged, attempted }] of all.entries()) {
      assert.ok(acknowledged > reached[index]! + 1, 'it went on by itself')
      const count = await countOf(records, key)
      assert.ok(count >= acknowledged && count <= attempted, `acknowledged ${acknowledged}, attempted ${attempted}, there is ${count}`)
    }
    // a load, a commit, and finding out what became of it: each call has a deadline of its own
    assert.ok(Math.max(...slowest) < 6 * DEADLINE_MS, `the slowest took ${Math.max(...slowest)} ms`)
    await backend.close!()
  }

  describe(`${name}, its server in trouble`, () => {
    it('killed and started again, under load: what was acknowledged is there', async () => {
      await through(server.url, async () => {
        for (let round = 0; round < 3; round++) {
          await server.kill()
          await pause(100)
          await server.restart()
          await pause(500)
        }
      })
    })

    it('standing still for 5 s: calls end at their deadline, then it goes on', async () => {
      await through(server.url, async () => {
        await server.pause()
        const start = performance.now()
        const other = make(server.url)
        await assert.rejects(
          async () => await recordsOn(other).load(newId()),
          (error) => isSessionError(error) && error.status === 503
        )
        assert.ok(performance.now() - start < 2 * DEADLINE_MS)
        await pause(5000 - (performance.now() - start))
        await server.resume()
        await other.close!()
      })
    })

    it('a line that is cut, many times', async () => {
      await using line = await lineTo(server.url)
      await through(line.url, async () => {
        for (let round = 0; round < 15; round++) {
          line.cut()
          await pause(round * 3)
          line.mend()
          await pause(60)
        }
      })
    })

    it('a line that goes silent, and comes back with new connections', async () => {
      await using line = await lineTo(server.url)
      await through(line.url, async () => {
        line.silence()
        await pause(2500)
        line.mend()
      })
    })

    it('a server that is not there: refused at once, found when it is', async () => {
      await using line = await lineTo(server.url)
      line.cut()
      const backend = make(line.url)
      const records = recordsOn(backend)
      const start = performance.now()
      await assert.rejects(async () => await records.load(newId()), isSessionError)
      assert.ok(performance.now() - start < DEADLINE_MS + 200)
      line.mend()
      const key = newId()
      for (let tries = 0; tries < 50; tries++) {
        try {
          await records.create(key, changeOf(7))
          break
        } catch (error) {
          if (!isSessionError(error) || error.code === 'id-taken') throw error
          await pause(100)
        }
      }
      assert.equal(await countOf(records, key), 7)
      await backend.close!()
    })

    it('closing while it stands still does not take for ever, and those that wait are told', async () => {
      const backend = make(server.url)
      const key = newId()
      await backend.create(key, { data: textOf(0), expiresAt: Date.now() + HOUR })
      let waiting: Promise<unknown> | undefined
      await server.pause()
      try {
        waiting = Promise.allSettled([backend.read(key), backend.extend(key, Date.now() + 2 * HOUR)])
        await pause(50)
        const start = performance.now()
        await Promise.race([backend.close!(), pause(15_000)])
        assert.ok(performance.now() - start < 5_000, `${performance.now() - start} ms`)
        await assert.rejects(async () => await backend.read(key))
      } finally {
        await server.resume()
      }
      await waiting
    })
  })
}
