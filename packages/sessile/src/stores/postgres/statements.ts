import { createHash } from 'node:crypto'
import type { Statement } from './client.ts'
import type { TableNames } from './names.ts'

/** What an existing table has beside connect-pg-simple's three columns. */
export interface Layout {
  /** `sessile_user`: whose record it is. */
  readonly user: boolean
  /** `sessile_hour`: the hour in which it expires, what the index of expiries is on in tables of ours. */
  readonly hour: boolean
}

/**
 * For an update that others wait behind: when it has to wait itself for somebody's transaction, it fails soon. It holds for the
 * statement alone, also where connections are handed from one client to another, as PgBouncer does.
 */
const UNLESS_LOCKED = `AND set_config('lock_timeout', '50ms', true) IS NOT NULL`

/** The names under which the statements of a table are used. */
export type Statements = Readonly<Record<keyof ReturnType<typeof texts>, Statement>>

/**
 * Every statement of a table. Each is one SQL statement and so one transaction of its own: what is read, compared and written
 * in it, is so at one moment. Under "read committed" a statement that meets another one's write of the same row waits for
 * its end, then looks whether its condition still holds for the row as it is now.
 *
 * The version of a record is `xmin`, the number of the transaction that wrote the row, which every PostgreSQL row has: an older
 * writer changes it too, and a row that was deleted and made anew has another one. It repeats after four billion transactions.
 *
 * Times are bound in seconds through `to_timestamp`, as connect-pg-simple does: the column has no zone, so the connection's is
 * applied on the way in and out.
 */
function texts({ table }: TableNames, { user, hour }: Layout) {
  const userId = user ? 'sessile_user' : 'NULL::text'
  // few columns: each of an answer is described anew, by the server and to the client
  const record = `sess::text AS data, concat_ws(' ', xmin, extract(epoch FROM expire::timestamptz) * 1000, ${userId}) AS about`
  const swap = (condition: string): string => `
      WITH done AS (
        UPDATE ${table} SET expire = to_timestamp($4), sess = $5${user ? ', sessile_user = $6' : ''}
        WHERE sid = $1 AND xmin = $3::xid AND expire > to_timestamp($2) ${condition} RETURNING xmin::text AS version
      )
      SELECT version FROM done UNION ALL
      SELECT NULL FROM ${table} WHERE sid = $1 AND expire > to_timestamp($2) AND NOT EXISTS (SELECT FROM done)`
  const extend = (condition: string): string => `
      WITH done AS (
        UPDATE ${table} SET expire = to_timestamp($3)
        WHERE sid = $1 AND expire > to_timestamp($2) AND expire < to_timestamp($3) ${condition} RETURNING 1
      )
      SELECT FROM done UNION ALL
      SELECT FROM ${table} WHERE sid = $1 AND expire > to_timestamp($2) AND NOT EXISTS (SELECT FROM done)`
  const due = hour ? 'sessile_hour' : 'expire'
  return {
    /** (key, now) */
    read: `SELECT ${record} FROM ${table} WHERE sid = $1 AND expire > to_timestamp($2)`,

    /** (key, now, expiresAt, data, userId): the primary key decides between two at once; of what is there only the expired gives way. No row: taken. */
    create: `
      INSERT INTO ${table} AS t (sid, expire, sess${user ? ', sessile_user' : ''}) VALUES ($1, to_timestamp($3), $4${user ? ', $5' : ''})
      ON CONFLICT (sid) DO UPDATE SET sess = excluded.sess, expire = excluded.expire${user ? ', sessile_user = excluded.sessile_user' : ''}
      WHERE t.expire <= to_timestamp($2) RETURNING xmin::text AS version`,

    /**
     * (key, now, version, expiresAt, data, userId): of many with one version the first changes xmin, and the others find their
     * condition gone. A row with a version: done; with null: changed; no row: gone. What did not match is looked at as it was when
     * the statement began, so one that meets a removal may hear "changed" and will find out when it reads.
     */
    swap: swap(''),
    swapUnlessLocked: swap(UNLESS_LOCKED),

    /** (key, now, expiresAt): writes nothing where the life is longer already, or over. No row: there is no live record. */
    extend: extend(''),
    extendUnlessLocked: extend(UNLESS_LOCKED),

    /** (key): what was deleted is what is returned, so one of many gets it. */
    remove: `DELETE FROM ${table} WHERE sid = $1 RETURNING ${record}`,

    /** (key, channel, origin): as `remove`; whoever listens is told once it is committed. A message has less than 8000 bytes. */
    removeAndTell: `
      DELETE FROM ${table} WHERE sid = $1
      RETURNING ${record}, pg_notify($2, CASE WHEN octet_length(sid) < 7900 THEN $3 || ' ' || sid ELSE $3 END)::text AS told`,

    /** (userId, now) */
    keysOfUser: `SELECT sid AS key FROM ${table} WHERE ${userId} = $1 AND expire > to_timestamp($2)`,

    /** (key, now, limit): on from a key, which a record keeps; none is skipped when others come and go. */
    scan: `SELECT sid AS key, ${record} FROM ${table} WHERE sid > $1 AND expire > to_timestamp($2) ORDER BY sid LIMIT $3::int`,

    /**
     * (now, limit): each row is locked first, and looked at again if it changed until then, so what was extended meanwhile
     * stays; what another sweep has locked is left to it. Hence each record is returned to one caller.
     */
    removeExpired: `
      WITH due AS MATERIALIZED (
        SELECT sid FROM ${table} WHERE expire <= to_timestamp($1)${hour ? ' AND sessile_hour <= to_timestamp($1)' : ''}
        ORDER BY ${due} LIMIT $2::int FOR UPDATE SKIP LOCKED
      )
      DELETE FROM ${table} AS t USING due WHERE t.sid = due.sid RETURNING t.sid AS key, t.sess::text AS data, ${user ? 't.sessile_user' : 'NULL::text'} AS user_id`
  }
}

