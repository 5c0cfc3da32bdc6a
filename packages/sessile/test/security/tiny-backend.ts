import { CHANGED, GONE, TAKEN, type NewRecord, type SessionBackend, type StoredRecord } from '../../src/core/backend.ts'

/** A store in a few lines, for tests that need nothing of a real one but its operations. */
export function tinyBackend(delay: () => Promise<void> | undefined = () => undefined): SessionBackend {
  const records = new Map<string, StoredRecord>()
  const spaces = new Map<string, SessionBackend>()
  let versions = 0
  const live = (key: string): StoredRecord | undefined => {
    const record = records.get(key)
    return record && record.expiresAt > Date.now() ? record : undefined
  }
  const write = (key: string, next: NewRecord) => {
    versions += 1
    records.set(key, { data: next.data, expiresAt: next.expiresAt, version: versions })
    return { outcome: 'done' as const, version: versions }
  }
  const answer = <T>(call: () => T): T | Promise<T> => delay()?.then(call) ?? call()
  return {
    name: 'tiny',
    traits: { shared: false, atomicSwap: true },
    read: (key) => answer(() => live(key)),
    create: (key, next) => answer(() => (live(key) ? TAKEN : write(key, next))),
    swap: (key, expected, next) => answer(() => {
      const present = live(key)
      return present ? (present.version === expected ? write(key, next) : CHANGED) : GONE
    }),
    extend: (key, expiresAt) => answer(() => {
      const present = live(key)
      if (present && present.expiresAt < expiresAt) records.set(key, { ...present, expiresAt })
      return present !== undefined
    }),
    remove: (key) => answer(() => {
      const present = live(key)
      records.delete(key)
      return present
    }),
    space(name) {
      if (!spaces.has(name)) spaces.set(name, tinyBackend(delay))
      return spaces.get(name)!
    },
    scan: () => answer(() => ({ records: [...records].map(([key, record]) => ({ key, record })), cursor: undefined }))
  }
}
