import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { Client, startProcess, temporaryFolder } from '../helpers.ts'

/** Starts shops in processes of their own, all on the same new files. They end with the test. */
export async function startShops(test: TestContext, count: number): Promise<{ readonly urls: readonly string[]; readonly db: Database }> {
  const resources = new AsyncDisposableStack()
  test.after(() => resources.disposeAsync())
  const folder = resources.use(await temporaryFolder()).path
  const urls: string[] = []
  for (let i = 0; i < count; i++) urls.push(resources.use(await startProcess({ DATA_DIR: folder })).url)
  return { urls, db: resources.use(await databaseOf(folder)) }
}

/** The database of a running shop, as its owner sees it. */
export async function databaseOf(folder: string): Promise<Database> {
  return openDatabase(`sqlite:${join(folder, 'shop.db')}`)
}

/** The same browser as of now, asking another process. */
export function copyAt(client: Client, url: string): Client {
  const copy = new Client(url)
  for (const [name, value] of client.cookies) copy.cookies.set(name, value)
  return copy
}
