import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SessionBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { newId } from '../../src/core/ids.ts'
import type { TestServer } from '../../../test-servers/src/index.ts'
import { counting, countUnder, recordsWithin, Writers } from './faults-writers.ts'
import { closeDuring, FAST_DEADLINE_MS, ProcessInTrouble } from './faults-process.ts'
import { lineTo, type Line } from './line.ts'

const HOUR = 3_600_000
const DEADLINE_MS = 1000

export interface FaultyStore {
  readonly name: string
  readonly server: TestServer
  /** A new and empty store, reached by this URL. */
  make(url: string): SessionBackend
  /** The URL from which another process makes it, where it makes its connections itself; an app's are not the store's to look after. */
  byUrl?(url: string): string
}

/** So many faults of all kinds, one after the other. */
async function faults(line: Line, count: number): Promise<void> {
  const kinds: readonly (() => void)[] = [
    () => line.cut(),
    () => line.cutAfter(100),
    () => line.hold(),
    () => line.silence(),
    () => line.slow(30)
  ]
  for (let round = 0; round < count; round++) {
    kinds[round % kinds.length]!()
    // now and then longer than a deadline
    await pause(round % 8 === 0 ? 1.5 * FAST_DEADLINE_MS : 20)
    line.mend()
    await pause(30)
  }
}

/**
 * Registers what a store does when its server is killed, stands still, or cannot be reached: acknowledged saves are there, nothing
 * takes longer than its deadline, and it goes on by itself. An unhandled rejection or error fails the file.
 */
export function faultsSuite({ name, server, make, byUrl }: FaultyStore): void {
  /** Lets writers write while `fault` happens, and until each has got on after it. @returns how many of their calls failed */
  async function through(url: string, fault: () => Promise<void>): Promise<number> {
    const backend = make(url)
    try {
      const writers = await Writers.start(backend, DEADLINE_MS)
      await pause(200)
      await fault()
      await writers.finish()
      // a load, a commit, and finding out what became of it: each call has a deadline of its own
      assert.ok(writers.slowestMs < 6 * DEADLINE_MS, `the slowest took ${writers.slowestMs} ms`)
      return writers.failed
    } finally {
      await backend.close!()
    }
  }

  async function throughLine(fault: (line: Line) => Promise<void>): Promise<number> {
    await using line = await lineTo(server.url)
    return await through(line.url, () => fault(line))
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
          async () => await recordsWithin(other, DEADLINE_MS).load(newId()),
          (error) => isSessionError(error) && error.status === 503
        )
        assert.ok(performance.now() - start < 2 * DEADLINE_MS)
        await pause(5000 - (performance.now() - start))
        await server.resume()
        await other.close!()
      })
    })

    it('closing while it stands still does not take for ever, and those that wait are told', async () => {
      const backend = make(server.url)
      const key = newId()
      await backend.create(key, { data: counting(0).text, expiresAt: Date.now() + HOUR })
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

  if (byUrl) {
    it(`${name}: a process lives through a hundred faults, never stands still, and keeps nothing of them`, async (context) => {
      await using line = await lineTo(server.url)
      const process = new ProcessInTrouble(byUrl(line.url))
      await process.ask('heap') // it writes by now
      await faults(line, 20)
      const before = await process.ask('heap')
      await faults(line, 80)
      await server.kill()
      await server.restart()
      await server.pause()
      await pause(1000)
      await server.resume()
      const { heap, failed, slowestMs, stoodStill } = await process.ask('finish')
      context.diagnostic(`${name}: ${JSON.stringify({ failed, slowestMs, stoodStill, grown: heap - before.heap })}`)
      assert.ok(failed > 100, `${failed} calls failed`)
      assert.ok(slowestMs < 6 * FAST_DEADLINE_MS + 500, `the slowest took ${slowestMs} ms`)
      assert.ok(stoodStill.usualMs < 200 && stoodStill.mostMs < 1000, `the event loop stood still: ${JSON.stringify(stoodStill)}`)
      assert.ok(heap - before.heap < 2_500_000, `the heap grew from ${before.heap} to ${heap} bytes`)
      assert.equal(await process.ended(), 0)
    })

    it(`${name}: a process whose connection breaks while it closes its store ends properly`, async () => {
      await using line = await lineTo(server.url)
      for (const fault of [line.cut, line.silence]) {
        line.slow(100)
        // 13 would be that of a process in which something is awaited and nothing happens any more
        assert.equal(await closeDuring(byUrl(line.url), fault), 0)
        line.mend()
      }
    })
  }

  // each over a line of its own, and most of it is waiting
  describe(`${name}, its line in trouble`, { concurrency: true }, () => {
    it('a line that is cut, many times', async () => {
      await throughLine(async (line) => {
        for (let round = 0; round < 15; round++) {
          line.cut()
          await pause(round * 3)
          line.mend()
          await pause(60)
        }
      })
    })

    it('a line that is cut in the middle of an answer, after each number of bytes', async () => {
      const failed = await throughLine(async (line) => {
        for (let bytes = 1; bytes < 400; bytes += 13) {
          line.cutAfter(bytes)
          await pause(40)
          line.mend()
          await pause(20)
        }
      })
      assert.ok(failed > 0, 'some calls were cut')
    })

    it('every answer 200 ms late: nothing fails', async () => {
      const failed = await throughLine(async (line) => {
        line.slow(200)
        await pause(2500)
        line.mend()
      })
      assert.equal(failed, 0)
    })

    it('answers that come after their deadline are nobody else’s', async () => {
      const failed = await throughLine(async (line) => {
        for (let round = 0; round < 2; round++) {
          line.hold()
          await pause(DEADLINE_MS + 300)
          line.mend()
          await pause(300)
        }
      })
      assert.ok(failed > 0, 'some calls ended at their deadline')
    })

    it('a line that goes silent, and comes back with new connections', async () => {
      await throughLine(async (line) => {
        line.silence()
        await pause(2500)
        line.mend()
      })
    })

    if (byUrl) {
      it('connections that go silent for good are given up for new ones', async () => {
        await throughLine(async (line) => line.lose())
      })
    }

    it('a server that is not there: refused at once, found when it is', async () => {
      await using line = await lineTo(server.url)
      line.cut()
      const backend = make(line.url)
      const records = recordsWithin(backend, DEADLINE_MS)
      const start = performance.now()
      await assert.rejects(async () => await records.load(newId()), isSessionError)
      assert.ok(performance.now() - start < DEADLINE_MS + 200)
      line.mend()
      const key = newId()
      for (let tries = 0; tries < 50; tries++) {
        try {
          await records.create(key, counting(7))
          break
        } catch (error) {
          if (!isSessionError(error) || error.code === 'id-taken') throw error
          await pause(100)
        }
      }
      assert.equal(await countUnder(records, key), 7)
      await backend.close!()
    })
  })
}
