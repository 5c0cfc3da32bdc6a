import type { ExpiredRecord, SessionBackend, StoredRecord } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { SessionError } from '../../core/errors.ts'
import { newTag } from '../../core/ids.ts'
import { Connections } from './client.ts'
import { TableNames } from './names.ts'
import { checkName, resolvePostgresOptions } from './options.ts'
import type { PostgresStoreOptions, ResolvedPostgresOptions } from './options.ts'
import { RemovalWatch } from './removal-watch.ts'
import type { FoundTable } from './schema.ts'
import { PostgresSpace } from './space.ts'
import { PING } from './statements.ts'
import { aliveOf, PostgresTable } from './table.ts'

/** A sweep that took longer than this is not repeated at once. */
const SWEEP_QUICK_MS = 20
/** A sweep takes a hundredth of the server's time at most. */
const SWEEP_SHARE = 100
const COLUMN_AGAIN_MS = 60_000

/** Sessions in a PostgreSQL table, the one that connect-pg-simple uses. */
class PostgresBackend extends PostgresTable {
  /** Only where the index is wanted: what is there is what is promised. */
  keysOfUser?: (userId: string) => Promise<readonly string[]>
  readonly #options: ResolvedPostgresOptions
  readonly #origin = newTag()
  readonly #spaces = new Map<string, PostgresSpace>()
  readonly #watch: RemovalWatch
  #lookAgainAt = 0
  #sweepAgainAt = 0

  constructor(options: ResolvedPostgresOptions) {
    const { schemaName, tableName, createTableIfMissing, userIndex } = options
    super(new Connections(options), {
      names: new TableNames(schemaName, tableName),
      dataType: 'json',
      create: createTableIfMissing,
      userIndex
    })
    this.#options = options
    this.#watch = new RemovalWatch(this.connections, this.wish.names.channel, this.#origin)
    if (userIndex) this.keysOfUser = (userId) => this.#keysOfUser(userId)
  }

  override async remove(key: string): Promise<StoredRecord | undefined> {
    return aliveOf(await this.ask('removeAndTell', [key, this.wish.names.channel, this.#origin]))
  }

  async #keysOfUser(userId: string): Promise<readonly string[]> {
    if (!(await this.#withUsers()).layout.user) {
      throw new SessionError('not-supported', `The table ${this.wish.names.plain} has no column sessile_user, and it could not be added.`)
    }
    return (await this.ask('keysOfUser', [userId, now() / 1000])).map(({ key }) => key!)
  }

  async #withUsers(): Promise<FoundTable> {
    const found = await this.found()
    if (found.layout.user || now() < this.#lookAgainAt) return found
    this.#lookAgainAt = now() + COLUMN_AGAIN_MS
    return this.findAgain()
  }

  /** A table beside this one, with the name of both; it closes with this store. */
  space(name: string): SessionBackend {
    if (!/^\w{1,40}$/.test(name))
      throw new SessionError('bad-argument', `The name of a space must be letters, digits and _, not ${JSON.stringify(name)}.`)
    let space = this.#spaces.get(name)
    if (!space) {
      const { schemaName, tableName } = this.#options
      const full = `${tableName}_${name}`
      checkName(`tableName with _${name} after it`, full)
      space = new PostgresSpace(this.connections, { ...this.wish, names: new TableNames(schemaName, full), dataType: 'text' })
      this.#spaces.set(name, space)
    }
    return space
  }

  /**
   * Sweeps the spaces as well, whose expired records nobody asks for. What expires within the hour is looked at one by one, so a
   * sweep that found less than it might have and took its time is followed by a rest, in which the answer is "none".
   */
  override async removeExpired(limit: number): Promise<readonly ExpiredRecord[]> {
    const start = now()
    if (start < this.#sweepAgainAt && start > this.#sweepAgainAt - 60_000) return []
    for (const space of this.#spaces.values()) await space.removeExpired(limit)
    const removed = await super.removeExpired(limit)
    const took = now() - start
    if (removed.length < limit && took > SWEEP_QUICK_MS) this.#sweepAgainAt = start + Math.min(took * SWEEP_SHARE, 60_000)
    return removed
  }

  watchRemoved(listener: (key: string) => void): () => void {
    return this.#watch.add(listener)
  }

  async ping(): Promise<void> {
    await this.connections.runText(PING)
  }

  async close(): Promise<void> {
    await Promise.all([this.#watch.stop(), this.connections.close()])
  }
}

/**
 * A store in PostgreSQL 12 or later, on connect-pg-simple's table: its sessions are found, and it finds these. Nothing is connected
 * before the first use.
 *
 * The expiry column has no time zone, so every connection must have the same `TimeZone`, as with connect-pg-simple; in a zone with
 * summer time a life may be an hour off when the clock is put back.
 * @throws SessionError `bad-option`
 */
export function postgresStore(options: PostgresStoreOptions): SessionBackend {
  return new PostgresBackend(resolvePostgresOptions(options))
}
