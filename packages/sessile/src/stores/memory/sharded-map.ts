const SHARDS = 64

/**
 * A map of many small maps. One `Map` of a million keys moves all of them when it grows or shrinks, which stops the process
 * for a tenth of a second; one of 64 parts does that for a millisecond, 64 times, at different moments.
 */
export class ShardedMap<V> {
  readonly #shards: Map<string, V>[] = Array.from({ length: SHARDS }, () => new Map())

  get(key: string): V | undefined {
    return this.#shards[shardOf(key)]!.get(key)
  }

  set(key: string, value: V): void {
    this.#shards[shardOf(key)]!.set(key, value)
  }

  delete(key: string): void {
    this.#shards[shardOf(key)]!.delete(key)
  }
}

/** Keys are random text, so three characters spread them; keys that are not still work, in fewer parts. */
function shardOf(key: string): number {
  const length = key.length
  if (length === 0) return 0
  return (key.charCodeAt(0) + 7 * key.charCodeAt(length >> 1) + 29 * key.charCodeAt(length - 1)) & (SHARDS - 1)
}
