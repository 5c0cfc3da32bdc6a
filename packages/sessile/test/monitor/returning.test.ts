import assert from 'node:assert/strict'
import { afterEach, it, mock } from 'node:test'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { scriptedProcess, type Scripted } from './scripted-hour.ts'

const MINUTE = 60_000
const MIDNIGHT = Date.UTC(2026, 4, 2)

afterEach(() => mock.timers.reset())

it('sessions that are used again on a later day count once that day, whichever processes see them', async () => {
  mock.timers.enable({ apis: ['Date'], now: MIDNIGHT - 20 * MINUTE })
  const store = memoryStore()
  const processes = ['a', 'b'].map((node) => scriptedProcess(store, node))
  const [one, other] = processes as [(typeof processes)[0], (typeof processes)[0]]
  const session = (handle: string): Scripted => ({ handle, userId: undefined, agent: 'desktop', requests: [Date.now()], ends: undefined })
  const [stays, comesBack] = [session('stays'), session('comes-back')]
  const flush = () => Promise.all(processes.map(({ seen }) => seen.flush()))
  one.visit(stays)
  one.visit(comesBack)
  await flush()
  for (const minutes of [-5, 5, 7]) {
    mock.timers.setTime(MIDNIGHT + minutes * MINUTE)
    one.visit(comesBack)
    await flush()
    other.visit(comesBack)
    await flush()
  }
  // begun and seen again within one flush
  mock.timers.setTime(MIDNIGHT + 10 * MINUTE)
  one.visit(session('new'))
  one.visit(session('new'))
  await flush()
  const at = MIDNIGHT + 10 * MINUTE
  const returned = async (day: number) =>
    (await one.seen.analytics({ step: 'day', from: at + day * 1440 * MINUTE, to: at + day * 1440 * MINUTE })).totals.returned
  assert.deepEqual([await returned(-1), await returned(0)], [0, 1])
  await Promise.all(processes.map(({ seen }) => seen.close()))
})
