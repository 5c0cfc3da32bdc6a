import type { MaybePromise, NewRecord, StoredRecord, SwapResult, Version } from './backend.ts'
import type { StoreCalls } from './calls.ts'
import { now, pause } from './clock.ts'
import { isSessionError, SessionError } from './errors.ts'
import type { EventHub } from './events.ts'
import { storedOf, type Loaded, type Stored } from './loaded.ts'
import { attempt, chain } from './maybe.ts'
import { mergeTexts, type MergeRules } from './merge.ts'
import { joinText, tagged, type Meta } from './record-text.ts'
import { Turns } from './turns.ts'

/** What a request wants stored. */
export interface Change {
  /** The whole session as JSON text. */
  readonly text: string
  /** Epoch ms. */
  readonly expiresAt: number
  readonly userId: string | undefined
  /** The object that `text` is of, for stores that take objects. */
  readonly object?: object | undefined
  /** What to change in the meta. */
  readonly meta?: Meta | undefined
  /** Write even when nothing differs from what is stored. */
  readonly always?: boolean
}

export type CommitOutcome = 'saved' | 'merged' | 'unchanged' | 'gone'

/** How often a change is tried on fresh data before it is given up with `conflict`. */
export const MAX_TRIES = 64
/** A renewal may be followed by another one; a longer row of markers is no session's. */
export const MAX_HOPS = 16

/** What is to be written, given what is stored now; `undefined` when that turns out to be no session. */
export type Compose = (stored: Stored) => MaybePromise<Change | undefined>

export interface WriterOptions {
  readonly events: EventHub
  /** The handle of a key, for events and messages. */
  readonly handleOf: (key: string) => string
  readonly merge?: MergeRules | undefined
  /** Largest record, in bytes of its text. */
  readonly maxBytes?: number | undefined
}

/** Writes changes to stored sessions: compare and swap, merge and try again, and find out what became of a write that failed. */
export class RecordWriter {
  readonly calls: StoreCalls
  readonly tagged: boolean
  readonly #options: WriterOptions
  readonly #turns = new Turns()

  constructor(calls: StoreCalls, options: WriterOptions) {
    this.calls = calls
    this.#options = options
    // a store that no other process writes never leaves it open whether a write landed
    this.tagged = calls.backend.traits.shared && calls.backend.traits.atomicSwap
  }

