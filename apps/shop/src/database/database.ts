import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CamelCasePlugin, type Dialect, Kysely, PostgresDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import { migrations } from './migrations/index.ts'
import type { Tables } from './schema.ts'
import { NodeSqliteDialect } from './sqlite-dialect.ts'

/** The shop's database, or a transaction of it: what every repository takes. */
export type Database = Kysely<Tables>

/**
 * Opens users, products and orders, and brings the schema up to date.
 * @param url `sqlite:PATH`, `sqlite::memory:`, `postgres://…` or `postgresql://…`
 * @throws when the URL names no database known here, or the database does not answer
 */
export async function openDatabase(url: string): Promise<Database> {
  const db = new Kysely<Tables>({ dialect: await dialectOf(url), plugins: [new CamelCasePlugin()] })
  try {
    await migrate(db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return db
}

async function dialectOf(url: string): Promise<Dialect> {
  if (url.startsWith('sqlite:')) {
    const file = url.slice('sqlite:'.length)
    if (file !== ':memory:') await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    return new NodeSqliteDialect(file)
  }
  if (/^postgres(ql)?:\/\//.test(url)) return postgresDialect(url)
  throw new Error('DATABASE_URL must begin with sqlite:, postgres:// or postgresql://')
}

async function postgresDialect(url: string): Promise<Dialect> {
  const { default: pg } = await import('pg')
  // int8 holds our times, sums and counts, all far below 2^53; the driver would hand out text.
  const asNumber = (text: string) => Number(text)
  const getTypeParser = (id: number, format?: 'text') => (id === 20 ? asNumber : pg.types.getTypeParser(id, format))
  const types = { getTypeParser } as typeof pg.types
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 5_000, types })
  // An idle connection that the server closes must not end the process: the pool makes another one.
  pool.on('error', () => {})
  return new PostgresDialect({ pool })
}

async function migrate(db: Database): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}

/** Whether the database answers. @throws when it does not */
export async function ping(db: Database): Promise<void> {
  await db.selectFrom('products').select('id').limit(1).execute()
}
