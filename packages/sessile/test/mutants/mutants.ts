import { GONE } from '../../src/core/backend.ts'
import type { CreateResult, NewRecord, ScanPage, SessionBackend, StoredRecord, SwapResult, Version } from '../../src/core/backend.ts'
import { now } from '../../src/core/clock.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { turns } from '../../src/testing/faults.ts'

/** A store that breaks one law and keeps the others as well as it can. */
export interface Mutant {
  readonly law: number
  /** What is wrong with it, as somebody might write it. */
  readonly mistake: string
  make(): SessionBackend
}

/** Whether the stores here are cut off at the moment. */
export const outage = { now: false }

type Methods = Partial<SessionBackend> & ThisType<SessionBackend>

/** A store in memory, some of its methods replaced. Spaces stay right, so that the mistake shows in one place only. */
function wrong(change: (right: Required<SessionBackend>) => Methods): () => SessionBackend {
  return () => {
    const right = memoryStore() as Required<SessionBackend>
    const whole: SessionBackend = {
      name: 'mutant',
      traits: right.traits,
      read: (key) => right.read(key),
      create: (key, next) => right.create(key, next),
      swap: (key, expected, next) => right.swap(key, expected, next),
      extend: (key, expiresAt) => right.extend(key, expiresAt),
      remove: (key) => right.remove(key),
      space: (name) => right.space(name),
      keysOfUser: (userId) => right.keysOfUser(userId),
      scan: (cursor, limit) => right.scan(cursor, limit),
      removeExpired: (limit) => right.removeExpired(limit),
      ping: () => right.ping(),
      close: () => right.close()
    }
    return Object.assign(whole, change(right))
  }
}

type Right = Required<SessionBackend>
const read = (right: Right, key: string): StoredRecord | undefined => right.read(key) as StoredRecord | undefined
const write = (right: Right, key: string, next: NewRecord): Version => {
  right.remove(key)
  return (right.create(key, next) as { version: Version }).version
}

