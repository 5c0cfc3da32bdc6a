import { randomBytes } from 'node:crypto'
import pg from 'pg'

/**
 * Where the shops of a run keep their things, where that is not in files of their own: `stores-http.test.ts` says it in the environment
 * of the tests that it runs.
 */
export interface StoresOfRun {
  /** How many processes each shop has. */
  readonly processes: number
  /** `STORE_URL` and `DATABASE_URL` of one shop: nobody else's, on the servers of the run. */
  fresh(): Promise<Record<string, string>>
}

/** The URL of a store; each `NAME` in it is replaced by one that no other shop has. */
const { TEST_SHOP_STORE, TEST_SHOP_DATABASE, TEST_SHOP_PROCESSES } = process.env

export const storesOfRun: StoresOfRun = {
  processes: Number(TEST_SHOP_PROCESSES ?? 1),
  async fresh() {
    const name = `shop_${randomBytes(6).toString('hex')}`
    return {
      ...(TEST_SHOP_STORE && { STORE_URL: TEST_SHOP_STORE.replaceAll('NAME', name) }),
      ...(TEST_SHOP_DATABASE && { DATABASE_URL: await newDatabase(TEST_SHOP_DATABASE, name) })
    }
  }
}

async function newDatabase(server: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`).finally(() => client.end())
  return Object.assign(new URL(server), { pathname: name }).href
}
