import { createPasswords } from './accounts/passwords.ts'
import { type Config, isLoopback } from './config.ts'
import { type Database, openDatabase } from './database/database.ts'
import { seed } from './database/seed.ts'
import { createSessions, type Sessions } from './sessions.ts'

/** What the shop keeps its things in. */
export interface Stores {
  /** Users, products and orders. */
  readonly db: Database
  readonly sessions: Sessions
}

/**
 * Opens both, with what the shop begins with.
 * @throws when one does not answer, or its URL names nothing that is known here
 */
export async function openStores(config: Config): Promise<Stores> {
  const sessions = createSessions(config)
  const db = await openDatabase(config.databaseUrl)
  try {
    const demo = !config.production && isLoopback(config.host)
    await seed(db, demo ? (await createPasswords()).hash : undefined)
    await sessions.ready()
    return { db, sessions }
  } catch (error) {
    await Promise.allSettled([db.destroy(), sessions.close()])
    throw error
  }
}
