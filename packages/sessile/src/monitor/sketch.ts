/**
 * A histogram whose buckets grow by a fixed ratio, so that it says any percentile within 5 % of the truth, and two of them are
 * added by adding their counts. Counts are kept among others, under names like `duration:57`.
 */

/** Percentiles are within this share of the true value. */
export const SKETCH_ERROR = 0.05
const RATIO = (1 + SKETCH_ERROR) / (1 - SKETCH_ERROR)
const LOG = Math.log(RATIO)
/** Values past it (in seconds: 34 years) are counted in the last bucket. */
export const SKETCH_BUCKETS = 210

/** The bucket of a value; values below 1 are in the first. */
export function bucketOf(value: number): number {
  return value < 1 ? 0 : Math.min(SKETCH_BUCKETS - 1, 1 + Math.ceil(Math.log(value) / LOG - 1e-9))
}

/** What a bucket stands for. */
function valueOf(bucket: number): number {
  return bucket === 0 ? 0 : (2 * RATIO ** (bucket - 1)) / (RATIO + 1)
}

export interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/** Percentiles of the buckets that are kept among `counts` under `name:BUCKET`. */
export function percentilesOf(counts: ReadonlyMap<string, number>, name: string): Percentiles {
  const buckets: [number, number][] = []
  for (const [key, count] of counts) {
    if (count > 0 && key.startsWith(`${name}:`)) buckets.push([Number(key.slice(name.length + 1)), count])
  }
  return percentilesOfBuckets(buckets)
}

export function percentilesOfBuckets(buckets: [bucket: number, count: number][]): Percentiles {
  buckets.sort((one, other) => one[0] - other[0])
  const count = buckets.reduce((sum, [, n]) => sum + n, 0)
  const at = (share: number): number => {
    let rest = Math.max(1, Math.ceil(count * share))
    for (const [bucket, n] of buckets) {
      rest -= n
      if (rest <= 0) return valueOf(bucket)
    }
    return 0
  }
  return { count, p50: at(0.5), p90: at(0.9), p99: at(0.99) }
}
