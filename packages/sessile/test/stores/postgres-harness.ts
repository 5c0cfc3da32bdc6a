import pg from 'pg'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import type { PostgresStoreOptions } from '../../src/stores/postgres/options.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import type { FakeClock } from '../../src/testing/fake-clock.ts'
import type { BackendHarness } from '../../src/testing/harness.ts'

/** A server, as far as a harness needs it. */
export interface Server {
  readonly url: string
  /** Whether it may be killed. */
  readonly controllable: boolean
  kill(): Promise<void>
  restart(): Promise<void>
}

let tables = 0

/** A name that no other test uses. */
export function newTable(): string {
  return `t${process.pid}_${++tables}`
}

/** connect-pg-simple's own statements, from its `table.sql`. */
export function legacyTable(table: string): string {
  return `CREATE TABLE "${table}" ("sid" varchar NOT NULL COLLATE "default", "sess" json NOT NULL, "expire" timestamp(6) NOT NULL) WITH (OIDS=FALSE);
    ALTER TABLE "${table}" ADD CONSTRAINT "${table}_pkey" PRIMARY KEY ("sid") NOT DEFERRABLE INITIALLY IMMEDIATE;
    CREATE INDEX "IDX_${table}_expire" ON "${table}" ("expire");`
}

/**
 * Two stores with a pool each on one table, in real PostgreSQL; the time is moved in this process, whose clock the store goes by.
 * @param existing makes the table beforehand
 */
export function postgresHarness(
  server: Server,
  name: string,
  more: Partial<PostgresStoreOptions> = {},
  existing?: (table: string) => string
): BackendHarness {
  const admin = new pg.Pool({ connectionString: server.url, max: 1, allowExitOnIdle: true })
  admin.on('error', () => {}) // the server is killed now and then
  let clock: FakeClock | undefined
  let tableName = ''
  const store = () => postgresStore({ url: server.url, tableName, maxConnections: 4, ...more })
  return {
    name,
    async make() {
      clock ??= fakeClock()
      tableName = newTable()
      if (existing) await admin.query(existing(tableName))
      return store()
    },
    another: store,
    advance: (ms) => clock!.advance(ms),
    async writeLegacy(key, data, expiresAt) {
      if (!existing) await store().open!()
      await admin.query(`INSERT INTO "${tableName}" (sess, expire, sid) SELECT $1, to_timestamp($2), $3`, [
        data,
        Math.ceil(expiresAt / 1000),
        key
      ])
    },
    ...(server.controllable ? { stop: () => server.kill(), start: () => server.restart() } : {}),
    async clean() {
      clock?.restore()
      clock = undefined
      for (const table of ['', '_marks', '_counters']) await admin.query(`DROP TABLE IF EXISTS "${tableName}${table}"`)
    }
  }
}
