import type { Analytics, Point, StepName, Totals } from './api-types.ts'
import { percentilesOf, SKETCH_ERROR } from './sketch.ts'
import { addTo, type Tally } from './tallies.ts'

interface Bucket {
  readonly at: number
  readonly tally: Tally
}

/** One bucket as the charts show it. */
export function pointOf(at: number, { counts, peaks }: Tally): Point {
  return {
    at,
    pages: sum(counts, 'pages'),
    started: sum(counts, 'started'),
    ended: total(named(counts, 'ended.')),
    signIns: sum(counts, 'signed-in'),
    refused: sum(counts, 'refused'),
    active: peaks.get('active') ?? 0
  }
}

/** Buckets of one step as a series and as their sum. */
export function analyticsOf(step: StepName, from: number, to: number, buckets: readonly Bucket[]): Analytics {
  const all: Tally = { counts: new Map(), peaks: new Map() }
  for (const { tally } of buckets) addTo(all, tally)
  return { step, from, to, points: buckets.map(({ at, tally }) => pointOf(at, tally)), totals: totalsOf(all.counts) }
}

function totalsOf(counts: ReadonlyMap<string, number>): Totals {
  return {
    pages: sum(counts, 'pages'),
    started: sum(counts, 'started'),
    signIns: sum(counts, 'signed-in'),
    ended: named(counts, 'ended.'),
    refused: named(counts, 'refused.'),
    devices: named(counts, 'device.'),
    bounced: sum(counts, 'bounced'),
    returned: sum(counts, 'returned'),
    duration: percentilesOf(counts, 'duration'),
    pagesPerSession: percentilesOf(counts, 'pagesOf'),
    error: SKETCH_ERROR,
    merged: sum(counts, 'merged'),
    lateWrites: sum(counts, 'late-write'),
    storeErrors: sum(counts, 'store-error'),
    unknownIds: sum(counts, 'unknown-id'),
    retiredIds: sum(counts, 'retired-id'),
    alerts: named(counts, 'alert.'),
    marks: named(counts, 'mark.'),
    nodes: named(counts, 'node.')
  }
}

function sum(counts: ReadonlyMap<string, number>, name: string): number {
  return Math.max(0, counts.get(name) ?? 0)
}

/** The counts whose names begin so, by the rest of their names. */
function named(counts: ReadonlyMap<string, number>, start: string): Record<string, number> {
  const found = [...counts].filter(([name, n]) => name.startsWith(start) && n > 0).sort((one, other) => other[1] - one[1])
  return Object.fromEntries(found.map(([name, n]) => [name.slice(start.length), n]))
}

function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, n) => all + n, 0)
}
