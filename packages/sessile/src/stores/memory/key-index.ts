import { randomInt } from 'node:crypto'
import { grown } from './growing.ts'
import { placeOf, type Rows } from './rows.ts'

const NONE = -1
const SHARD_BITS = 8
const SHARDS = 1 << SHARD_BITS
const FIRST_BUCKETS = 8

/**
 * Which row a key is in: a hash table of row numbers beside the columns, a third of the memory of a `Map` of the same keys and
 * nothing for the garbage collector to walk through. It comes in many parts, which grow one at a time and at different moments:
 * one table of a million keys would stop the process for a tenth of a second when it grows.
 */
export class KeyIndex {
  readonly #rows: Rows
  /** For each part the first row of each bucket. */
  readonly #shards: Int32Array<ArrayBuffer>[] = Array.from({ length: SHARDS }, () => new Int32Array(FIRST_BUCKETS).fill(NONE))
  readonly #counts = new Int32Array(SHARDS)
  /** For each row, side by side since they are asked for together: its key's hash, and the next row of the same bucket. */
  #links = new Int32Array(32)
  /** Keys may be chosen by others (those of counters are), so which ones fall together must not be known. */
  readonly #seed = randomInt(2 ** 31)

  constructor(rows: Rows) {
    this.#rows = rows
  }

  get(key: string): number | undefined {
    const hash = this.#hashOf(key)
    const heads = this.#shards[hash & (SHARDS - 1)]!
    let row = heads[bucketOf(hash, heads.length)]!
    while (row !== NONE && !(this.#links[row * 2] === hash && this.#rows.pageOf(row).keyAt(placeOf(row)) === key))
      row = this.#links[row * 2 + 1]!
    return row === NONE ? undefined : row
  }

  /** Adds a key that is not there yet. */
  add(key: string, row: number): void {
    if (row * 2 + 1 >= this.#links.length) this.#links = grown(this.#links, row * 2 + 1, 0)
    const hash = this.#hashOf(key)
    const shard = hash & (SHARDS - 1)
    if (++this.#counts[shard]! > this.#shards[shard]!.length) this.#resize(shard, this.#shards[shard]!.length * 2)
    this.#links[row * 2] = hash
    this.#link(this.#shards[shard]!, row)
  }

  /** Takes out the key of a row. */
  delete(row: number): void {
    const hash = this.#links[row * 2]!
    const shard = hash & (SHARDS - 1)
    const heads = this.#shards[shard]!
    const bucket = bucketOf(hash, heads.length)
    const after = this.#links[row * 2 + 1]!
    let before = heads[bucket]!
    if (before === row) heads[bucket] = after
    else {
      while (this.#links[before * 2 + 1] !== row) before = this.#links[before * 2 + 1]!
      this.#links[before * 2 + 1] = after
    }
    if (--this.#counts[shard]! * 8 < heads.length && heads.length > FIRST_BUCKETS) this.#resize(shard, heads.length / 4)
  }

  #link(heads: Int32Array<ArrayBuffer>, row: number): void {
    const bucket = bucketOf(this.#links[row * 2]!, heads.length)
    this.#links[row * 2 + 1] = heads[bucket]!
    heads[bucket] = row
  }

  #resize(shard: number, buckets: number): void {
    const heads = new Int32Array(Math.max(buckets, FIRST_BUCKETS)).fill(NONE)
    for (const first of this.#shards[shard]!) {
      for (let row = first, after; row !== NONE; row = after) {
        after = this.#links[row * 2 + 1]!
        this.#link(heads, row)
      }
    }
    this.#shards[shard] = heads
  }

  #hashOf(key: string): number {
    let hash = this.#seed
    const { length } = key
    let at = 0
    // two at a time: each step waits for the one before
    for (; at + 1 < length; at += 2) {
      hash = Math.imul(hash ^ (key.charCodeAt(at) | (key.charCodeAt(at + 1) << 16)), 0x01000193)
      hash ^= hash >>> 13
    }
    if (at < length) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x2c1b3c6d)
    return hash ^ (hash >>> 15)
  }
}

/** The lowest bits say which part a key is in. */
function bucketOf(hash: number, buckets: number): number {
  return (hash >>> SHARD_BITS) & (buckets - 1)
}
