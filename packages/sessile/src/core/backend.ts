/**
 * What a store has to do, and nothing else: five small operations on text under a key. Every guarantee that sessions
 * have is kept once above them, in `records.ts`.
 *
 * The laws. Each is a test of that number in `sessile/testing`.
 *  1. What `read` returns, a `swap` with its version accepts while nobody else writes; records of older writers too.
 *  2. Of any number of swaps with one version, from any number of processes, exactly one is `done`.
 *  3. `swap` and `extend` never make a record. After `remove` or expiry the answer is `gone` (`false`).
 *  4. `create` on a live key is `taken`; an expired leftover counts as absent.
 *  5. `extend` only lengthens and never touches the data. It may change the version.
 *  6. Versions are opaque; nobody but the store compares them.
 *  7. `next.userId` says whose the record is, absent means nobody's. `keysOfUser` may name a key too many (gone, or
 *     another's by now), never one too few once a create or swap is done: index before record, cleaning after.
 *  8. `scan` shows each record that lives all the while at least once; a cursor is opaque, `undefined` at both ends.
 *  9. Times are epoch milliseconds. A store may round an expiry up to its step, never down.
 * 10. Expected things are outcomes; a throw means "could not answer": the write may have landed, or may yet.
 * 11. Whether an answer comes in the same tick or later changes nothing.
 * 12. After `close` calls fail at once; no timer or socket keeps the process alive.
 */

/** A value now, or a promise of it: memory and SQLite answer in the same tick, network stores later. */
export type MaybePromise<T> = T | Promise<T>

/** Says which write a record is from. Only the store that made it may look inside. */
export type Version = string | number | bigint | object

/** A record as the store holds it. */
export interface StoredRecord {
  /** The session as JSON text, byte for byte as it is stored. */
  readonly data: string
  readonly version: Version
  /** Epoch ms; `Infinity` where an older writer set no expiry. */
  readonly expiresAt: number
  /** Whose record the index says it is; absent where the store keeps no index or the record is nobody's. */
  readonly userId?: string
  /** Why `data` is not what was stored, for people: it is encrypted, and no key opens it. Counts as no session. */
  readonly unreadable?: string
  /** Only from stores that take and give objects (`fromExpressStore`): the object that `data` is the text of. */
  readonly object?: object
}

/** A record to be written. */
export interface NewRecord {
  readonly data: string
  /** Epoch ms, or `Infinity`. */
  readonly expiresAt: number
  readonly userId?: string | undefined
  /** The object that `data` is the text of, for stores that take objects; the others ignore it. */
  readonly object?: object | undefined
}

export type CreateResult = { readonly outcome: 'done'; readonly version: Version } | { readonly outcome: 'taken' }
export type SwapResult =
  | { readonly outcome: 'done'; readonly version: Version }
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'gone' }

/** The outcomes that carry nothing, made once. */
export const TAKEN = Object.freeze({ outcome: 'taken' as const })
export const CHANGED = Object.freeze({ outcome: 'changed' as const })
export const GONE = Object.freeze({ outcome: 'gone' as const })

/** One page of `scan`. */
export interface ScanPage {
  readonly records: readonly { readonly key: string; readonly record: StoredRecord }[]
  /** Where to go on; `undefined` when this was the last page. */
  readonly cursor: string | undefined
}

/** A record that `removeExpired` took away. */
export interface ExpiredRecord {
  readonly key: string
  readonly data: string
  readonly userId?: string
}

/** What the presence of a method cannot tell. */
export interface BackendTraits {
  /** Whether other processes see the same records. */
  readonly shared: boolean
  /** Whether `swap` holds against writers in other processes (law 2). */
  readonly atomicSwap: boolean
  /** How long a session lives whose cookie says no time, where older writers of these records do not mean a day by that; ms. */
  readonly idleMs?: number
}

/**
 * A store of records. The first five operations are needed, the rest is optional; `supports()` looks which there are.
 * All methods may throw or reject when the store cannot answer (law 10).
 */
export interface SessionBackend {
  /** In logs, metrics and messages: `redis`. */
  readonly name: string
  readonly traits: BackendTraits
  /** Connects and creates what is missing. Idempotent; a failure is not remembered, the next call tries again. */
  open?(): MaybePromise<void>
  /** @returns `undefined` when there is no live record; that is not an error */
  read(key: string): MaybePromise<StoredRecord | undefined>
  create(key: string, next: NewRecord): MaybePromise<CreateResult>
  swap(key: string, expected: Version, next: NewRecord): MaybePromise<SwapResult>
  /** @returns false when there is no live record; true also when it lives longer already */
  extend(key: string, expiresAt: number, userId?: string): MaybePromise<boolean>
  /** Removes whatever is under the key. @returns what was removed, if it was still alive */
  remove(key: string): MaybePromise<StoredRecord | undefined>
  /** The same five operations beside the sessions (other prefix, other table): marks, leases, counters. */
  space?(name: string): SessionBackend
  keysOfUser?(userId: string): MaybePromise<readonly string[]>
  scan?(cursor: string | undefined, limit: number): MaybePromise<ScanPage>
  /** Removes up to `limit` expired records and returns them, each to one caller only. */
  removeExpired?(limit: number): MaybePromise<readonly ExpiredRecord[]>
  /** Tells of keys that other processes removed; returns a function that stops it. */
  watchRemoved?(listener: (key: string) => void): () => void
  ping?(): MaybePromise<void>
  close?(): MaybePromise<void>
}

/** The optional abilities of a store. */
export type Ability = 'open' | 'space' | 'keysOfUser' | 'scan' | 'removeExpired' | 'watchRemoved' | 'ping' | 'close'

const ABILITIES: readonly Ability[] = ['open', 'space', 'keysOfUser', 'scan', 'removeExpired', 'watchRemoved', 'ping', 'close']

/** Whether a store has an optional ability. This and `wrapBackend` are the only places that look. */
export function supports<A extends Ability>(
  backend: SessionBackend,
  ability: A
): backend is SessionBackend & Required<Pick<SessionBackend, A>> {
  return typeof backend[ability] === 'function'
}

/** The name of an operation that `wrapBackend` hands to its `around`. */
export type Operation = 'read' | 'create' | 'swap' | 'extend' | 'remove' | Exclude<Ability, 'space' | 'watchRemoved'>

/** Runs `call`, and may do something before, after or instead. */
export type Around = (operation: Operation, call: () => unknown, backend: SessionBackend) => unknown

/**
 * A backend that does what `backend` does, each call passed through `around`; it has exactly the abilities of the
 * original. Spaces are wrapped alike.
 */
export function wrapBackend(backend: SessionBackend, around: Around): SessionBackend {
  const wrapped: Record<string, unknown> = { name: backend.name, traits: backend.traits }
  const source = backend as unknown as Record<string, (...given: unknown[]) => unknown>
  const operations: readonly string[] = ['read', 'create', 'swap', 'extend', 'remove', ...ABILITIES]
  for (const operation of operations) {
    if (typeof source[operation] !== 'function') continue
    if (operation === 'space') {
      wrapped['space'] = (name: string) => wrapBackend(backend.space!(name), around)
    } else if (operation === 'watchRemoved') {
      wrapped['watchRemoved'] = (listener: (key: string) => void) => backend.watchRemoved!(listener)
    } else {
      wrapped[operation] = (...given: unknown[]) => around(operation as Operation, () => source[operation]!(...given), backend)
    }
  }
  return wrapped as unknown as SessionBackend
}
