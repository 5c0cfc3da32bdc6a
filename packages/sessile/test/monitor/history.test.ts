import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import * as client from 'prom-client'
import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { StoreCalls } from '../../src/core/calls.ts'
import { metrics } from '../../src/monitor/metrics.ts'
import { bucketOf, percentilesOfBuckets } from '../../src/monitor/sketch.ts'
import { SharedLog } from '../../src/monitor/shared-log.ts'
import { MAX_COUNTS, Tallies } from '../../src/monitor/tallies.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { percentile, scriptedHour, scriptedProcess, type Scripted } from './scripted-hour.ts'

const HOUR = 3_600_000
/** A whole hour, so that the script fills one bucket. */
const START = Date.UTC(2026, 2, 4, 10)

const room = (space: SessionBackend) => ({ space, calls: new StoreCalls(space, { deadlineMs: 2000, passErrors: false }) })

/** Loses answers, before and after the write lands. */
function faulty(inner: SessionBackend, seed: number): { backend: SessionBackend; calm(): void } {
  let state = seed
  let on = true
  const backend = wrapBackend(inner, async (operation, call) => {
    state = (state * 48271) % 2147483647
    const dice = on && operation !== 'read' ? state / 2147483647 : 1
    if (dice < 0.2) throw new Error('lost before')
    const answer = await call()
    if (dice < 0.4) throw new Error('lost after')
    return answer
  })
  return { backend, calm: () => void (on = false) }
}

describe('the sketch', () => {
  it('gives percentiles within 5 %', () => {
    let state = 7
    const values = Array.from({ length: 5000 }, () => {
      state = (state * 48271) % 2147483647
      return Math.exp((state / 2147483647) * 12)
    })
    const counts = new Map<number, number>()
    for (const value of values) counts.set(bucketOf(value), (counts.get(bucketOf(value)) ?? 0) + 1)
    const found = percentilesOfBuckets([...counts])
    assert.equal(found.count, 5000)
    for (const [share, told] of [
      [0.5, found.p50],
      [0.9, found.p90],
      [0.99, found.p99]
    ] as const) {
      const truth = percentile(values, share)
      assert.ok(Math.abs(told - truth) <= 0.05 * truth * 1.0001, `${told} for ${truth}`)
    }
  })
})

describe('tallies', () => {
  afterEach(() => mock.timers.reset())

  it('count once when answers are lost, over several processes', async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { backend, calm } = faulty(memoryStore(), seed)
      const all = [1, 2, 3].map(() => new Tallies(room(backend)))
      for (let round = 0; round < 6; round += 1) {
        for (const tallies of all) tallies.add(Date.now(), 'pages')
        await Promise.all(all.map((tallies) => tallies.flush().catch(() => {})))
      }
      calm()
      // calls are refused for a moment after many failures in a row
      const fresh = all.map((tallies) => tallies)
      for (let tries = 0; tries < 200; tries += 1) {
        const done = await Promise.all(
          fresh.map((tallies) =>
            tallies.flush().then(
              () => true,
              () => false
            )
          )
        )
        if (done.every(Boolean)) break
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const [bucket] = await new Tallies(room(backend)).read('day', Date.now(), Date.now())
      assert.equal(bucket!.tally.counts.get('pages'), 18, `seed ${seed}`)
    }
  })

  it('have a bound, whatever is counted', async () => {
    const backend = memoryStore()
    const tallies = new Tallies(room(backend))
    const at = Date.now()
    for (let n = 0; n < 5000; n += 1) tallies.add(at, `refused.${n}`)
    await tallies.flush()
    const { data } = (await backend.read(`day/${Math.floor(at / 86_400_000)}`))!
    assert.ok(Object.keys((JSON.parse(data) as { c: object }).c).length <= MAX_COUNTS + 1)
    assert.ok(data.length < 15_000)
  })
})

describe('a shared log', () => {
  it('has each entry once, in one order, whoever appended it and whatever was lost', async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { backend, calm } = faulty(memoryStore(), seed)
      const logs = [1, 2, 3].map(() => new SharedLog<string>(room(backend), 'log', { keepMs: HOUR }))
      const expected: string[] = []
      for (let round = 0; round < 8; round += 1) {
        for (const [n, log] of logs.entries()) {
          for (let k = 0; k < 40; k += 1) {
            const entry = `${n}.${round}.${k}`
            expected.push(entry)
            log.append(entry)
          }
        }
        await Promise.all(logs.map((log) => log.flush().catch(() => {})))
      }
      calm()
      for (let tries = 0; tries < 200; tries += 1) {
        const done = await Promise.all(
          logs.map((log) =>
            log.flush().then(
              () => true,
              () => false
            )
          )
        )
        if (done.every(Boolean)) break
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      const reader = new SharedLog<string>(room(backend), 'log', { keepMs: HOUR })
      const { entries, gap } = await reader.after(-1, 10_000)
      assert.equal(gap, false)
      assert.deepEqual(entries.map(({ entry }) => entry).sort(), expected.sort(), `seed ${seed}`)
      const backwards: string[] = []
      for (let before: number | undefined; ;) {
        const page = await reader.newest(before, 100)
        backwards.push(...page.entries.map(({ entry }) => entry))
        if (page.next === undefined) break
        before = page.next
      }
      assert.deepEqual(
        backwards.reverse(),
        entries.map(({ entry }) => entry)
      )
      const middle = entries[500]!
      assert.equal((await reader.after(middle.seq, 1000)).entries[0]!.seq, entries[501]!.seq)
      assert.equal((await reader.after(-1, 10)).gap, true)
    }
  })
})