export const MUTANTS: readonly Mutant[] = [
  {
    law: 1,
    mistake: 'read parses the text and writes it anew',
    make: wrong((right) => ({
      read(key) {
        const record = read(right, key)
        return record && { ...record, data: JSON.stringify(JSON.parse(record.data)) }
      }
    }))
  },
  {
    law: 1,
    mistake: 'read answers with another kind of version than swap compares with',
    make: wrong((right) => ({
      read(key) {
        const record = read(right, key)
        return record && { ...record, version: String(record.version) }
      }
    }))
  },
  {
    law: 2,
    mistake: 'swap compares first and writes a turn later',
    make: wrong((right) => ({
      async swap(key, expected, next): Promise<SwapResult> {
        const record = read(right, key)
        if (!record) return GONE
        if (record.version !== expected) return { outcome: 'changed' }
        await turns(1)
        const current = read(right, key)
        return current ? right.swap(key, current.version, next) : GONE
      }
    }))
  },
  {
    law: 2,
    mistake: 'swap compares no version',
    make: wrong((right) => ({
      swap(key, _expected, next) {
        const record = read(right, key)
        return record ? right.swap(key, record.version, next) : GONE
      }
    }))
  },
  {
    law: 3,
    mistake: 'swap is an upsert',
    make: wrong((right) => ({
      swap(key, expected, next): SwapResult {
        const result = right.swap(key, expected, next) as SwapResult
        return result.outcome === 'gone' ? { outcome: 'done', version: write(right, key, next) } : result
      }
    }))
  },
  {
    law: 3,
    mistake: 'extend writes back what it has read a turn before',
    make: wrong((right) => ({
      async extend(key, expiresAt) {
        const record = read(right, key)
        if (!record) return false
        await turns(1)
        if (read(right, key)) return right.extend(key, expiresAt)
        write(right, key, { ...record, expiresAt })
        return true
      }
    }))
  },
  {
    law: 3,
    mistake: 'swap revives what has expired',
    make: () => tenYearsBehind('swap')
  },
  {
    law: 3,
    mistake: 'remove reads first, so several are told of one record',
    make: wrong((right) => ({
      async remove(key) {
        const record = read(right, key)
        await turns(1)
        right.remove(key)
        return record
      }
    }))
  },
  {
    law: 4,
    mistake: 'create overwrites',
    make: wrong((right) => ({
      create: (key, next): CreateResult => ({ outcome: 'done', version: write(right, key, next) })
    }))
  },
  {
    law: 4,
    mistake: 'create looks first and writes a turn later',
    make: wrong((right) => ({
      async create(key, next): Promise<CreateResult> {
        if (read(right, key)) return { outcome: 'taken' }
        await turns(1)
        return { outcome: 'done', version: write(right, key, next) }
      }
    }))
  },
  {
    law: 4,
    mistake: 'an expired leftover is in the way of create',
    make: wrong((right) => {
      const leftovers = new Set<string>()
      return {
        create(key, next) {
          if (leftovers.has(key)) return { outcome: 'taken' }
          leftovers.add(key)
          return right.create(key, next)
        },
        remove(key) {
          leftovers.delete(key)
          return right.remove(key)
        }
      }
    })
  },
  {
    law: 5,
    mistake: 'extend sets the time, also to an earlier one',
    make: wrong((right) => ({
      extend(key, expiresAt) {
        const record = read(right, key)
        return record ? (right.swap(key, record.version, { ...record, expiresAt }) as SwapResult).outcome === 'done' : false
      }
    }))
  },
  {
    law: 5,
    mistake: 'extend writes back the text that it has read a turn before',
    make: wrong((right) => ({
      async extend(key, expiresAt) {
        const record = read(right, key)
        if (!record) return false
        await turns(1)
        const current = read(right, key)
        if (!current) return false
        right.swap(key, current.version, { ...record, expiresAt: Math.max(expiresAt, current.expiresAt) })
        return true
      }
    }))
  },
  {
    law: 6,
    mistake: 'versions count from 1 for each record, and begin again with it',
    make: countingPerRecord
  },
  {
    law: 6,
    mistake: 'an older version is good enough',
    make: wrong((right) => ({
      swap(key, expected, next) {
        const record = read(right, key)
        if (!record) return GONE
        return right.swap(key, expected < record.version ? record.version : expected, next)
      }
    }))
  },
  {
    law: 7,
    mistake: 'the index is written after the answer',
    make: wrong((right) => {
      const visible = new Set<string>()
      const soon = (key: string): void => void turns(8).then(() => visible.add(key))
      return {
        create(key, next) {
          soon(key)
          return right.create(key, next)
        },
        keysOfUser: (userId) => (right.keysOfUser(userId) as string[]).filter((key) => visible.has(key))
      }
    })
  },
  {
    law: 7,
    mistake: 'swap leaves the index as create made it',
    make: wrong((right) => {
      const owners = new Map<string, string | undefined>()
      return {
        create(key, next) {
          owners.set(key, next.userId)
          return right.create(key, next)
        },
        keysOfUser: (userId) => [...owners].filter(([, owner]) => owner === userId).map(([key]) => key)
      }
    })
  },
  {
    law: 7,
    mistake: 'the index entry ends when the record would have, had it not been extended',
    make: wrong((right) => {
      const ends = new Map<string, number>()
      return {
        create(key, next) {
          ends.set(key, next.expiresAt)
          return right.create(key, next)
        },
        keysOfUser: (userId) => (right.keysOfUser(userId) as string[]).filter((key) => ends.get(key)! > now())
      }
    })
  },
  {
    law: 8,
    mistake: 'the cursor counts records, so a removal makes it skip one',
    make: wrong((right) => ({
      scan(cursor, limit): ScanPage {
        const all = (right.scan(undefined, 1e9) as ScanPage).records
        const start = Number(cursor ?? 0)
        const records = all.slice(start, start + limit)
        return { records, cursor: start + limit < all.length ? String(start + limit) : undefined }
      }
    }))
  },
  {
    law: 8,
    mistake: 'a last page that is full has no follower, a page that is not full ends the scan',
    make: wrong((right) => ({
      scan(cursor, limit): ScanPage {
        const page = right.scan(cursor, limit) as ScanPage
        return page.records.length < limit ? { records: [], cursor: undefined } : page
      }
    }))
  },
  {
    law: 8,
    mistake: 'the cursor never ends',
    make: wrong((right) => ({
      scan(cursor, limit): ScanPage {
        const page = right.scan(cursor, limit) as ScanPage
        return { ...page, cursor: page.cursor ?? '0' }
      }
    }))
  },
  {
    law: 9,
    mistake: 'times are cut to whole seconds',
    make: wrong((right) => {
      const cut = (next: NewRecord): NewRecord => ({ ...next, expiresAt: Math.floor(next.expiresAt / 1000) * 1000 })
      return {
        create: (key, next) => right.create(key, cut(next)),
        swap: (key, expected, next) => right.swap(key, expected, cut(next))
      }
    })
  },
  {
    law: 9,
    mistake: 'a record without expiry gets one of a year',
    make: wrong((right) => ({
      create: (key, next) => right.create(key, { ...next, expiresAt: Math.min(next.expiresAt, now() + 365 * 86_400_000) })
    }))
  },
  {
    law: 9,
    mistake: 'expired records are there until they are swept',
    make: () => tenYearsBehind('read')
  },
  {
    law: 10,
    mistake: 'nothing to swap is an error',
    make: wrong((right) => ({
      swap(key, expected, next) {
        const result = right.swap(key, expected, next) as SwapResult
        if (result.outcome === 'gone') throw new Error('no such session')
        return result
      }
    }))
  },
  {
    law: 10,
    mistake: 'a store that cannot answer says that nothing is there',
    make: wrong((right) => ({
      read: (key) => (outage.now ? undefined : right.read(key)),
      swap: (key, expected, next) => (outage.now ? GONE : right.swap(key, expected, next))
    }))
  },
  {
    law: 11,
    mistake: 'one object is used for all answers of read',
    make: wrong((right) => {
      const shared = {} as { -readonly [P in keyof StoredRecord]: StoredRecord[P] }
      return {
        read(key) {
          const record = read(right, key)
          return record && Object.assign(shared, record)
        }
      }
    })
  },
  {
    law: 11,
    mistake: 'the key of the call is kept beside it, so the next call changes it',
    make: wrong((right) => {
      let current = ''
      return {
        async read(key): Promise<StoredRecord | undefined> {
          current = key
          await turns(1)
          return read(right, current)
        }
      }
    })
  },
  {
    law: 12,
    mistake: 'it goes on after close',
    make: wrong(() => ({ close() {} }))
  },
  {
    law: 12,
    mistake: 'after close calls wait for an answer that is never late enough',
    make: wrong((right) => {
      let closed = false
      return {
        close() {
          closed = true
        },
        async read(key): Promise<StoredRecord | undefined> {
          if (!closed) return read(right, key)
          await new Promise((resolve) => setTimeout(resolve, 1500))
          throw new Error('timed out')
        }
      }
    })
  },
  {
    law: 12,
    mistake: 'a timer is left behind',
    make: wrong((right) => {
      const timer = setInterval(() => {}, 1000)
      leftTimers.push(timer)
      return { close: () => right.close() }
    })
  }
]

