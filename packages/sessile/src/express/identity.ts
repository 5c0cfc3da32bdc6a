import type { MaybePromise } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { isSessionError, SessionError } from '../core/errors.ts'
import type { RenewReason } from '../core/events.ts'
import type { Loaded } from '../core/loaded.ts'
import { attempt, chain } from '../core/maybe.ts'
import type { Meta } from '../core/record-text.ts'
import type { Change } from '../core/writer.ts'
import type { RequestSession } from './request-session.ts'
import type { Session } from './session.ts'
import { attributesOf, textOf } from './text.ts'
import type { Attributes } from './types.ts'

/**
 * Gives a session a new id, its data kept.
 * @param meta what changes besides, such as the time of a confirmation
 * @throws SessionError `gone` when it ended meanwhile
 */
export function renew(of: RequestSession, session: Session, reason: RenewReason, meta: Meta | undefined): MaybePromise<void> {
  const id = of.context.newId(of.req)
  const { loaded } = of
  if (!loaded || of.loadedId !== session.id) {
    const isUntouched = of.baseline.id === session.id
    of.rename(session, id, undefined)
    if (isUntouched) of.baseline.id = id
    return undefined
  }
  const change = of.changeOf(session, of.textOf(session, attributesOf(session)), loaded, meta)
  return chain(move(of, loaded, id, change, reason), (moved) => {
    if (moved === 'gone') throw new SessionError('gone', 'It ended while it was given a new id.')
    of.rename(session, id, moved)
  })
}

/** How long requests that are on their way with an id that was renewed as a matter of routine still find the session. */
const OVERLAP_MS = 30_000

/**
 * Gives a session that is old enough a new id at the end of a request. The request has the new one at once, since its cookie may
 * have to be written before the store answers.
 */
export function renewRoutinely(of: RequestSession, session: Session): MaybePromise<void> {
  const { context } = of
  const loaded = of.loaded!
  const id = context.newId(of.req)
  const change = of.changeOf(session, of.textOf(session, attributesOf(session)), loaded)
  of.rename(session, id, undefined)
  const moved = attempt<Loaded | 'gone'>(
    () => context.records.renew(loaded, context.keyOf(id), change, { reason: 'routine', follow: true, overlapMs: OVERLAP_MS }),
    (error) => {
      of.deadId = id
      throw error
    }
  )
  return chain(moved, (stored) => {
    if (stored === 'gone') of.deadId = id
    else of.stored(session, stored)
  })
}

/** A new id for a stored session; nobody finds it by the old one any more. */
function move(of: RequestSession, loaded: Loaded, id: string, change: Change, reason: RenewReason): MaybePromise<Loaded | 'gone'> {
  const { context } = of
  return context.records.renew(loaded, context.keyOf(id), change, { reason, follow: true, overlapMs: 0 })
}

/**
 * Makes a session that of a user, under a new id.
 * @throws SessionError `bad-argument`, `too-many-sessions` (the visitor keeps a session of his own), `gone` when all of the
 * user's sessions were ended at the same moment
 */
export function signIn(of: RequestSession, session: Session, userId: string | number, data: Attributes | undefined): MaybePromise<void> {
  const user = typeof userId === 'number' || typeof userId === 'string' ? String(userId) : ''
  if (user === '') throw new SessionError('bad-argument', 'signIn needs the id of a user: a number, or text that is not empty.')
  const { context } = of
  const before = context.userIdOf(session)
  const loaded = of.loadedId === session.id ? of.loaded : undefined
  const isForeign = before !== undefined && before !== user
  const id = context.newId(of.req)
  const key = context.keyOf(id)
  session.touch()
  context.follow(session.cookie, user)

  const changeWith = (kept: boolean): Change => {
    const { cookie, ...attributes } = session as unknown as Attributes
    const text = textFor(of, cookie, { ...(kept ? attributes : undefined), ...data, userId })
    const { expiresAt } = context.endsWith(session.cookie, { c: now(), a: now() }, user, now())
    return { text, expiresAt, userId: user, object: context.isOwn ? undefined : liveCopy(session, text), always: true, meta: { a: now() } }
  }
  const became = (stored: Loaded, kept: boolean) => {
    if (!kept) for (const name of Object.keys(session)) if (name !== 'cookie') delete (session as unknown as Attributes)[name]
    for (const [name, value] of Object.entries({ ...data, userId })) (session as unknown as Attributes)[name] = value
    of.rename(session, id, stored)
    context.events.emit('signed-in', () => ({ handle: context.handleOf(key), userId: user }))
  }
  const fresh = (kept: boolean) => chain(context.records.create(key, changeWith(kept)), (stored) => became(stored, kept))

  if (isForeign) return chain(fresh(false), () => (loaded ? chain(context.records.destroy(loaded.key), nothing) : undefined))
  if (!loaded) return fresh(true)
  const moved = () =>
    attempt(
      () => move(of, loaded, id, changeWith(true), 'sign-in'),
      (error) => {
        // the visitor's session has been renewed already when the user may not have it: he goes on with what he had
        if (isSessionError(error) && (error.code === 'too-many-sessions' || error.code === 'gone'))
          of.rename(session, context.newId(of.req), undefined)
        throw error
      }
    )
  // a visitor's session that ran out leaves him what this request holds of it
  if (before === undefined) return chain(moved(), (stored) => (stored === 'gone' ? fresh(true) : became(stored, true)))
  // one of the user's own that was ended leaves nothing; where all of them were, this sign-in, which was under way, does not hold either
  let kept = true
  const again = () =>
    chain(moved(), (stored) => {
      if (stored !== 'gone') return stored
      kept = false
      return context.records.create(key, changeWith(false))
    })
  return chain(
    context.records.users.admit(user, again, () => key),
    (stored) => {
      if (stored === undefined) throw new SessionError('gone', 'All sessions of the user were ended while this sign-in was under way.')
      became(stored, kept)
    }
  )
}

