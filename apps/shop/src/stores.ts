import { FirstAdmin } from './accounts/first-admin.ts'
import { createPasswords } from './accounts/passwords.ts'
import { type Config, isLoopback } from './config.ts'
import { type Database, openDatabase } from './database/database.ts'
import { openDemoUsers, seed } from './database/seed.ts'
import { createSessions, type Sessions } from './sessions.ts'

/** What the shop keeps its things in. */
export interface Stores {
  /** Users, products and orders. */
  readonly db: Database
  readonly sessions: Sessions
  /** What whoever starts the shop should know, a sentence each. */
  readonly warnings: readonly string[]
  /** By which the first administrator is made; told once, to whoever starts the shop. */
  readonly setupSecret: string | undefined
}

/**
 * Opens both, with what the shop begins with.
 * @throws when one does not answer, or its URL names nothing that is known here
 */
export async function openStores(config: Config): Promise<Stores> {
  const sessions = createSessions(config)
  const db = await openDatabase(config.databaseUrl).catch(async (error: unknown) => {
    await sessions.close()
    throw error
  })
  try {
    const passwords = await createPasswords()
    const demo = !config.production && isLoopback(config.host)
    await seed(db, demo ? passwords.hash : undefined)
    const open = demo ? [] : await openDemoUsers(db, passwords.matches)
    await sessions.ready()
    return {
      db,
      sessions,
      setupSecret: demo ? undefined : await new FirstAdmin(db).offer(),
      warnings: open.map(
        (name) => `Everybody knows the password of the user ${name} in this database: it came from a start with demo data.`
      )
    }
  } catch (error) {
    await Promise.allSettled([db.destroy(), sessions.close()])
    throw error
  }
}