const leftTimers: NodeJS.Timeout[] = []

/** Stops the timers that mutants have left behind. */
export function stopLeftTimers(): void {
  for (const timer of leftTimers.splice(0)) clearInterval(timer)
}

/** One method goes by a clock that is ten years behind. */
function tenYearsBehind(operation: 'read' | 'swap'): SessionBackend {
  return wrong((right) => {
    const method = right[operation] as (...given: unknown[]) => unknown
    const late = (...given: unknown[]): unknown => {
      const real = Date.now
      Date.now = () => real() - 10 * 365 * 86_400_000
      try {
        return method.apply(right, given)
      } finally {
        Date.now = real
      }
    }
    return { [operation]: late } as Methods
  })()
}

/** Versions are 1, 2, 3 in each record. */
function countingPerRecord(): SessionBackend {
  return wrong((right) => {
    const counts = new Map<string, number>()
    return {
      read(key) {
        const record = read(right, key)
        return record && { ...record, version: counts.get(key)! }
      },
      create(key, next): CreateResult {
        if ((right.create(key, next) as CreateResult).outcome === 'taken') return { outcome: 'taken' }
        counts.set(key, 1)
        return { outcome: 'done', version: 1 }
      },
      swap(key, expected, next): SwapResult {
        const record = read(right, key)
        if (!record) return GONE
        const current = counts.get(key)!
        if (expected !== current) return { outcome: 'changed' }
        right.swap(key, record.version, next)
        counts.set(key, current + 1)
        return { outcome: 'done', version: current + 1 }
      }
    }
  })()
}
