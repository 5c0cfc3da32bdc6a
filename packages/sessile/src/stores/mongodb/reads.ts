import { later } from '../../core/clock.ts'
import type { Collection, SessionDocument } from './client.ts'
import * as statements from './statements.ts'

interface Waiting {
  readonly key: string
  readonly resolve: (document: SessionDocument | null) => void
  readonly reject: (error: unknown) => void
}

/**
 * Reads by key; those that are asked for in one turn of the event loop are one query: of requests that come together, and of the
 * sessions that the monitor looks after, which come by the hundred (measured with 64 at once: a tenth of the time).
 */
export class Reads {
  readonly #ask: <T>(call: (collection: Collection) => Promise<T>) => Promise<T>
  #waiting: Waiting[] = []

  /** @param ask runs a call on the collection */
  constructor(ask: <T>(call: (collection: Collection) => Promise<T>) => Promise<T>) {
    this.#ask = ask
  }

  read(key: string): Promise<SessionDocument | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject })
      if (this.#waiting.length === 1) later(() => void this.#readAll())
    })
  }

  async #readAll(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      const keys = waiting.map(({ key }) => key)
      const found = await this.#ask((collection) => documentsOf(collection, keys))
      for (const { key, resolve } of waiting) resolve(found.get(key) ?? null)
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}

/** With room for one more the server knows that there are none, and is not asked for them. */
async function documentsOf(collection: Collection, keys: readonly string[]): Promise<ReadonlyMap<string, SessionDocument>> {
  const documents =
    keys.length === 1
      ? [await collection.findOne(statements.byKey(keys[0]!), statements.READ)]
      : await collection.find(statements.byKeys(keys), { ...statements.READ, batchSize: keys.length + 1 }).toArray()
  return new Map(documents.flatMap((document) => (document ? [[document._id, document]] : [])))
}
