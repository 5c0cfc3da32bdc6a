import { strict as assert } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'
import type { SessionBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { EventHub } from '../../src/core/events.ts'
import { newId } from '../../src/core/ids.ts'
import { SessionRecords } from '../../src/core/records.ts'

const HOUR = 3_600_000

/** What a writer was told, and what it may have done. */
interface Told {
  readonly key: string
  acknowledged: number
  attempted: number
}

export function recordsWithin(backend: SessionBackend, deadlineMs: number): SessionRecords {
  return new SessionRecords(backend, { events: new EventHub(), handleOf: () => 'handle', deadlineMs })
}

/** What stores a count. */
export function counting(count: number): { text: string; expiresAt: number; userId: undefined } {
  return { text: JSON.stringify({ cookie: {}, count }), expiresAt: Date.now() + HOUR, userId: undefined }
}

export async function countUnder(records: SessionRecords, key: string): Promise<number> {
  const loaded = await records.load(key)
  assert.ok(loaded, 'a session is never just gone')
  return (JSON.parse(loaded.text) as { count: number }).count
}

/** Writers that count, each in a session of its own, through whatever happens to the store. */
export class Writers {
  /** How many calls failed, each within its deadline, and how, each way once. */
  failed = 0
  readonly failures: string[] = []
  /** How long the slowest load and commit took together, ms. */
  slowestMs = 0
  readonly #records: SessionRecords
  readonly #all: readonly Told[]
  #going = true
  #done: Promise<unknown> = Promise.resolve()

  private constructor(records: SessionRecords) {
    this.#records = records
    this.#all = Array.from({ length: 6 }, () => ({ key: newId(), acknowledged: 0, attempted: 0 }))
  }

  static async start(backend: SessionBackend, deadlineMs: number): Promise<Writers> {
    const writers = new Writers(recordsWithin(backend, deadlineMs))
    // loading a driver and making a table may take longer than what comes then
    const unhurried = recordsWithin(backend, 20_000)
    for (const { key } of writers.#all) await unhurried.create(key, counting(0))
    writers.#done = Promise.all(writers.#all.map((told) => writers.#write(told)))
    writers.#done.catch(() => {}) // told by `finish`
    return writers
  }

  async #write(told: Told): Promise<void> {
    while (this.#going) {
      const start = performance.now()
      try {
        const loaded = await this.#records.load(told.key)
        assert.ok(loaded, 'a session is never just gone')
        const { count } = JSON.parse(loaded.text) as { count: number }
        assert.ok(count >= told.acknowledged, `acknowledged ${told.acknowledged}, there is ${count}`)
        told.attempted = count + 1
        assert.notEqual(await this.#records.commit(loaded, counting(count + 1)), 'gone')
        told.acknowledged = count + 1
      } catch (error) {
        if (!isSessionError(error)) throw error
        this.failed++
        if (this.failures.length < 20 && !this.failures.includes(error.message)) this.failures.push(error.message)
        // else the store would be spared most of what it is to live through
        this.#records.calls.breaker.answered()
        await pause(5)
      }
      this.slowestMs = Math.max(this.slowestMs, performance.now() - start)
    }
  }

  /** Waits until each of them has got on, stops them, and holds what is stored against what they were told. */
  async finish(): Promise<void> {
    const reached = this.#all.map(({ acknowledged }) => acknowledged)
    const areOn = (): boolean => this.#all.every(({ acknowledged }, index) => acknowledged > reached[index]! + 1)
    for (let tries = 0; tries < 300 && !areOn(); tries++) await pause(50)
    const wentOn = areOn()
    this.#going = false
    await this.#done
    assert.ok(wentOn, 'it went on by itself')
    for (const { key, acknowledged, attempted } of this.#all) {
      const count = await countUnder(this.#records, key)
      assert.ok(count >= acknowledged && count <= attempted, `acknowledged ${acknowledged}, attempted ${attempted}, there is ${count}`)
    }
  }
}
