import { supports, type MaybePromise, type NewRecord, type SessionBackend, type StoredRecord, type SwapResult } from './backend.ts'
import { StoreCalls } from './calls.ts'
import { now, pause } from './clock.ts'
import { SessionError } from './errors.ts'
import type { EventHub, RenewReason } from './events.ts'
import { Loaded, storedOf, type Stored } from './loaded.ts'
import { attempt, chain, isPromise } from './maybe.ts'
import { mergeTexts, type MergeRules } from './merge.ts'
import { joinText, splitText, type Meta } from './record-text.ts'
import { UserSessions, type UserLimit } from './user-sessions.ts'

export interface RecordsOptions extends UserLimit {
  readonly events: EventHub
  /** The handle of a key, for events and messages. */
  readonly handleOf: (key: string) => string
  readonly merge?: MergeRules | undefined
  /** Longest time of one store call, ms. */
  readonly deadlineMs?: number
  /** See `CallOptions`. */
  readonly passErrors?: boolean
  /** Largest record, in bytes of its text. */
  readonly maxBytes?: number
}

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

/** How a new id is brought about. */
export interface Renewal {
  readonly reason: RenewReason
  /** Whether commits under way follow to the new id. Not when the session changes hands. */
  readonly follow: boolean
  /** How long loads with the old id still find the session, ms; 0 after a change of rights. */
  readonly overlapMs: number
}

/** How often a change is tried on fresh data before it is given up with `conflict`. */
const MAX_TRIES = 64
/** How long the old key of a renewed session points to the new one: longer than any request that still holds it. */
const MARKER_MS = 60_000
/** A renewal may be followed by another one; a longer row of markers is no session's. */
const MAX_HOPS = 16

type Compose = (stored: Stored) => MaybePromise<Change>

/**
 * Sessions as records: on top of any store's five operations, every guarantee that sessions have. No update is lost, no ended
 * session comes back, an id that was renewed is dead. Answers come in the same tick where the store's do.
 */
export class SessionRecords {
  readonly backend: SessionBackend
  readonly calls: StoreCalls
  readonly events: EventHub
  readonly handleOf: (key: string) => string
  readonly users: UserSessions
  readonly #options: RecordsOptions
  readonly #tagged: boolean
  readonly #lines = new Map<string, Promise<unknown>>()

  constructor(backend: SessionBackend, options: RecordsOptions) {
    this.backend = backend
    this.events = options.events
    this.handleOf = options.handleOf
    this.#options = options
    // a store that no other process writes never leaves it open whether a write landed
    this.#tagged = backend.traits.shared && backend.traits.atomicSwap
    this.calls = new StoreCalls(backend, {
      deadlineMs: options.deadlineMs ?? 2000,
      passErrors: options.passErrors ?? false,
      failed: (operation, error) =>
        this.events.emit('store-error', () => ({ operation, message: error instanceof Error ? error.message : String(error) }))
    })
    this.users = new UserSessions(this.calls, options, (key) => this.revoke(key))
  }

  /** @returns `undefined` when there is no such session; expired, renewed and unreadable ones count as absent */
  load(key: string): MaybePromise<Loaded | undefined> {
    return this.#load(key, 0)
  }