  /** A record as it is understood, or `undefined` when it is none of ours nor an older writer's. */
  understood(key: string, record: StoredRecord): Stored | undefined {
    try {
      return storedOf(record)
    } catch (error) {
      this.#options.events.emit('unreadable-record', () => ({
        handle: this.#options.handleOf(key),
        reason: error instanceof Error ? error.message : String(error)
      }))
      return undefined
    }
  }

  /** The request's change laid over what is stored now. @returns `undefined` when one of the two is no JSON */
  merged(loaded: Loaded, change: Change, current: Stored): Change | undefined {
    if (current.text === loaded.text) return change
    const text = mergeTexts(loaded.text, change.text, current.text, this.#options.merge)
    if (text === undefined) return undefined
    const handsChanged = current.userId !== loaded.userId && change.userId === loaded.userId
    const shortened = change.expiresAt < loaded.stored.expiresAt && current.expiresAt <= loaded.stored.expiresAt
    return {
      text,
      // whoever signed in or out meanwhile decided how long the session lives
      expiresAt: handsChanged ? current.expiresAt : shortened ? change.expiresAt : Math.max(change.expiresAt, current.expiresAt),
      userId: handsChanged ? current.userId : change.userId,
      meta: change.meta
    }
  }

  /** Tries until nobody came between. @throws SessionError `conflict` */
  settle(loaded: Loaded, compose: Compose): MaybePromise<CommitOutcome> {
    return chain(this.tryOnce(loaded, compose), (outcome) => {
      if (outcome !== 'changed') return outcome
      // those of one process that met line up, so that each try meets the other processes' at most
      return this.#turns.run(loaded.key, () => this.#again(loaded, compose, 1))
    })
  }

  /** One try against what is known to be stored. */
  tryOnce(loaded: Loaded, compose: Compose): MaybePromise<'saved' | 'gone' | 'changed'> {
    const { key, stored } = loaded
    return chain(compose(stored), (change) => {
      if (change === undefined) return 'gone'
      const meta = this.stamped(change.meta ? { ...stored.meta, ...change.meta } : stored.meta)
      const record = this.record(change, change.text, meta)
      return chain(this.swap(key, stored, record), (result) => {
        loaded.tried = result.outcome === 'changed' ? record.data : undefined
        if (result.outcome === 'changed') return 'changed'
        if (result.outcome === 'gone') return 'gone'
        this.#options.events.saves.wrote(record.data)
        loaded.stored = { text: change.text, meta, version: result.version, expiresAt: change.expiresAt, userId: change.userId }
        return 'saved'
      })
    })
  }

  #again(loaded: Loaded, compose: Compose, tries: number): MaybePromise<CommitOutcome> {
    this.#options.events.saves.retried += 1
    loaded.conflicts += 1
    if (tries > MAX_TRIES) throw new SessionError('conflict', `It was tried ${MAX_TRIES} times.`)
    return chain(this.refresh(loaded, 0), (found) => {
      if (!found) return 'gone'
      if (found === 'landed') return 'saved'
      return chain(this.tryOnce(loaded, compose), (outcome) => {
        if (outcome === 'gone') return outcome
        if (outcome === 'saved') {
          this.#options.events.emit('merged', () => ({ handle: this.#options.handleOf(loaded.key), attempts: tries + 1 }))
          return 'merged'
        }
        const next = () => this.#again(loaded, compose, tries + 1)
        return tries < 4 ? next() : pause(Math.random() * Math.min(50, 2 ** (tries - 3))).then(next)
      })
    })
  }

  /**
   * Brings `loaded.stored` up to date, following to where the session was moved.
   * @returns `landed` when what is there is what this request tried to write last, `undefined` when the session lives no more
   */
  refresh(loaded: Loaded, hops: number): MaybePromise<'found' | 'landed' | undefined> {
    return chain(
      this.calls.run('read', () => this.calls.backend.read(loaded.key)),
      (record) => {
        if (record === undefined || record.expiresAt <= now()) return undefined
        const stored = this.understood(loaded.key, record)
        if (stored === undefined) return undefined
        const hasLanded = this.tagged && record.data === loaded.tried
        if (stored.meta.n === undefined) {
          loaded.stored = stored
          return hasLanded ? 'landed' : 'found'
        }
        if (hasLanded) return 'landed'
        if (stored.meta.f !== 1 || hops >= MAX_HOPS) return undefined
        loaded.key = stored.meta.n
        loaded.moved = true
        return this.refresh(loaded, hops + 1)
      }
    )
  }

  /** Tells that a write came after the session's end. */
  late(key: string): 'gone' {
    this.#options.events.emit('late-write', () => ({ handle: this.#options.handleOf(key) }))
    return 'gone'
  }

  /** A swap whose outcome is known (law 10): after a failure the store is asked what became of it. */
  swap(key: string, stored: Stored, record: NewRecord): MaybePromise<SwapResult> {
    const swap = (version: Version) => this.calls.run('swap', () => this.calls.backend.swap(key, version, record))
    if (!this.tagged) return swap(stored.version)
    return attempt(
      () => swap(stored.version),
      (error) => {
        if (isKnown(error)) throw error
        return chain(this.#whatBecame(key, stored, record), (found): MaybePromise<SwapResult> => {
          if (found === 'unknown') throw unknownOutcome(error)
          if (found.outcome !== 'changed') return found
          // nothing landed yet: the same write once more. The first may still come, then it has the tag that is looked for
          return chain(swap(found.version), (again) =>
            again.outcome !== 'changed'
              ? again
              : chain(this.#whatBecame(key, stored, record), (then) => {
                  if (then === 'unknown' || then.outcome === 'changed') throw unknownOutcome(error)
                  return then
                })
          )
        })
      }
    )
  }

  /** What a write left behind whose answer was lost; `changed` here means that the old record is still there, with its version. */
  #whatBecame(
    key: string,
    stored: Stored,
    record: NewRecord
  ): MaybePromise<{ outcome: 'done' | 'changed'; version: Version } | { outcome: 'gone' } | 'unknown'> {
    return chain(
      this.calls.run('read', () => this.calls.backend.read(key)),
      (found) => {
        if (found === undefined) return { outcome: 'gone' as const }
        if (found.data === record.data) return { outcome: 'done' as const, version: found.version }
        const there = this.understood(key, found)
        if (there === undefined) return 'unknown'
        const isOld = there.meta.t === stored.meta.t && there.text === stored.text
        return isOld ? { outcome: 'changed' as const, version: found.version } : 'unknown'
      }
    )
  }

  /** Removes what is under a key; after a failure that took it away all the same, whether there was a newer id is unknown. */
  remove(key: string): MaybePromise<StoredRecord | undefined> {
    const remove = () => this.calls.run('remove', () => this.calls.backend.remove(key))
    if (!this.tagged) return remove()
    return attempt(remove, (error) => {
      if (isKnown(error)) throw error
      return chain(
        this.calls.run('read', () => this.calls.backend.read(key)),
        (found) => {
          if (found !== undefined) return remove()
          throw new SessionError('unknown-outcome', 'The session is gone, but it may have had a newer id.', error)
        }
      )
    })
  }

  /** The meta of a write: with a tag of its own where its answer may be lost. What is known to be stored has it too. */
  stamped(meta: Meta): Meta {
    return this.tagged ? tagged(meta) : meta
  }

  /** The record to be written. @throws SessionError `too-large` */
  record(change: Change, text: string, meta: Meta): NewRecord {
    const data = joinText(text, meta)
    const { maxBytes } = this.#options
    if (maxBytes !== undefined && data.length * 3 > maxBytes && Buffer.byteLength(data) > maxBytes) {
      throw new SessionError('too-large', `It has ${Buffer.byteLength(data)} bytes, ${maxBytes} are allowed; what was stored before stays.`)
    }
    return { data, expiresAt: change.expiresAt, userId: change.userId, object: change.object }
  }
}

/** What the store says itself, looking again would not make truer: that it refused, or that what it wrote may be undone. */
function isKnown(error: unknown): boolean {
  return isSessionError(error) && (error.code === 'too-large' || error.code === 'unknown-outcome')
}

function unknownOutcome(cause: unknown): SessionError {
  return new SessionError('unknown-outcome', 'Load the session again to see what it holds.', cause)
}
