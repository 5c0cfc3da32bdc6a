import { supports, type MaybePromise, type SessionBackend } from './backend.ts'
import type { StoreCalls } from './calls.ts'
import { now } from './clock.ts'
import { SessionError } from './errors.ts'
import { newTag } from './ids.ts'
import { Loaded } from './loaded.ts'
import { chain, isPromise } from './maybe.ts'
import { MAX_HOPS, type RecordWriter } from './writer.ts'

export interface UserLimit {
  /** How many sessions a user may have at once; absent: any number. */
  readonly maxSessionsPerUser?: number | undefined
  /** What happens to a sign-in past the limit. */
  readonly whenTooMany?: 'refuse' | 'end-oldest' | undefined
}

/** A mark outlives every sign-in that was under way when it was written. */
const MARK_MS = 3_600_000

/**
 * The sessions of one user. "Sign out everywhere" and a sign-in at the same moment: revoking writes the user's mark, then reads
 * the index; signing in writes index and record, then looks whether the mark moved. So one always sees the other, and a load
 * needs no second round trip.
 */
export class UserSessions {
  readonly #calls: StoreCalls
  readonly #writer: RecordWriter
  readonly #limit: UserLimit
  readonly #end: (key: string) => MaybePromise<boolean>
  readonly #marks: SessionBackend | undefined

  constructor(writer: RecordWriter, limit: UserLimit, end: (key: string) => MaybePromise<boolean>) {
    this.#calls = writer.calls
    this.#writer = writer
    this.#limit = limit
    this.#end = end
    const { backend } = writer.calls
    this.#marks = supports(backend, 'space') && supports(backend, 'keysOfUser') ? backend.space('marks') : undefined
  }

  /**
   * Does `work`, which gives a session to a user, and sees to it that it holds: not when all sessions of the user were ended
   * meanwhile, nor past the limit.
   * @param keyOf the session's key once the work is done; `undefined` when it gave no session
   * @returns what the work gave, or `undefined` when the session was withdrawn
   * @throws SessionError `too-many-sessions`
   */
  admit<T>(userId: string, work: () => MaybePromise<T>, keyOf: (done: T) => string | undefined): MaybePromise<T | undefined> {
    if (!this.#marks) return work()
    return chain(this.#mark(userId), (before) =>
      chain(work(), (done) => {
        const key = keyOf(done)
        if (key === undefined) return done
        return chain(this.#mark(userId), (since) => {
          if (since !== before) return chain(this.#end(key), () => undefined)
          return chain(this.#withinLimit(userId, key), () => done)
        })
      })
    )
  }

  #mark(userId: string): MaybePromise<string | undefined> {
    return chain(
      this.#calls.run('read', () => this.#marks!.read(userId)),
      (mark) => mark?.data
    )
  }

  /** The user's live sessions, in no particular order. @throws SessionError `not-supported`, `bad-argument` */
  list(userId: string): MaybePromise<Loaded[]> {
    required(userId)
    const { backend } = this.#calls
    if (!supports(backend, 'keysOfUser')) throw new SessionError('not-supported', `The store ${backend.name} keeps no index of users.`)
    return chain(
      this.#calls.run('keysOfUser', () => backend.keysOfUser(userId)),
      (keys) =>
        chain(all(keys.map((key) => this.#ofUser(key, userId, 0))), (found) => {
          // a session that is being renewed may have been met under both of its keys
          const byKey = new Map(found.flatMap((one) => (one === undefined ? [] : [[one.key, one] as const])))
          return [...byKey.values()]
        })
    )
  }

  /** The session under a key of the index, or where a renewal has moved it since the index was read. */
  #ofUser(key: string, userId: string, hops: number): MaybePromise<Loaded | undefined> {
    return chain(
      this.#calls.run('read', () => this.#calls.backend.read(key)),
      (record) => {
        if (record === undefined || record.expiresAt <= now()) return undefined
        // a marker is nobody's
        if (record.userId !== userId && record.userId !== undefined) return undefined
        const stored = this.#writer.understood(key, record)
        if (stored === undefined) return undefined
        if (stored.meta.n !== undefined) return hops < MAX_HOPS ? this.#ofUser(stored.meta.n, userId, hops + 1) : undefined
        return record.userId === userId ? new Loaded(key, stored, record.object) : undefined
      }
    )
  }

  /**
   * Ends all sessions of a user, sign-ins that are under way included.
   * @param exceptKey one that stays
   * @returns how many were ended
   * @throws SessionError `bad-argument` for an empty user: nothing means everybody
   */
  revokeAll(userId: string, exceptKey?: string): MaybePromise<number> {
    required(userId)
    if (!this.#marks) throw new SessionError('not-supported', `The store ${this.#calls.backend.name} keeps no index of users.`)
    return chain(this.#writeMark(userId), () =>
      chain(this.list(userId), (sessions) =>
        chain(
          all(sessions.filter(({ key }) => key !== exceptKey).map(({ key }) => this.#end(key))),
          (ended) => ended.filter(Boolean).length
        )
      )
    )
  }

  /** Moves the mark. When another revocation moves it at the same moment, its mark serves both. */
  #writeMark(userId: string): MaybePromise<unknown> {
    const marks = this.#marks!
    const next = { data: newTag(), expiresAt: now() + MARK_MS }
    return chain(
      this.#calls.run('read', () => marks.read(userId)),
      (mark): MaybePromise<unknown> =>
        mark === undefined
          ? this.#calls.run('create', () => marks.create(userId, next))
          : this.#calls.run('swap', () => marks.swap(userId, mark.version, next))
    )
  }

  /** Write first, then rank by sign-in and key; those past the limit withdraw. To count and then write would be a race. */
  #withinLimit(userId: string, ownKey: string): MaybePromise<void> {
    const { maxSessionsPerUser: max, whenTooMany = 'refuse' } = this.#limit
    if (max === undefined) return
    return chain(this.list(userId), (sessions) => {
      const ranked = sessions.sort((one, other) => signedInAt(one) - signedInAt(other) || (one.key < other.key ? -1 : 1))
      const past = whenTooMany === 'refuse' ? ranked.slice(max) : ranked.slice(0, Math.max(0, ranked.length - max))
      return chain(all(past.map(({ key }) => this.#end(key))), () => {
        // one that is not there any more was past the limit in another one's eyes
        const stays = ranked.some(({ key }) => key === ownKey) && !past.some(({ key }) => key === ownKey)
        if (!stays && whenTooMany === 'refuse') throw new SessionError('too-many-sessions', 'End another one first.')
      })
    })
  }
}

function signedInAt({ stored }: Loaded): number {
  return stored.meta.a ?? stored.meta.c ?? 0
}

function required(userId: string): void {
  if (typeof userId !== 'string' || userId === '') throw new SessionError('bad-argument', 'A user id is needed: text that is not empty.')
}

function all<T>(answers: MaybePromise<T>[]): MaybePromise<T[]> {
  return answers.some(isPromise) ? Promise.all(answers) : (answers as T[])
}
