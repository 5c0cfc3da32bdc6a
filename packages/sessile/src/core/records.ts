import { supports, type MaybePromise, type NewRecord, type SessionBackend, type StoredRecord, type Version } from './backend.ts'
import { StoreCalls } from './calls.ts'
import { now } from './clock.ts'
import { SessionError } from './errors.ts'
import type { EventHub } from './events.ts'
import { Loaded, type Stored } from './loaded.ts'
import { chain, isPromise } from './maybe.ts'
import { mergeTexts } from './merge.ts'
import type { Meta } from './record-text.ts'
import { Renewals, type Renewal } from './renewal.ts'
import { UserSessions, type UserLimit } from './user-sessions.ts'
import { MAX_HOPS, RecordWriter, type Change, type CommitOutcome, type Compose, type WriterOptions } from './writer.ts'

const ENDED_MEANWHILE = 'All sessions of the user were ended while this one began.'

export interface RecordsOptions extends UserLimit, WriterOptions {
  /** Longest time of one store call, ms. */
  readonly deadlineMs?: number
  /** See `CallOptions`. */
  readonly passErrors?: boolean
}

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
  readonly #writer: RecordWriter
  readonly #renewals: Renewals

  constructor(backend: SessionBackend, options: RecordsOptions) {
    this.backend = backend
    this.events = options.events
    this.handleOf = options.handleOf
    this.#options = options
    this.calls = new StoreCalls(backend, {
      deadlineMs: options.deadlineMs ?? 2000,
      passErrors: options.passErrors ?? false,
      failed: (operation, error) =>
        this.events.emit('store-error', () => ({ operation, message: error instanceof Error ? error.message : String(error) }))
    })
    this.#writer = new RecordWriter(this.calls, options)
    this.#renewals = new Renewals(this.#writer, { ...options, create: (key, change) => this.#create(key, change) })
    this.users = new UserSessions(this.#writer, options, (key) => this.revoke(key))
  }

  /** @returns `undefined` when there is no such session; expired, renewed and unreadable ones count as absent */
  load(key: string): MaybePromise<Loaded | undefined> {
    return this.#load(key, 0, true)
  }

  /** As `load`, for those who look at sessions from outside: a replaced key in their hands is nobody's stolen cookie, and no event. */
  find(key: string): MaybePromise<Loaded | undefined> {
    return this.#load(key, 0, false)
  }

  #load(key: string, hops: number, tells: boolean): MaybePromise<Loaded | undefined> {
    const record = this.calls.run('read', () => this.backend.read(key))
    return isPromise(record) ? record.then((later) => this.#found(key, later, hops, tells)) : this.#found(key, record, hops, tells)
  }

  #found(key: string, record: StoredRecord | undefined, hops: number, tells: boolean): MaybePromise<Loaded | undefined> {
    if (record === undefined || record.expiresAt <= now()) return undefined
    const stored = this.#writer.understood(key, record)
    if (stored === undefined) return undefined
    if (stored.meta.n === undefined) return new Loaded(key, stored, record.object)
    if (stored.meta.o === undefined || stored.meta.o <= now() || hops >= MAX_HOPS) {
      if (tells) this.events.emit('retired-id', () => ({ handle: this.handleOf(key) }))
      return undefined
    }
    return chain(this.#load(stored.meta.n, hops + 1, tells), (loaded) => {
      if (loaded) loaded.moved = true
      return loaded
    })
  }

  /**
   * Stores a session for the first time.
   * @throws SessionError `id-taken` when something lives under the key (never repeated under the same key: law 10), `gone` when
   * all sessions of its user were ended meanwhile, `too-many-sessions`
   */
  create(key: string, change: Change): MaybePromise<Loaded> {
    const told = (created: Loaded): Loaded => {
      this.events.emit('created', () => ({ handle: this.handleOf(key), ...whose(change.userId) }))
      return created
    }
    if (change.userId === undefined) return chain(this.#create(key, change), told)
    return chain(
      this.users.admit(
        change.userId,
        () => chain(this.#create(key, change), told),
        () => key
      ),
      (created) => {
        if (created === undefined) throw new SessionError('gone', ENDED_MEANWHILE)
        return created
      }
    )
  }

  #create(key: string, change: Change): MaybePromise<Loaded> {
    const meta = this.#writer.stamped({ c: now(), ...change.meta })
    const record = this.#writer.record(change, change.text, meta)
    return chain(
      this.calls.run('create', () => this.backend.create(key, record)),
      (result) => {
        const { text, expiresAt, userId } = change
        const created = (version: Version): Loaded => {
          this.events.saves.wrote(record.data)
          return new Loaded(key, { text, meta, version, expiresAt, userId })
        }
        if (result.outcome === 'done') return created(result.version)
        return chain(this.#landed(key, record), (version) => {
          if (version === undefined)
            throw new SessionError('id-taken', 'Ask for another one; with a genid of your own, make its ids unique.')
          return created(version)
        })
      }
    )
  }

  /** The version of what is under a key, when it is this very write: a client sent it twice, and the second answer is what came. */
  #landed(key: string, { data }: NewRecord): MaybePromise<Version | undefined> {
    if (!this.#writer.tagged) return undefined
    return chain(
      this.calls.run('read', () => this.backend.read(key)),
      (there) => (there?.data === data ? there.version : undefined)
    )
  }

  /**
   * Stores what a request changed. Where others changed the session meanwhile, only this request's own changes are laid over
   * what is there now. Afterwards `loaded` stands for what was stored.
   * @returns `gone` when the session ended meanwhile; nothing was written then, and that is not an error
   * @throws SessionError `conflict` after many tries, `too-large`, `unknown-outcome`, and what a failing store gives
   */
  commit(loaded: Loaded, change: Change): MaybePromise<CommitOutcome> {
    if (!change.always && isSame(loaded, change)) return 'unchanged'
    const settle = () => this.#settled(loaded, (current) => this.#writer.merged(loaded, change, current))
    return chain(this.#handedTo(loaded, change.userId, settle), (outcome) => {
      if (outcome !== 'gone') {
        loaded.text = change.text
        loaded.userId = change.userId
      }
      return outcome
    })
  }

  /** Writes what somebody changed; where the session has ended meanwhile, that his change was dropped is told. */
  #settled(loaded: Loaded, compose: Compose): MaybePromise<CommitOutcome> {
    return chain(this.#writer.settle(loaded, compose), (outcome) => (outcome === 'gone' ? this.#writer.late(loaded.key) : outcome))
  }

  /** Does what gives the session to a user so that it holds; other changes are just done. */
  #handedTo(loaded: Loaded, userId: string | undefined, work: () => MaybePromise<CommitOutcome>): MaybePromise<CommitOutcome> {
    if (userId === undefined || userId === loaded.userId) return work()
    return chain(
      this.users.admit(userId, work, (outcome) => (outcome === 'gone' ? undefined : loaded.key)),
      (outcome) => outcome ?? 'gone'
    )
  }

  /**
   * Changes a session by a function of what is stored: read, apply, write, and again on fresh data until nobody came between.
   * @param local the request's own text, whose unsaved changes go in too
   * @param apply makes the change from a text, `undefined` where that is no session's; may be called several times. It must not
   * hand the session to another user.
   */
  update(
    loaded: Loaded,
    local: string,
    apply: (text: string, stored: Stored) => MaybePromise<Change | undefined>
  ): MaybePromise<CommitOutcome> {
    const settled = this.#settled(loaded, (current) => {
      const text = mergeTexts(loaded.text, local, current.text, this.#options.merge)
      return text === undefined ? undefined : apply(text, current)
    })
    return chain(settled, (outcome) => {
      if (outcome !== 'gone') {
        loaded.text = loaded.stored.text
        loaded.userId = loaded.stored.userId
      }
      return outcome
    })
  }

  /**
   * Gives a session a new id, its data kept and the request's changes laid in.
   * @returns `gone` when the session ended meanwhile; the new id is dead then too
   * @throws SessionError `gone` when it was to become a user's, and all sessions of that user were ended meanwhile
   */
  renew(loaded: Loaded, newKey: string, change: Change, renewal: Renewal): MaybePromise<Loaded | 'gone'> {
    const work = () => this.#renewals.renew(loaded, newKey, change, renewal)
    if (change.userId === undefined || change.userId === loaded.userId) return work()
    return chain(
      this.users.admit(change.userId, work, (done) => (done === 'gone' ? undefined : newKey)),
      (done) => {
        if (done === undefined) throw new SessionError('gone', ENDED_MEANWHILE)
        return done
      }
    )
  }

  /** Writes into a session's meta, at the loaded version only. The data stay as they are. */
  mark(loaded: Loaded, meta: Meta): MaybePromise<'saved' | 'gone' | 'changed'> {
    return this.#writer.tryOnce(loaded, ({ text, expiresAt, userId }) => ({ text, expiresAt, userId, meta }))
  }

  /** Takes a lease off again, if it is still its owner's. */
  unmark(loaded: Loaded, owner: string): MaybePromise<CommitOutcome> {
    return this.#writer.settle(loaded, ({ text, expiresAt, userId, meta }) => ({
      text,
      expiresAt,
      userId,
      meta: meta.k?.[0] === owner ? { k: undefined } : {}
    }))
  }

  /** Lengthens a session's life. @returns false when it is gone, which is not an error */
  touch(loaded: Loaded, expiresAt: number): MaybePromise<boolean> {
    const { key, stored } = loaded
    const lives = this.calls.run('extend', () => this.backend.extend(key, expiresAt, stored.userId))
    const touched = (alive: boolean): boolean => {
      if (alive && expiresAt > stored.expiresAt) stored.expiresAt = expiresAt
      return alive
    }
    return isPromise(lives) ? lives.then(touched) : touched(lives)
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
    return chain(this.#writer.remove(key), (removed) => {
      if (removed === undefined) return false
      const stored = this.#writer.understood(key, removed)
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
    return chain(
      this.calls.run('scan', () => backend.scan(cursor, limit)),
      (page) => ({
        sessions: page.records.flatMap(({ key, record }) => {
          const stored = record.expiresAt > now() ? this.#writer.understood(key, record) : undefined
          return stored && stored.meta.n === undefined ? [new Loaded(key, stored, record.object)] : []
        }),
        cursor: page.cursor
      })
    )
  }

  /** Removes up to `limit` expired sessions and tells each. @returns how many; 0 where the store expires them by itself */
  sweep(limit: number): MaybePromise<number> {
    const { backend } = this
    if (!supports(backend, 'removeExpired')) return 0
    return chain(
      this.calls.run('removeExpired', () => backend.removeExpired(limit)),
      (expired) => {
        for (const { key, data, userId } of expired) this.#tellExpired(key, data, userId)
        return expired.length
      }
    )
  }

  #tellExpired(key: string, data: string, userId: string | undefined): void {
    this.events.emit('expired', () => ({ handle: this.handleOf(key), ...whose(userId), attributes: attributesOf(data) }))
    this.events.emit('ended', () => ({ handle: this.handleOf(key), ...whose(userId), reason: 'expired' }))
  }
}

function isSame(loaded: Loaded, change: Change): boolean {
  const { text, userId, stored } = loaded
  const isText = change.text === text && text === stored.text
  return isText && change.expiresAt === stored.expiresAt && change.userId === userId && change.meta === undefined
}

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
