import type { SessionBackend, StoredRecord } from '../core/backend.ts'
import type { StoreCalls } from '../core/calls.ts'
import { pause } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'

const MAX_TRIES = 64

/** A room beside the sessions, and what every call to its store goes through. */
export interface Room {
  readonly space: SessionBackend
  readonly calls: StoreCalls
}

export async function readFrom({ space, calls }: Room, key: string): Promise<StoredRecord | undefined> {
  return calls.run('read', () => space.read(key))
}

/**
 * Writes a record that many processes change: read, make the next one, swap, and again until nobody came between.
 * @param next the record to be written, or `undefined` when what is there is right already (this change is in it, say)
 * @throws what the store throws; the change may have landed then, and `next` is asked again with the next try
 */
export async function land(
  room: Room,
  key: string,
  next: (data: string | undefined, expiresAt: number) => { readonly data: string; readonly expiresAt: number } | undefined
): Promise<void> {
  const { space, calls } = room
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (tries >= 2) await pause(Math.random() * tries * 2)
    const stored = await readFrom(room, key)
    const record = next(stored?.data, stored?.expiresAt ?? 0)
    if (record === undefined) return
    const { outcome } = stored
      ? await calls.run('swap', () => space.swap(key, stored.version, record))
      : await calls.run('create', () => space.create(key, record))
    if (outcome === 'done') return
  }
  throw new SessionError('conflict', 'What the monitor counted could not be stored; it is tried again later.')
}
