import { CHANGED, GONE } from '../../core/backend.ts'
import type { CreateResult, MaybePromise, NewRecord, SessionBackend, StoredRecord, SwapResult, Version } from '../../core/backend.ts'
import { chain, isPromise } from '../../core/maybe.ts'
import { splitText } from '../../core/record-text.ts'
import { ask } from './ask.ts'
import type { ExpressStore } from './types.ts'

/** What one read or write of a key saw; those of one key form a chain, so that whoever holds an old one sees the newer. */
class Sighting {
  /** The record's text. */
  readonly text: string
  newer: Sighting | undefined
  /** Whether this process ended the session since. */
  gone = false
  /** Whether the session went to another id: the text says where, and the store has nothing. */
  moved = false
  /** Whether this process wrote it. */
  ours = false
  /** Settles when the write, or the removal, that this is of has been answered. */
  written: Promise<unknown> | undefined

  constructor(text: string) {
    this.text = text
  }
}

export interface ExpressStoreOptions {
  /** Keep `"~"` (when a session began, when its user signed in) in every record, not only in those of signed-in users. */
  readonly keepMeta?: boolean
}

/** A third-party store as a backend; `touching` says which session an `extend` is of, since such stores are given the session. */
export interface ExpressStoreBackend extends SessionBackend {
  readonly store: ExpressStore
  touching<T>(session: object, call: () => T): T
}

const SIGNED_IN = /,?"~":\{[^{}]*"a":\d[^{}]*\}\}$/

/**
 * Makes a backend of any store that was written for express-session: an object with `get`, `set` and `destroy`.
 *
 * Its methods are looked up at each call and called as often as express-session does. Such a store cannot compare and swap, so
 * updates are kept apart within this process alone: a write is compared with what this process last read or wrote of that key.
 */
