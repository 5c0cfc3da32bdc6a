import { now } from '../core/clock.ts'
import type { Room } from './land-once.ts'
import { SharedLog } from './shared-log.ts'

/** Sessions are looked at that long after they may have run out, at most. */
const SLOT_MS = 60_000
/** A slot is forgotten that long after its time: a process that sweeps has to be there by then. */
const LATE_MS = 3 * 3_600_000

/**
 * Which sessions may have run out by when, for stores that remove them by themselves and tell nobody. A session stands in one
 * slot; when its time has come it is looked at, and put off if it was used meanwhile. So its requests cost nothing here.
 */
export class DueSessions {
  readonly #room: Room
  readonly #keepMs: number
  readonly #slots = new Map<number, SharedLog<string>>()

  constructor(room: Room, keepMs: number) {
    this.#room = room
    this.#keepMs = keepMs
  }

  add(handle: string, expiresAt: number): void {
    this.#slot(Math.floor(expiresAt / SLOT_MS) + 1).append(handle)
  }

  #slot(number: number): SharedLog<string> {
    let slot = this.#slots.get(number)
    if (!slot) {
      const keepMs = Math.max(0, number * SLOT_MS - now()) + LATE_MS
      slot = new SharedLog(this.#room, `due/${number}`, { keepMs: Math.min(keepMs, this.#keepMs + LATE_MS), maxPending: 200_000 })
      this.#slots.set(number, slot)
    }
    return slot
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#slots.values()].map((slot) => slot.flush()))
    const past = Math.floor(now() / SLOT_MS) - 1
    for (const number of this.#slots.keys()) if (number < past) this.#slots.delete(number)
  }

  /**
   * The sessions of a slot whose time has come.
   * @param after the last slot that was looked at
   * @returns all slots from there to now; each handle as often as it was added
   */
  async *dueSince(after: number): AsyncGenerator<{ slot: number; handles: string[] }> {
    const present = Math.floor(now() / SLOT_MS)
    for (let slot = Math.max(after + 1, present - Math.floor(LATE_MS / SLOT_MS)); slot <= present; slot += 1) {
      const handles: string[] = []
      for (let before: number | undefined; ;) {
        const { entries, next } = await this.#slot(slot).newest(before, 2000)
        for (const { entry } of entries) handles.push(entry)
        if (next === undefined) break
        before = next
      }
      yield { slot, handles }
    }
  }
}