/** After a re-authentication: a new id, and the sign-in counts from now. */
export function confirm(of: RequestSession, session: Session): MaybePromise<void> {
  const store = of.loaded && of.loadedId === session.id ? undefined : storeFirst(of, session)
  return chain(store, () => renew(of, session, 'asked', { a: now() }))
}

/** For stores that take objects: the session as it will be. */
function liveCopy(session: Session, text: string): object {
  const copy = Object.create(Object.getPrototypeOf(session) as object) as Attributes
  Object.assign(copy, JSON.parse(text), { cookie: session.cookie })
  return copy
}

/**
 * Reads, changes and writes so that nobody comes between.
 * @throws SessionError `gone`; `bad-argument` when the change would give the session to another user
 */
export function update<T>(of: RequestSession, session: Session, change: (draft: Attributes) => T | Promise<T>): MaybePromise<T> {
  return of.loaded && of.loadedId === session.id ? updateStored(of, session, change) : updateNew(of, session, change)
}

/** Nothing is stored yet: it is now, unless the change leaves nothing to store; then the change is one of a stored session. */
function updateNew<T>(of: RequestSession, session: Session, change: (draft: Attributes) => T | Promise<T>): MaybePromise<T> {
  const before = attributesOf(session)
  const draft = JSON.parse(`{${before}`) as Attributes
  return chain(change(draft) as MaybePromise<T>, (value) => {
    if (attributesOf(draft) === before && !of.isStored(session)) return value
    const done = (fresh: Attributes): T | Promise<T> => {
      if (attributesOf(fresh) !== before) return change(fresh)
      for (const name of Object.keys(fresh)) delete fresh[name]
      Object.assign(fresh, draft)
      return value
    }
    const store = () => (of.loaded && of.loadedId === session.id ? undefined : storeFirst(of, session))
    return chain(of.run(store, true), () => updateStored(of, session, done))
  })
}

function storeFirst(of: RequestSession, session: Session): MaybePromise<void> {
  return chain(of.store(session, attributesOf(session)), () => {
    of.baseline.hasStoredChanges = true
  })
}

function updateStored<T>(of: RequestSession, session: Session, change: (draft: Attributes) => T | Promise<T>): MaybePromise<T> {
  const { context } = of
  let broken: Error | undefined
  const loaded = of.loaded!
  const { records } = context
  const local = of.textOf(session, attributesOf(session))
  let returned: T
  const apply = (text: string): MaybePromise<Change | undefined> => {
    let attributes: Attributes
    try {
      attributes = JSON.parse(text) as Attributes
    } catch (error) {
      broken = error as Error
      return undefined
    }
    const { cookie, ...draft } = attributes
    const before = context.userIdOf(attributes)
    return chain(change(draft) as MaybePromise<T>, (value) => {
      returned = value
      const userId = context.userIdOf(draft)
      if (userId !== before) {
        throw new SessionError('bad-argument', 'update cannot give a session to another user; signIn and signOut do that.')
      }
      const { expiresAt, meta } = of.changeOf(session, text, loaded)
      return {
        text: textFor(of, cookie, draft),
        expiresAt: Math.max(expiresAt, loaded.stored.expiresAt),
        userId,
        meta,
        always: true
      }
    })
  }
  return chain(
    of.run(() => records.update(loaded, local, apply), false),
    (outcome) => {
      if (broken) {
        startAnew(of, session, loaded, broken)
        return updateNew(of, session, change)
      }
      if (outcome === 'gone') {
        of.deadId = session.id
        throw new SessionError('gone', 'It ended before the update.')
      }
      refresh(session, local, loaded.text)
      of.baseline.saved(session.id, attributesOf(session))
      of.storedCookie = session.cookie.data
      return returned
    }
  )
}

/** In place of a record that cannot be read: the session goes on as a new and empty one, and what is stored stays as it is. */
function startAnew(of: RequestSession, session: Session, loaded: Loaded, { message }: Error): void {
  const { context } = of
  context.events.emit('unreadable-record', () => ({ handle: context.handleOf(loaded.key), reason: message }))
  for (const name of Object.keys(session)) if (name !== 'cookie') delete (session as unknown as Attributes)[name]
  of.rename(session, context.newId(of.req), undefined)
}

/** Gives a session object the attributes of a text. What did not change stays the object it is, for people hold on to those. */
function refresh(session: Session, before: string, after: string): void {
  const live = session as unknown as Attributes
  const old = JSON.parse(before) as Attributes
  const fresh = JSON.parse(after) as Attributes
  for (const name of Object.keys(old)) if (name !== 'cookie' && !Object.hasOwn(fresh, name)) delete live[name]
  for (const [name, value] of Object.entries(fresh)) {
    if (name === 'cookie' || (Object.hasOwn(old, name) && JSON.stringify(old[name]) === JSON.stringify(value))) continue
    Object.defineProperty(live, name, { value, writable: true, enumerable: true, configurable: true })
  }
}

/** @throws SessionError `not-storable`, `too-large` */
function textFor(of: RequestSession, cookie: unknown, attributes: Attributes): string {
  const rest = attributesOf(attributes)
  of.refuseUnstorable(rest)
  return textOf(JSON.stringify(cookie), rest)
}

function nothing(): void {}
