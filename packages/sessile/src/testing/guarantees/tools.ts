import { wrapBackend, type SessionBackend } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { EventHub, SESSION_EVENTS, type SessionEvent } from '../../core/events.ts'
import { SessionRecords, type RecordsOptions } from '../../core/records.ts'
import type { Change } from '../../core/writer.ts'
import { turns } from '../faults.ts'

export const HOUR = 3_600_000

/** Records on a backend, and everything they told. */
export function recordsOn(backend: SessionBackend, options: Partial<RecordsOptions> = {}) {
  const events = new EventHub()
  const told: { event: SessionEvent; payload: Record<string, unknown> }[] = []
  for (const event of SESSION_EVENTS)
    events.on(event, (payload) => told.push({ event, payload: payload as unknown as Record<string, unknown> }))
  const records = new SessionRecords(backend, { events, handleOf: (key) => `handle of ${key}`, ...options })
  return { records, told, names: () => told.map(({ event }) => event) }
}

/** A change that stores these attributes. */
export function change(attributes: Record<string, unknown>, more: Partial<Change> = {}): Change {
  return { text: JSON.stringify({ cookie: {}, ...attributes }), expiresAt: now() + HOUR, userId: undefined, ...more }
}

/** The attributes of a session's text. */
export function attributesOf(text: string): Record<string, unknown> {
  const { cookie: _, ...attributes } = JSON.parse(text) as Record<string, unknown>
  return attributes
}

/**
 * The same store behind a bad line, and seen as one that other processes share: answers come some turns of the event loop later,
 * so calls interleave; of the writes some never reach it, some land without an answer, and some land later than their failure.
 * @param lossy the share of writes in trouble
 * @param late gathers the writes that are still on their way
 */
export function badLine(backend: SessionBackend, random: () => number, lossy: number, late: Promise<unknown>[] = []): SessionBackend {
  const upTo = (most: number) => turns(Math.floor(random() * most))
  const shared = { ...wrapBackend(backend, (_operation, call) => call()), traits: { shared: true, atomicSwap: true } }
  return wrapBackend(shared, async (operation, call) => {
    await upTo(4)
    const fate =
      operation === 'read' || random() >= lossy ? 'fine' : (['lost call', 'lost answer', 'late write'] as const)[Math.floor(random() * 3)]
    if (fate === 'lost call') throw new Error('connection lost before the call')
    if (fate === 'late write') {
      late.push(upTo(12).then(call))
      throw new Error('timed out before the write landed')
    }
    const answer = await call()
    await upTo(4)
    if (fate === 'lost answer') throw new Error('connection lost after the write')
    return answer
  })
}
