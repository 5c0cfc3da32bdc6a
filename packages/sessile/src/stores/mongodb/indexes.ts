import type { Collection } from './client.ts'

/** An index, and what is not so without it. */
export interface IndexWish {
  readonly index: readonly [object, object]
  readonly without: string
}

const NOT_PERMITTED = 13
/** There is one on the same field with other options. */
const CONFLICTS = new Set([85, 86])

/** Indexes that cannot be made are warned of: the sessions are right without. @throws what the driver throws when the server does not answer */
export async function createIndexes(collection: Collection, wishes: readonly IndexWish[]): Promise<void> {
  for (const {
    index: [fields, options],
    without
  } of wishes) {
    try {
      await collection.createIndex(fields, options)
    } catch (error) {
      const code = (error as { code?: unknown }).code
      if (code !== NOT_PERMITTED && !CONFLICTS.has(code as number)) throw error
      // rights are asked for before whether there is anything to do
      if (code === NOT_PERMITTED && (await isThere(collection, fields, options))) continue
      const why = code === NOT_PERMITTED ? 'that is not permitted' : 'there is another one on the same field'
      const wanted = `createIndex(${JSON.stringify(fields)}, ${JSON.stringify(options)})`
      process.emitWarning(
        `${without}: ${wanted} failed, ${why}. (${error instanceof Error ? error.message : String(error)})`,
        'SessileWarning'
      )
    }
  }
}

/** Whether somebody else has made the index; where one may not look either, it is taken for missing. */
async function isThere(collection: Collection, fields: object, options: object): Promise<boolean> {
  const wanted = JSON.stringify(fields)
  const indexes = await collection
    .listIndexes()
    .toArray()
    .catch(() => [])
  return indexes.some(
    (index) =>
      JSON.stringify(index['key']) === wanted && Object.entries(options).every(([name, value]) => Number(index[name]) === Number(value))
  )
}