  #load(key: string, hops: number): MaybePromise<Loaded | undefined> {
    return chain(this.calls.run('read', () => this.backend.read(key)), (record) => {
      if (record === undefined || record.expiresAt <= now()) return undefined
      const stored = this.#understood(key, record)
      if (stored === undefined) return undefined
      if (stored.meta.n === undefined) return new Loaded(key, stored, record.object)
      if (stored.meta.o === undefined || stored.meta.o <= now() || hops >= MAX_HOPS) {
        this.events.emit('retired-id', () => ({ handle: this.handleOf(key) }))
        return undefined
      }
      return chain(this.#load(stored.meta.n, hops + 1), (loaded) => {
        if (loaded) loaded.moved = true
        return loaded
      })
    })
  }

  #understood(key: string, record: StoredRecord): Stored | undefined {
    try {
      return storedOf(record)
    } catch (error) {
      this.events.emit('unreadable-record', () => ({ handle: this.handleOf(key), reason: error instanceof Error ? error.message : String(error) }))
      return undefined
    }
  }

  /**
   * Stores a session for the first time.
   * @throws SessionError `id-taken` when something lives under the key (never repeated under the same key: law 10), `gone` when
   * all sessions of its user were ended meanwhile, `too-many-sessions`
   */
  create(key: string, change: Change): MaybePromise<Loaded> {
    if (change.userId === undefined) return this.#create(key, change)
    return chain(this.users.admit(change.userId, () => this.#create(key, change), () => key), (created) => {
      if (created === undefined) throw new SessionError('gone', 'All sessions of the user were ended while this one began.')
      return created
    })
  }

  #create(key: string, change: Change): MaybePromise<Loaded> {
    const meta: Meta = { c: now(), ...change.meta }
    const record = this.#record(change, change.text, meta)
    return chain(this.calls.run('create', () => this.backend.create(key, record)), (result) => {
      if (result.outcome === 'taken') throw new SessionError('id-taken', 'Ask for another one; with a genid of your own, make its ids unique.')
      this.events.emit('created', () => ({ handle: this.handleOf(key), ...whose(change.userId) }))
      return new Loaded(key, { text: change.text, meta, version: result.version, expiresAt: change.expiresAt, userId: change.userId })
    })
  }

  /**
   * Stores what a request changed. Where others changed the session meanwhile, only this request's own changes are laid over
   * what is there now. Afterwards `loaded` stands for what was stored.
   * @returns `gone` when the session ended meanwhile; nothing was written then, and that is not an error
   * @throws SessionError `conflict` after many tries, `too-large`, `unknown-outcome`, and what a failing store gives
   */
  commit(loaded: Loaded, change: Change): MaybePromise<CommitOutcome> {
    const { stored } = loaded
    const same = change.text === loaded.text && loaded.text === stored.text && change.expiresAt === stored.expiresAt
    if (same && change.userId === loaded.userId && change.meta === undefined && !change.always) return 'unchanged'
    const settle = () => this.#settle(loaded, (current) => this.#merged(loaded, change, current))
    return chain(this.#handedTo(loaded, change.userId, settle), (outcome) => {
      if (outcome !== 'gone') {
        loaded.text = change.text
        loaded.userId = change.userId
      }
      return outcome
    })
  }

  /** Does what gives the session to a user so that it holds; other changes are just done. */
  #handedTo(loaded: Loaded, userId: string | undefined, work: () => MaybePromise<CommitOutcome>): MaybePromise<CommitOutcome> {
    if (userId === undefined || userId === loaded.userId) return work()
    return chain(this.users.admit(userId, work, (outcome) => (outcome === 'gone' ? undefined : loaded.key)), (outcome) => outcome ?? 'gone')
  }

  /**
   * Changes a session by a function of what is stored: read, apply, write, and again on fresh data until nobody came between.
   * @param local the request's own text, whose unsaved changes go in too
   * @param apply makes the change from a text; may be called several times. It must not hand the session to another user.
   */
  update(loaded: Loaded, local: string, apply: (text: string, stored: Stored) => MaybePromise<Change>): MaybePromise<CommitOutcome> {
    const settled = this.#settle(loaded, (current) => apply(mergeTexts(loaded.text, local, current.text, this.#options.merge), current))
    return chain(settled, (outcome) => {
      if (outcome !== 'gone') {
        loaded.text = loaded.stored.text
        loaded.userId = loaded.stored.userId
      }
      return outcome
    })
  }

  #merged(loaded: Loaded, change: Change, current: Stored): Change {
    if (current.text === loaded.text) return change
    const handsChanged = current.userId !== loaded.userId && change.userId === loaded.userId
    const shortened = change.expiresAt < loaded.stored.expiresAt && current.expiresAt <= loaded.stored.expiresAt
    return {
      text: mergeTexts(loaded.text, change.text, current.text, this.#options.merge),
      // whoever signed in or out meanwhile decided how long the session lives
      expiresAt: handsChanged ? current.expiresAt : shortened ? change.expiresAt : Math.max(change.expiresAt, current.expiresAt),
      userId: handsChanged ? current.userId : change.userId,
      meta: change.meta
    }
  }

  #settle(loaded: Loaded, compose: Compose): MaybePromise<CommitOutcome> {
    return chain(this.#try(loaded, compose), (outcome) => {
      if (outcome !== 'changed') return outcome
      // those of one process that met line up, so that each try meets the other processes' at most
      return this.#inLine(loaded.key, () => this.#again(loaded, compose, 1))
    })
  }

  #try(loaded: Loaded, compose: Compose): MaybePromise<'saved' | 'gone' | 'changed'> {
    const { key, stored } = loaded
    return chain(compose(stored), (change) => {
      const meta = change.meta ? { ...stored.meta, ...change.meta } : stored.meta
      const record = this.#record(change, change.text, meta)
      return chain(this.#swap(key, stored, record), (result) => {
        if (result.outcome === 'changed') return 'changed'
        if (result.outcome === 'gone') return this.#late(key)
        loaded.stored = { text: change.text, meta, version: result.version, expiresAt: change.expiresAt, userId: change.userId }
        return 'saved'
      })
    })
  }

  #again(loaded: Loaded, compose: Compose, tries: number): MaybePromise<CommitOutcome> {
    if (tries > MAX_TRIES) throw new SessionError('conflict', `It was tried ${MAX_TRIES} times.`)
    return chain(this.#refresh(loaded, 0), (found) => {
      if (!found) return this.#late(loaded.key)
      return chain(this.#try(loaded, compose), (outcome) => {
        if (outcome === 'gone') return outcome
        if (outcome === 'saved') {
          this.events.emit('merged', () => ({ handle: this.handleOf(loaded.key), attempts: tries + 1 }))
          return 'merged'
        }
        const next = () => this.#again(loaded, compose, tries + 1)
        return tries < 4 ? next() : pause(Math.random() * Math.min(50, 2 ** (tries - 3))).then(next)
      })
    })
  }

  /** Brings `loaded.stored` up to date, following to where the session was moved. @returns whether it still lives */
  #refresh(loaded: Loaded, hops: number): MaybePromise<boolean> {
    return chain(this.calls.run('read', () => this.backend.read(loaded.key)), (record) => {
      if (record === undefined || record.expiresAt <= now()) return false
      const stored = this.#understood(loaded.key, record)
      if (stored === undefined) return false
      if (stored.meta.n === undefined) {
        loaded.stored = stored
        return true
      }
      if (stored.meta.f !== 1 || hops >= MAX_HOPS) return false
      loaded.key = stored.meta.n
      loaded.moved = true
      return this.#refresh(loaded, hops + 1)
    })
  }

  #late(key: string): 'gone' {
    this.events.emit('late-write', () => ({ handle: this.handleOf(key) }))
    return 'gone'
  }

  #inLine<T>(key: string, job: () => MaybePromise<T>): MaybePromise<T> {
    const before = this.#lines.get(key)
    const mine = before ? before.then(job) : job()
    if (!isPromise(mine)) return mine
    const settled = mine.then(nothing, nothing)
    this.#lines.set(key, settled)
    void settled.then(() => {
      if (this.#lines.get(key) === settled) this.#lines.delete(key)
    })
    return mine
  }

  /** A swap whose outcome is known (law 10): after a failure the store is asked what became of it. */
  #swap(key: string, stored: Stored, record: NewRecord): MaybePromise<SwapResult> {
    const swap = (version: Stored['version']) => this.calls.run('swap', () => this.backend.swap(key, version, record))
    if (!this.#tagged) return swap(stored.version)
    return attempt(
      () => swap(stored.version),
      (error) => chain(this.calls.run('read', () => this.backend.read(key)), (found): MaybePromise<SwapResult> => {
        if (found === undefined) return { outcome: 'gone' }
        if (found.data === record.data) return { outcome: 'done', version: found.version }
        const there = splitText(found.data)
        if (there.meta.t === stored.meta.t && there.text === stored.text) return swap(found.version)
        throw new SessionError('unknown-outcome', 'Load the session again to see what it holds.', error)
      })
    )
  }

  #remove(key: string): MaybePromise<StoredRecord | undefined> {
    const remove = () => this.calls.run('remove', () => this.backend.remove(key))
    if (!this.#tagged) return remove()
    return attempt(remove, (error) => chain(this.calls.run('read', () => this.backend.read(key)), (found) => {
      if (found !== undefined) return remove()
      throw new SessionError('unknown-outcome', 'The session is gone, but it may have had a newer id.', error)
    }))
  }

  /**
   * Gives a session a new id, its data kept and the request's changes laid in. Two keys cannot be written in one step on every
   * store, so the order is fixed and the old key decides: the new record first, then the old one becomes a marker that points to it.
   * @returns `gone` when the session ended meanwhile; the new id is dead then too
   */
  renew(loaded: Loaded, newKey: string, change: Change, renewal: Renewal): MaybePromise<Loaded | 'gone'> {
    const compose = (): Change => {
      const merged = this.#merged(loaded, change, loaded.stored)
      return { ...merged, meta: { ...loaded.stored.meta, ...change.meta, r: now() } }
    }
    const first = compose()
    const work = () => chain(this.#create(newKey, first), (created) => attempt(() => this.#retire(loaded, created, compose, renewal, 0), (error) =>
      // the old id stays; a new one that cannot be taken back ends with its lifetime, unknown to anyone
      chain(attempt(() => this.#remove(newKey), () => undefined), () => { throw error })
    ))
    if (first.userId === undefined || first.userId === loaded.userId) return work()
    return chain(this.users.admit(first.userId, work, (done) => (done === 'gone' ? undefined : newKey)), (done) => done ?? 'gone')
  }

  #retire(loaded: Loaded, created: Loaded, compose: () => Change, renewal: Renewal, tries: number): MaybePromise<Loaded | 'gone'> {
    if (tries > MAX_TRIES) throw new SessionError('conflict', `A new id was tried for ${MAX_TRIES} times.`)
    const { key, stored } = loaded
    return chain(this.#swap(key, stored, this.#marker(stored, created.key, renewal)), (result) => {
      if (result.outcome === 'done') {
        this.events.emit('renewed', () => ({
          handle: this.handleOf(created.key), previous: this.handleOf(key), reason: renewal.reason, ...whose(created.stored.userId)
        }))
        if (renewal.reason !== 'routine') this.events.emit('ended', () => ({ handle: this.handleOf(key), ...whose(stored.userId), reason: 'renewed' }))
        return created
      }
      const old = result.outcome === 'gone' ? false : this.#refreshSame(loaded)
      return chain(old, (found) => {
        if (!found) return chain(this.#remove(created.key), () => this.#late(key))
        return chain(this.#try(created, compose), (outcome) =>
          outcome === 'saved' ? this.#retire(loaded, created, compose, renewal, tries + 1) : this.#late(key))
      })
    })
  }

  /** As `#refresh`, but a session that another renewal moved counts as gone: one of two wins. */
  #refreshSame(loaded: Loaded): MaybePromise<boolean> {
    const { key } = loaded
    return chain(this.#refresh(loaded, MAX_HOPS), (found) => found && loaded.key === key)
  }

  #marker(stored: Stored, newKey: string, renewal: Renewal): NewRecord {
    const cookie = /^\{"cookie":\{[^{}]*\}/.exec(stored.text)?.[0] ?? '{"cookie":{}'
    const meta: Meta = {
      n: newKey,
      ...(renewal.overlapMs > 0 ? { o: now() + renewal.overlapMs } : undefined),
      ...(renewal.follow ? { f: 1 as const } : undefined)
    }
    return { data: joinText(`${cookie}}`, meta, this.#tagged), expiresAt: now() + Math.max(MARKER_MS, renewal.overlapMs) }
  }

  /** Lengthens a session's life. @returns false when it is gone, which is not an error */
  touch(loaded: Loaded, expiresAt: number): MaybePromise<boolean> {
    const { key, stored } = loaded
    return chain(this.calls.run('extend', () => this.backend.extend(key, expiresAt, stored.userId)), (lives) => {
      if (lives && expiresAt > stored.expiresAt) loaded.stored = { ...stored, expiresAt }
      return lives
    })
  }

  /** Ends a session for good, whatever is in flight. @returns whether there was one */
  destroy(key: string): MaybePromise<boolean> {
    return this.#end(key, 'destroyed')
  }

  /** As `destroy`, from outside the session. */
  revoke(key: string): MaybePromise<boolean> {
    return this.#end(key, 'revoked')
  }

  #end(key: string, reason: 'destroyed' | 'revoked', hops = 0): MaybePromise<boolean> {
    return chain(this.#remove(key), (removed) => {
      if (removed === undefined) return false
      const stored = this.#understood(key, removed)
      if (stored?.meta.n !== undefined && hops < MAX_HOPS) return this.#end(stored.meta.n, reason, hops + 1)
      const told = () => ({ handle: this.handleOf(key), ...whose(removed.userId) })
      this.events.emit(reason, told)
      this.events.emit('ended', () => ({ ...told(), reason }))
      return true
    })
  }

  /** One page of all live sessions. @throws SessionError `not-supported` */
  scan(cursor: string | undefined, limit: number): MaybePromise<{ sessions: Loaded[]; cursor: string | undefined }> {
    const { backend } = this
    if (!supports(backend, 'scan')) throw new SessionError('not-supported', `The store ${backend.name} cannot list its sessions.`)
    return chain(this.calls.run('scan', () => backend.scan(cursor, limit)), (page) => ({
      sessions: page.records.flatMap(({ key, record }) => {
        const stored = record.expiresAt > now() ? this.#understood(key, record) : undefined
        return stored && stored.meta.n === undefined ? [new Loaded(key, stored, record.object)] : []
      }),
      cursor: page.cursor
    }))
  }

  /** Removes up to `limit` expired sessions and tells each. @returns how many; 0 where the store expires them by itself */
  sweep(limit: number): MaybePromise<number> {
    const { backend } = this
    if (!supports(backend, 'removeExpired')) return 0
    return chain(this.calls.run('removeExpired', () => backend.removeExpired(limit)), (expired) => {
      for (const { key, data, userId } of expired) this.#tellExpired(key, data, userId)
      return expired.length
    })
  }

  #tellExpired(key: string, data: string, userId: string | undefined): void {
    this.events.emit('expired', () => ({ handle: this.handleOf(key), ...whose(userId), attributes: attributesOf(data) }))
    this.events.emit('ended', () => ({ handle: this.handleOf(key), ...whose(userId), reason: 'expired' }))
  }

  #record(change: Change, text: string, meta: Meta): NewRecord {
    const data = joinText(text, meta, this.#tagged)
    const { maxBytes } = this.#options
    if (maxBytes !== undefined && data.length * 3 > maxBytes && Buffer.byteLength(data) > maxBytes) {
      throw new SessionError('too-large', `It has ${Buffer.byteLength(data)} bytes, ${maxBytes} are allowed; what was stored before stays.`)
    }
    return { data, expiresAt: change.expiresAt, userId: change.userId, object: change.object }
  }
}

function nothing(): void {}

function whose(userId: string | undefined): { userId?: string } {
  return userId === undefined ? {} : { userId }
}

function attributesOf(data: string): Record<string, unknown> {
  try {
    const { cookie: _, '~': __, ...attributes } = JSON.parse(data) as Record<string, unknown>
    return attributes
  } catch {
    return {}
  }
}