describe('a scripted hour of 10,000 sessions over three processes', () => {
  afterEach(() => mock.timers.reset())
  for (const [name, make] of [
    ['memory', () => memoryStore()],
    ['SQLite', () => sqliteStore({ file: ':memory:' })]
  ] as const) {
    it(`gives exactly the known counts (${name})`, async () => {
      mock.timers.enable({ apis: ['Date'], now: START })
      const backend = make()
      const processes = ['a', 'b', 'c'].map((node) => scriptedProcess(backend, node))
      const registers = processes.map(({ sessions, seen: activity }) => {
        const register = new client.Registry()
        metrics({ sessions, activity, client, register })
        return register
      })
      const script = scriptedHour(START, 10_000)
      const steps = script
        .flatMap((session) => [
          ...session.requests.map((at, n) => ({ at, run: () => processes[n % 3]!.visit(session) })),
          ...(session.ends ? [{ at: session.ends.at, run: () => processes[session.requests.length % 3]!.end(session) }] : [])
        ])
        .sort((one, other) => one.at - other.at)
      let flushedAt = START
      for (const { at, run } of steps) {
        if (at - flushedAt >= 60_000) {
          flushedAt = at
          mock.timers.setTime(at)
          await Promise.all(processes.map(({ seen }) => seen.flush()))
        }
        mock.timers.setTime(at)
        run()
      }
      await Promise.all(processes.map(({ seen }) => seen.flush()))
      const at = START + HOUR - 1
      mock.timers.setTime(at)

      const { seen } = processes[0]!
      const ended = script.filter(({ ends }) => ends)
      const requests = script.reduce((sum, session) => sum + session.requests.length, 0)
      const { points, totals } = await seen.analytics({ step: 'hour', from: START, to: at })
      assert.equal(points.length, 1)
      assert.equal(totals.pages, requests)
      assert.equal(totals.started, 10_000)
      assert.deepEqual(totals.devices, { desktop: 3334, mobile: 3333, bot: 3333 })
      assert.deepEqual(
        totals.ended,
        Object.fromEntries(
          ['destroyed', 'revoked', 'expired'].map((reason) => [reason, ended.filter(({ ends }) => ends!.reason === reason).length])
        )
      )
      for (const [reason, number] of Object.entries(totals.ended)) {
        const texts = await Promise.all(registers.map((register) => register.metrics()))
        const line = new RegExp(`^sessile_sessions_ended_total\\{reason="${reason}"\\} (\\d+)$`, 'm')
        const told = texts.map((text) => Number(line.exec(text)?.[1] ?? 0)).reduce((sum, n) => sum + n)
        assert.equal(told, number, reason)
      }
      assert.deepEqual(totals.refused, {
        'too-many-requests': script.filter(({ handle }) => handle.endsWith('77')).reduce((sum, one) => sum + one.requests.length, 0)
      })
      assert.equal(
        Object.values(totals.nodes).reduce((sum, n) => sum + n),
        requests
      )
      assert.equal(totals.bounced, ended.filter(({ requests }) => requests.length === 1).length)
      const durations = ended.map(({ requests }) => (requests.at(-1)! - requests[0]!) / 1000)
      for (const [found, values] of [
        [totals.duration, durations],
        [totals.pagesPerSession, ended.map(({ requests }) => requests.length)]
      ] as const) {
        assert.equal(found.count, ended.length)
        for (const [told, share] of [
          [found.p50, 0.5],
          [found.p90, 0.9],
          [found.p99, 0.99]
        ] as const) {
          const truth = percentile([...values], share)
          assert.ok(Math.abs(told - truth) <= totals.error * truth + 1e-9, `${told} for ${truth}`)
        }
      }

      const lastHour = ended.filter(({ ends }) => ends!.at >= START + 60_000)
      const text = await registers[1]!.metrics()
      for (const [metric, of] of [
        ['session_duration_seconds', ({ requests }: Scripted) => (requests.at(-1)! - requests[0]!) / 1000],
        ['session_pages', ({ requests }: Scripted) => requests.length]
      ] as const) {
        for (const share of [0.5, 0.9, 0.99]) {
          const told = Number(new RegExp(`^sessile_${metric}\\{quantile="${share}"\\} (\\S+)$`, 'm').exec(text)?.[1])
          const truth = percentile(lastHour.map(of), share)
          assert.ok(Math.abs(told - truth) <= totals.error * truth + 1e-9, `${metric}: ${told} for ${truth}`)
        }
      }

      const live = await seen.live()
      for (const [active, minutes] of [
        [live.active5, 5],
        [live.active30, 30]
      ] as const) {
        const inUse = script.filter(
          ({ requests, ends }) => !ends && Math.floor(requests.at(-1)! / 60_000) >= Math.floor(at / 60_000) - minutes
        )
        assert.equal(active.users, inUse.filter(({ userId }) => userId !== undefined).length)
        assert.equal(active.guests, inUse.filter(({ userId }) => userId === undefined).length)
      }
      const minutes = await seen.analytics({ step: 'minute', from: START, to: at })
      assert.equal(
        minutes.points.reduce((sum, { pages }) => sum + pages, 0),
        requests
      )
      assert.equal((await seen.analytics({ step: 'day', from: at, to: at })).totals.started, 10_000)
      await Promise.all(processes.map(({ seen }) => seen.close()))
    })
  }
})