/** The statements of a table with this layout. */
export function statementsOf(names: TableNames, layout: Layout): Statements {
  const named = Object.entries(texts(names, layout)).map(([name, text]) => [name, { name: `sessile ${name} ${digest(text)}`, text }])
  return Object.fromEntries(named) as unknown as Statements
}

/** A connection knows a prepared statement by its name alone, and may be used for several tables. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 12)
}

/** (table): the columns that are there; none without the table. */
export const COLUMNS = `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`

export const PING = 'SELECT 1'

/**
 * For everything below: whoever waits for a table that a backup or a long transaction holds makes all others wait behind it, so not
 * for long. Processes that start at the same moment take turns.
 */
const CAREFULLY = `
  SET LOCAL lock_timeout = 3000;
  SELECT pg_advisory_xact_lock(7305790110297);`

/**
 * Creates a table as connect-pg-simple has it, so that it can use it too, with two columns that it does not know. An index on
 * `expire` would have to be written to at every touch; the one on its hour is not, as long as the hour is the same, and with some
 * space left on each page PostgreSQL then replaces the row in place ("HOT").
 * Fails where somebody was faster: it may have been an older writer, whose table has not these columns. The name of the key is one
 * that connect-pg-simple does not give: it calls its own `session_pkey`, whatever the table is called.
 * @param dataType `json` for sessions: it keeps the text as it is; `text` in the tables beside them, whose data are anything
 */
export function createTable(names: TableNames, dataType: 'json' | 'text', userIndex: boolean): string {
  const { table, index } = names
  return `${CAREFULLY}
    CREATE TABLE ${table} (
      sid varchar NOT NULL COLLATE "default",
      sess ${dataType} NOT NULL,
      expire timestamp(6) NOT NULL,
      sessile_hour timestamp(6) GENERATED ALWAYS AS (date_trunc('hour', expire)) STORED,
      ${userIndex ? 'sessile_user text,' : ''}
      CONSTRAINT ${index('sessile_pkey')} PRIMARY KEY (sid)
    ) WITH (fillfactor = 80);
    CREATE INDEX ${index('sessile_hour')} ON ${table} (sessile_hour);
    ${userIndex ? createUserIndex(names) : ''}`
}

/** Adds the column of users to a table that was there: nothing in it is rewritten. Older writers, who name their columns, do not see it. */
export function addUserColumn(names: TableNames): string {
  return `${CAREFULLY}
    ALTER TABLE ${names.table} ADD COLUMN IF NOT EXISTS sessile_user text;
    ${createUserIndex(names)}`
}

function createUserIndex({ table, index }: TableNames): string {
  return `CREATE INDEX IF NOT EXISTS ${index('sessile_user')} ON ${table} (sessile_user) WHERE sessile_user IS NOT NULL;`
}
