import type { ExpiredRecord, SessionBackend } from '../../core/backend.ts'
import { resolveMemoryOptions } from './options.ts'
import type { MemoryStoreOptions } from './options.ts'
import { MemoryTable } from './table.ts'

/** Sessions in the memory of this process: fast, gone with it, and seen by it alone. */
class MemoryBackend extends MemoryTable {
  readonly #spaces = new Map<string, MemoryTable>()

  /** The limit is one of sessions: marks and counters are never pushed out by them, nor by one another. */
  space(name: string): SessionBackend {
    let space = this.#spaces.get(name)
    if (!space) {
      space = new MemoryTable(Infinity)
      this.#spaces.set(name, space)
    }
    return space
  }

  /** Sweeps the spaces as well, whose expired records nobody asks for. */
  override removeExpired(limit: number): readonly ExpiredRecord[] {
    for (const space of this.#spaces.values()) space.removeExpired(limit)
    return super.removeExpired(limit)
  }

  ping(): void {
    this.checkOpen()
  }

  close(): void {
    for (const space of this.#spaces.values()) space.end()
    this.end()
  }
}

/**
 * A store in memory, for tests, development and apps of one process.
 * A million sessions of 200 bytes take 320 bytes each; answers come in the same tick.
 * @throws SessionError `bad-option`
 */
export function memoryStore(options?: MemoryStoreOptions): SessionBackend {
  return new MemoryBackend(resolveMemoryOptions(options).maxSessions)
}
