import { SessionError } from '../../core/errors.ts'
import { resolveOptions } from '../../core/options.ts'

/** What `memoryStore` takes. */
export interface MemoryStoreOptions {
  /**
   * The most sessions that are kept; a new one beyond it pushes out one that has expired, else the one that was longest
   * neither read nor written. Default: no limit.
   */
  readonly maxSessions?: number
}

const DEFAULTS: Required<MemoryStoreOptions> = { maxSessions: Infinity }

/** @throws SessionError `bad-option` */
export function resolveMemoryOptions(given: MemoryStoreOptions | undefined): Readonly<Required<MemoryStoreOptions>> {
  const options = resolveOptions('memoryStore', DEFAULTS, given)
  const { maxSessions } = options
  if (!(maxSessions >= 1) || (maxSessions !== Infinity && !Number.isInteger(maxSessions))) {
    throw new SessionError('bad-option', `maxSessions must be a whole number above 0, not ${String(maxSessions)}.`)
  }
  return options
}
