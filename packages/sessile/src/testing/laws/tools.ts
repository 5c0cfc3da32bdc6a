import { strict as assert } from 'node:assert'
import type { CreateResult, NewRecord, SessionBackend, StoredRecord, SwapResult, Version } from '../../core/backend.ts'
import { now } from '../../core/clock.ts'
import { newId, newTag } from '../../core/ids.ts'

export const HOUR = 3_600_000

/** A record that no other is like: a store may take the text itself as the version. */
export function fresh(more: { expiresAt?: number; userId?: string; count?: number } = {}): NewRecord {
  const data = JSON.stringify({ cookie: { originalMaxAge: HOUR, path: '/' }, count: more.count ?? 0, '~': { tag: newTag() } })
  return { data, expiresAt: more.expiresAt ?? now() + HOUR, userId: more.userId }
}

/** Creates a record that must not be there yet. */
export async function created(
  backend: SessionBackend,
  next: NewRecord = fresh()
): Promise<{ key: string; version: Version; data: string }> {
  const key = newId()
  return { key, version: doneVersion(await backend.create(key, next)), data: next.data }
}

/** A record that must be there. */
export async function mustRead(backend: SessionBackend, key: string): Promise<StoredRecord> {
  const record = await backend.read(key)
  assert.ok(record, 'there should be a record')
  return record
}

export function doneVersion(result: CreateResult | SwapResult): Version {
  assert.equal(result.outcome, 'done')
  return (result as { version: Version }).version
}

/** Calls all at once and waits for all, also when one of them throws in the same tick. */
export function together<T>(count: number, call: (index: number) => T | Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, async (_, index) => await call(index)))
}

export function outcomesOf(results: readonly (CreateResult | SwapResult)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

/** Adds one to the count in a record, again and again until the swap is done. */
export async function increment(backend: SessionBackend, key: string): Promise<void> {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const record = await mustRead(backend, key)
    const count = countOf(record) + 1
    const result = await backend.swap(
      key,
      record.version,
      fresh({ count, ...(record.userId === undefined ? {} : { userId: record.userId }) })
    )
    if (result.outcome === 'done') return
    assert.equal(result.outcome, 'changed')
  }
  assert.fail('2000 swaps in a row were "changed"')
}

export function countOf(record: StoredRecord): number {
  return (JSON.parse(record.data) as { count: number }).count
}
