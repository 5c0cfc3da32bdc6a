import type { Document } from 'mongodb'

interface TtlIndex {
  readonly db: string
  readonly collection: string
  readonly field: string
  readonly seconds: number
  readonly partial: Document | undefined
}

/** Runs one command in the engine. */
export type RunCommand = (db: string, command: Document) => Promise<Document>

/** Deletes what has expired, as the TTL thread of a server does; the engine from npm has none. */
export class TtlSweeper {
  readonly #run: RunCommand
  #indexes: TtlIndex[] | undefined
  #busy: Promise<number> | undefined

  constructor(run: RunCommand) {
    this.#run = run
  }

  /** To be called when an index may have come or gone. */
  forget(): void {
    this.#indexes = undefined
  }

  /** One sweep at a time: whoever asks during one gets the next one. @returns how many documents it deleted */
  sweep(): Promise<number> {
    const next = (this.#busy ?? Promise.resolve(0)).catch(() => 0).then(() => this.#sweepOnce())
    this.#busy = next
    return next
  }

  /** Resolves when no sweep is under way. */
  async idle(): Promise<void> {
    await this.#busy?.catch(() => {})
  }

  async #sweepOnce(): Promise<number> {
    this.#indexes ??= await this.#findIndexes()
    let deleted = 0
    for (const { db, collection, field, seconds, partial } of this.#indexes) {
      const expired = { [field]: { $lte: new Date(Date.now() - seconds * 1000) } } // matches dates only
      const q = partial ? { $and: [partial, expired] } : expired
      const reply = await this.#run(db, { delete: collection, deletes: [{ q, limit: 0 }] })
      deleted += Number(reply['n'] ?? 0)
    }
    return deleted
  }

  async #findIndexes(): Promise<TtlIndex[]> {
    const found: TtlIndex[] = []
    const { databases } = await this.#run('admin', { listDatabases: 1, nameOnly: true })
    for (const { name: db } of databases as { name: string }[]) {
      for (const { name: collection } of await this.#all(db, { listCollections: 1, nameOnly: true, filter: { type: 'collection' } })) {
        for (const index of await this.#all(db, { listIndexes: collection })) {
          const [field, ...more] = Object.keys(index['key'] as object)
          if (index['expireAfterSeconds'] === undefined || field === undefined || more.length > 0) continue
          const seconds = Number(index['expireAfterSeconds'])
          found.push({ db, collection: String(collection), field, seconds, partial: index['partialFilterExpression'] })
        }
      }
    }
    return found
  }

  async #all(db: string, command: Document): Promise<Document[]> {
    const reply = await this.#run(db, { ...command, cursor: { batchSize: 10_000 } })
    return reply['ok'] ? reply['cursor'].firstBatch : [] // the collection may have gone in the meantime
  }
}
