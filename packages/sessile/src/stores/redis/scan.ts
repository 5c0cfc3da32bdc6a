import type { ScanPage, StoredRecord } from '../../core/backend.ts'
import type { RedisConnection } from './client.ts'
import type { Keys } from './keys.ts'
import { recordOf } from './records.ts'
import type { Serializing } from './serializing.ts'
import { READ, run } from './statements.ts'

/** Redis is asked for so many keys at a time at most, and so often for one page: then it ends as it is, if need be empty. */
const COUNT_AT_MOST = 1000
const ROUNDS = 100
/** Sorts after the address of every server. */
const AFTER_ALL = '\uffff'

/**
 * One page, of no more than was asked for. The cursor names the server and its own cursor; the servers of a cluster are visited one
 * after the other. (What moves from one to another during the scan may be missed.) Redis gives a few keys more at once than it is
 * asked for, and gives none of them again: the cursor holds them for the next page.
 */
export async function scan(
  connection: RedisConnection,
  keys: Keys,
  cursor: string | undefined,
  limit: number,
  serializing: Serializing | undefined
): Promise<ScanPage> {
  const nodes = await connection.nodes()
  const [from, at, ...left] = cursor === undefined ? ['', '0'] : (JSON.parse(cursor) as [string, string, ...string[]])
  // a server that has left meanwhile: on with the one after it
  let index = nodes.findIndex(({ address }) => address >= from)
  let position = index >= 0 && nodes[index]!.address === from ? at : '0'
  const found = new Set<string>(left)
  let count = Math.min(Math.max(limit, 1), COUNT_AT_MOST)
  for (let round = 0; index >= 0 && index < nodes.length && found.size < limit && round < ROUNDS; round++) {
    const reply = await nodes[index]!.command(['SCAN', position, 'MATCH', keys.pattern, 'COUNT', String(count), 'TYPE', 'string'])
    const [next, names] = reply as [string, string[]]
    for (const name of names) {
      const key = keys.recordKey(name)
      if (key !== undefined) found.add(key)
    }
    // among many keys of others, in longer steps
    if (names.length === 0) count = Math.min(count * 2, COUNT_AT_MOST)
    position = String(next)
    if (position === '0') index++
  }
  const records = await Promise.all([...found].slice(0, limit).map((key) => recordUnder(connection, keys, key, serializing)))
  const over = [...found].slice(limit)
  // past the last server nothing is left but what is over
  const address = index >= 0 ? nodes[index]?.address : undefined
  const more = address !== undefined || over.length > 0
  return { records: records.flat(), cursor: more ? JSON.stringify([address ?? AFTER_ALL, position, ...over]) : undefined }
}

async function recordUnder(
  connection: RedisConnection,
  keys: Keys,
  key: string,
  serializing: Serializing | undefined
): Promise<{ key: string; record: StoredRecord }[]> {
  const record = await recordOf(await run(connection, READ, keys.records + key), serializing)
  return record ? [{ key, record }] : []
}
