import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, it, mock } from 'node:test'
import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { session } from '../../src/express/factory.ts'
import { startSweeping } from '../../src/monitor/sweeping.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { scriptedHour, scriptedProcess } from './scripted-hour.ts'

const SECRET = 'a secret of more than 32 characters'
const MINUTE = 60_000

function managerOn(store: SessionBackend) {
  return session({ secret: SECRET, store, resave: false, saveUninitialized: false })
}

/** As a store that expires sessions by itself and tells nobody. */
function silent(backend: SessionBackend): SessionBackend {
  const shared = { ...backend.traits, shared: true }
  const { removeExpired: _, ...rest } = wrapBackend(backend, (_operation, call) => call())
  return { ...rest, traits: shared } as SessionBackend
}

describe('sweeping', () => {
  afterEach(() => mock.timers.reset())

  it('is done by one process at a time, which another replaces when it stops or dies', async () => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const folder = mkdtempSync(join(tmpdir(), 'sessile-sweeping-'))
    const backend = sqliteStore({ file: join(folder, 'sessions.db') })
    await backend.open?.()
    let swept = 0
    const sweep = async (): Promise<number> => {
      swept += 1
      return 0
    }
    const process_ = () => startSweeping({ backend, sweep }, { every: '30s', lease: '90s' })
    const [one, two, three] = [process_(), process_(), process_()]
    await Promise.all([one.now(), two.now(), three.now()])
    assert.equal(swept, 1)
    await one.now()
    assert.equal(swept, 2)
    await one.stop()
    mock.timers.tick(2)
    await two.now()
    await three.now()
    assert.equal(swept, 3)
    // the one that dies says nothing
    mock.timers.tick(91_000)
    await three.now()
    assert.equal(swept, 4)
    await two.now()
    assert.equal(swept, 4)
    await Promise.all([two.stop(), three.stop()])
    await backend.close?.()
    rmSync(folder, { recursive: true })
  })

  it('removes what ran out, each told once, in batches', async () => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const backend = memoryStore()
    const sessions = managerOn(backend)
    const told = new Map<string, number>()
    sessions.on('expired', ({ handle }) => void told.set(handle, (told.get(handle) ?? 0) + 1))
    for (let n = 0; n < 2500; n += 1) await backend.create(`k${n}`, { data: '{"cookie":{}}', expiresAt: Date.now() + MINUTE })
    const sweeping = startSweeping(sessions, { batch: 400 })
    assert.equal(await sweeping.now(), 0)
    mock.timers.tick(2 * MINUTE)
    assert.equal(await sweeping.now(), 2500)
    assert.equal(told.size, 2500)
    assert.ok([...told.values()].every((times) => times === 1))
    await sweeping.stop()
  })

  it('tells each session once that ran out in a store that tells nobody', async () => {
    const start = Date.UTC(2026, 2, 4, 10)
    mock.timers.enable({ apis: ['Date'], now: start })
    const backend = silent(memoryStore())
    const processes = ['a', 'b', 'c'].map((node) => scriptedProcess(backend, node))
    const script = scriptedHour(start, 600)
    const steps = script
      .flatMap((one) => [
        ...one.requests.map((at, n) => ({ at, run: () => processes[n % 3]!.visit(one) })),
        ...(one.ends && one.ends.reason !== 'expired' ? [{ at: one.ends.at, run: () => processes[0]!.end(one) }] : [])
      ])
      .sort((one, other) => one.at - other.at)
    const told: string[] = []
    const sweepings = processes.map(({ seen }) =>
      startSweeping({ backend, sweep: async () => 0 }, { activity: seen, onExpired: (handle) => told.push(handle) })
    )
    let next = 0
    for (let at = start; at < start + 120 * MINUTE; at += 30_000) {
      mock.timers.setTime(at)
      while (next < steps.length && steps[next]!.at <= at) steps[next++]!.run()
      await Promise.all(processes.map(({ seen }) => seen.flush()))
      await Promise.all(sweepings.map((sweeping) => sweeping.now()))
    }
    const expected = script.filter(({ ends }) => ends === undefined || ends.reason === 'expired').map(({ handle }) => handle)
    assert.deepEqual(told.sort(), expected.sort())
    const { seen } = processes[0]!
    const { totals } = await seen.analytics({ step: 'hour', from: start, to: start + 120 * MINUTE })
    assert.equal(totals.ended['expired'], expected.length)
    assert.equal(totals.duration.count, 600)
    for (const sweeping of sweepings) await sweeping.stop()
    for (const { seen } of processes) await seen.close()
  })
})