export function fromExpressStore(store: ExpressStore, options: ExpressStoreOptions = {}): ExpressStoreBackend {
  const latest = new Map<string, WeakRef<Sighting>>()
  const forget = new FinalizationRegistry<{ key: string; reference: WeakRef<Sighting> }>(({ key, reference }) => {
    if (latest.get(key) === reference) latest.delete(key)
  })
  /** Where a write has just been told `changed`: what it will read, so that `get` is not called again for it. */
  const known = new Map<string, Sighting>()
  let touched: object | undefined

  function see(key: string, text: string, newAlways: boolean): Sighting {
    const before = latest.get(key)?.deref()
    if (before && !newAlways && before.text === text && !before.gone) return before
    return follow(key, before, new Sighting(text))
  }

  function follow(key: string, before: Sighting | undefined, sighting: Sighting): Sighting {
    if (before) before.newer = sighting
    const reference = new WeakRef(sighting)
    latest.set(key, reference)
    forget.register(sighting, { key, reference })
    return sighting
  }

  /**
   * What a read saw that was under way from `begun` on. Where this process wrote meanwhile, nobody knows whether the answer is from
   * before or after: then it counts as the older one, and whoever writes on top of it merges with what was written.
   * @param begun the newest sighting when the read began
   * @param mayBeOlder whether a write or a removal was under way then
   * @param wasGone whether the session had been ended then
   * @returns `undefined` when this process ended the session meanwhile
   */
  function seeSince(key: string, begun: Sighting, mayBeOlder: boolean, wasGone: boolean, text: string): Sighting | undefined {
    let newest = begun
    let wrote = mayBeOlder
    while (newest.newer) {
      newest = newest.newer
      wrote ||= newest.ours
    }
    if (newest.gone && (newest !== begun || mayBeOlder || !wasGone)) return undefined
    if (!wrote || newest.text === text) return see(key, text, false)
    const older = new Sighting(text)
    older.newer = newest
    return older
  }

  function recordOf(sighting: Sighting, object?: object): StoredRecord {
    return { data: sighting.text, version: sighting, expiresAt: Infinity, ...(object === undefined ? undefined : { object }) }
  }

  function write(key: string, next: NewRecord): MaybePromise<CreateResult & SwapResult> {
    const before = latest.get(key)?.deref()?.written
    const sighting = see(key, next.data, true)
    sighting.ours = true
    const set = () => ask((answer) => handOver(next, options.keepMeta === true, (session) => store.set(key, session, answer)))
    const done = chain(before ? before.then(set) : set(), () => ({ outcome: 'done' as const, version: sighting }))
    underWay(sighting, done)
    return done
  }

  /** Such a store would take a marker for a session: it is told to end the old one, and the marker is kept for those who hold it. */
  function retire(key: string, next: NewRecord): MaybePromise<SwapResult> {
    const before = latest.get(key)?.deref()?.written
    const sighting = see(key, next.data, true)
    sighting.moved = sighting.gone = true
    const destroy = () => ask((answer) => store.destroy(key, answer))
    const done = chain(before ? before.then(destroy) : destroy(), () => ({ outcome: 'done' as const, version: sighting }))
    underWay(sighting, done)
    return done
  }

  function underWay(sighting: Sighting, done: MaybePromise<unknown>): void {
    if (!isPromise(done)) return
    const written = done.then(nothing, nothing).then(() => {
      if (sighting.written === written) sighting.written = undefined
    })
    sighting.written = written
  }

  return {
    name: 'express-store',
    // other processes may see the records, but nothing holds against their writes
    traits: { shared: true, atomicSwap: false },
    store,

    touching(session, call) {
      touched = session
      try {
        return call()
      } finally {
        touched = undefined
      }
    },

    read(key) {
      const sighting = known.get(key)
      if (sighting) {
        known.delete(key)
        return sighting.gone && !sighting.moved ? undefined : recordOf(sighting)
      }
      const newest = latest.get(key)?.deref()
      if (newest?.moved) return recordOf(newest)
      const answered = ask<object | null>((answer) =>
        store.get(key, (error, value) => (isMissing(error) ? answer() : answer(error, value)))
      )
      if (!isPromise(answered)) return answered ? recordOf(see(key, textOf(answered), false), answered) : undefined
      // held until the answer is there, so that what is written meanwhile can be found from it
      const begun = latest.get(key)?.deref() ?? follow(key, undefined, new Sighting(''))
      const { gone, written } = begun
      return answered.then((found) => {
        const newest = newestOf(begun)
        if (newest.moved) return recordOf(newest)
        const sighting = found && seeSince(key, begun, written !== undefined, gone, textOf(found))
        return sighting ? recordOf(sighting, found) : undefined
      })
    },

    create(key, next) {
      return write(key, next)
    },

    swap(key: string, expected: Version, next: NewRecord): MaybePromise<SwapResult> {
      if (expected instanceof Sighting) {
        const newest = newestOf(expected)
        if (newest.gone && !newest.moved) return GONE
        if (newest !== expected) {
          known.set(key, newest)
          return CHANGED
        }
      }
      return isMarker(next) ? retire(key, next) : write(key, next)
    },

    extend(key) {
      const session = touched
      if (latest.get(key)?.deref()?.gone) return false
      if (session === undefined || typeof store.touch !== 'function') return true
      return chain(
        ask((answer) => store.touch!(key, session, answer)),
        () => true
      )
    },

    remove(key) {
      const sighting = latest.get(key)?.deref() ?? follow(key, undefined, new Sighting('{}'))
      const before = sighting.written
      sighting.gone = true
      const destroy = () => ask((answer) => store.destroy(key, answer))
      // after a write under way, which might land later; whether there was one cannot be told: whoever ends a session wants it told as ended
      const done = chain(before ? before.then(destroy) : destroy(), () => recordOf(sighting))
      underWay(sighting, done)
      return done
    }
  }
}

function isMarker({ data }: NewRecord): boolean {
  return splitText(data).meta.n !== undefined
}

function textOf(session: object): string {
  return JSON.stringify(session) ?? '{}'
}

/** express-session takes the error code of a missing file for "no such session". */
function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 'ENOENT'
}

function newestOf(sighting: Sighting): Sighting {
  let newest = sighting
  while (newest.newer) newest = newest.newer
  return newest
}

/**
 * Calls `set` with the live session, as express-session does. What stands in `"~"` goes along for as long as the call lasts
 * (stores must serialize at the call); after a merge there is no live session of the merged text, so a plain one is made.
 */
function handOver(next: NewRecord, keepMeta: boolean, set: (session: object) => unknown): unknown {
  const { data, object } = next
  const withMeta = keepMeta || SIGNED_IN.test(data)
  if (object === undefined) return set(plainOf(data, withMeta))
  if (!withMeta || Object.hasOwn(object, 'toJSON')) return set(object)
  Object.defineProperty(object, 'toJSON', { configurable: true, value: () => JSON.parse(data) as unknown })
  try {
    return set(object)
  } finally {
    delete (object as { toJSON?: unknown }).toJSON
  }
}

function plainOf(data: string, withMeta: boolean): object {
  const session = JSON.parse(data) as { cookie?: { expires?: unknown }; '~'?: unknown }
  if (!withMeta) delete session['~']
  const expires = session.cookie?.expires
  if (typeof expires === 'string') session.cookie!.expires = new Date(expires)
  return session
}

function nothing(): void {}
