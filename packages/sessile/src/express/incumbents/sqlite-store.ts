import { milliseconds, type Duration } from '../../core/options.ts'
import { sqliteStore } from '../../stores/sqlite/backend.ts'
import type { SqliteStoreOptions } from '../../stores/sqlite/options.ts'
import { BackendStore } from '../backend-store.ts'

/** What `new SqliteStore` takes. */
export interface SqliteSessionStoreOptions extends SqliteStoreOptions {
  /** How long a session lives whose cookie does not say it. Default `24h`. */
  readonly ttl?: Duration
}

/**
 * `sqliteStore` with express-session's callback API, for express-session as well as for sessile: what a request saves is compared with
 * what it loaded, so it overwrites nobody's change and revives no ended session. Methods take a callback or return a promise.
 * @throws SessionError `bad-option`
 */
export class SqliteStore extends BackendStore {
  constructor({ ttl = '24h', ...options }: SqliteSessionStoreOptions) {
    super(sqliteStore(options), { idleMs: milliseconds('ttl', ttl) })
  }

  /** Lets go of the file; calls fail from then on. */
  async close(): Promise<void> {
    await this.backend.close?.()
  }
}
