import type { ScanPage, StoredRecord } from '../../core/backend.ts'
import type { RedisConnection } from './client.ts'
import type { Keys } from './keys.ts'
import { recordOf } from './records.ts'
import type { Serializing } from './serializing.ts'
import { READ, run } from './statements.ts'

/** Redis is asked for so many keys at a time at most, and so often for one page: then it ends as it is, if need be empty. */
const COUNT_AT_MOST = 1000
const ROUNDS = 100

/**
 * One page, about as long as asked: Redis gives a few more or fewer at once. The cursor names the server and its own cursor; the
 * servers of a cluster are visited one after the other. (What moves from one to another during the scan may be missed.)
 */
export async function scan(
  connection: RedisConnection,
  keys: Keys,
  cursor: string | undefined,
  limit: number,
  serializing: Serializing | undefined
): Promise<ScanPage> {
  const nodes = await connection.nodes()
  const [from, at] = cursor === undefined ? ['', '0'] : splitCursor(cursor)
  // a server that has left meanwhile: on with the one after it
  let index = nodes.findIndex(({ address }) => address >= from)
  let position = index >= 0 && nodes[index]!.address === from ? at : '0'
  const found = new Set<string>()
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
  const records = await Promise.all([...found].map((key) => recordUnder(connection, keys, key, serializing)))
  const more = index >= 0 && index < nodes.length
  return { records: records.flat(), cursor: more ? `${nodes[index]!.address} ${position}` : undefined }
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

function splitCursor(cursor: string): [string, string] {
  const space = cursor.lastIndexOf(' ')
  return [cursor.slice(0, space), cursor.slice(space + 1)]
}
