import { wrapBackend, type SessionBackend } from '../../src/core/backend.ts'
import { now } from '../../src/core/clock.ts'
import { EventHub, SESSION_EVENTS, type SessionEvent } from '../../src/core/events.ts'
import { SessionRecords, type RecordsOptions } from '../../src/core/records.ts'
import type { Change } from '../../src/core/writer.ts'

export const HOUR = 3_600_000

/** Records on a backend, and everything they told. */
export function recordsOn(backend: SessionBackend, options: Partial<RecordsOptions> = {}) {
  const events = new EventHub()
  const told: { event: SessionEvent; payload: Record<string, unknown> }[] = []
  for (const event of SESSION_EVENTS) events.on(event, (payload) => told.push({ event, payload: payload as unknown as Record<string, unknown> }))
  const records = new SessionRecords(backend, { events, handleOf: (key) => `handle of ${key}`, ...options })
  return { records, told, names: () => told.map(({ event }) => event) }
}

/** A change that stores these attributes. */
export function change(attributes: Record<string, unknown>, more: Partial<Change> = {}): Change {
  return { text: JSON.stringify({ cookie: {}, ...attributes }), expiresAt: now() + HOUR, userId: undefined, ...more }
}

export function attributesOf(text: string): Record<string, unknown> {
  const { cookie: _, ...attributes } = JSON.parse(text) as Record<string, unknown>
  return attributes
}

/** A small random generator, so that a run that failed can be repeated by its seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * The same store behind a bad line, and seen as one that other processes share: answers come some turns of the event loop later,
 * so calls interleave; with `lossy`, some calls never reach it and some answers are lost although the write landed, or lands later.
 * @param late gathers the writes that are still on their way
 */
export function badLine(backend: SessionBackend, random: () => number, lossy: number, late: Promise<unknown>[] = []): SessionBackend {
  const turns = async (most: number) => {
    for (let left = Math.floor(random() * most); left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
  }
  return wrapBackend({ ...bound(backend), traits: { shared: true, atomicSwap: true } }, async (operation, call) => {
    await turns(4)
    const fate = operation === 'read' || random() > lossy ? 'fine' : (['lost call', 'lost answer', 'late write'] as const)[Math.floor(random() * 3)]
    if (fate === 'lost call') throw new Error('connection lost before the call')
    if (fate === 'late write') {
      late.push(turns(12).then(call))
      throw new Error('timed out before the write landed')
    }
    const answer = await call()
    await turns(4)
    if (fate === 'lost answer') throw new Error('connection lost after the write')
    return answer
  })
}

/** The methods of a class's instance as own properties, so that it can be spread. */
function bound(backend: SessionBackend): SessionBackend {
  return wrapBackend(backend, (_operation, call) => call())
}
