import { GONE, TAKEN, type SessionBackend } from '../../../src/core/backend.ts'
import { movingFrom } from '../../../src/stores/moving/moving-from.ts'
import type { BackendHarness } from '../../../src/testing/harness.ts'

/** A store that moves, for the suites: everything begins in the old store, and is moved by whoever meets it first. */
export function movingHarness(name: string, from: BackendHarness, to: BackendHarness): BackendHarness {
  const another = (old: SessionBackend, next: SessionBackend) => beginningInOld(old, next)
  return {
    name,
    make: async () => another(await from.make(), await to.make()),
    ...(from.another && to.another ? { another: async () => another(await from.another!(), await to.another!()) } : {}),
    ...(to.advance ? { advance: to.advance } : {}),
    expiryStepMs: Math.max(from.expiryStepMs ?? 1, to.expiryStepMs ?? 1),
    ...(from.writeLegacy ? { writeLegacy: from.writeLegacy } : {}),
    ...(to.stop ? { stop: to.stop, start: to.start! } : {}),
    async clean() {
      // clocks are put back in the order in which they came, the last one first
      await to.clean?.()
      await from.clean?.()
    }
  }
}

const ENDED = {}

function beginningInOld(old: SessionBackend, next: SessionBackend): SessionBackend {
  const moving = movingFrom(old, next)
  return {
    ...moving,
    async create(key, record) {
      if (await next.read(key)) return moving.create(key, record)
      if ((await old.create(key, record)).outcome === 'taken') return TAKEN
      const moved = await moving.read(key)
      // it was short, or another process has ended it
      return { outcome: 'done', version: moved?.version ?? ENDED }
    },
    swap: async (key, version, record) => (version === ENDED ? GONE : moving.swap(key, version, record))
  }
}
