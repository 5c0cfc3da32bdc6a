import type { MaybePromise } from '../../core/backend.ts'
import { Loaded, storedOf } from '../../core/loaded.ts'
import { chain } from '../../core/maybe.ts'
import type { Change } from '../../core/writer.ts'
import { attachmentOf, userIdOf, type Attachment, type BackendStore } from '../backend-store.ts'
import type { CookieData } from '../cookie.ts'
import { note, noted } from '../store.ts'
import { attributesText, settingsDiffer, textOf } from '../text.ts'

/**
 * What the classes that stand in for older stores do, with all guarantees that a callback API can carry: a session that `get` gave, and
 * the one that express-session made of it, is compared when it is written. A plain object from outside replaces what is there, as
 * it always did.
 */

/** An end that is earlier by less than this is no wish for a shorter life: older stores round to seconds. */
const STEP_MS = 1000
const PAGE = 1000

/**
 * The records of such a store. Used by itself it waits as long as its driver does, as older stores do: it has no deadline, which a
 * clock that people's tests move would reach at once, and no breaker. Under our middleware it has both.
 */
export function directlyOf(store: BackendStore): Attachment {
  return attachmentOf(store, { deadlineMs: Infinity, passErrors: true })
}

/** @returns the record as it is stored, or `undefined` */
export function getSession(store: BackendStore, id: string): MaybePromise<object | undefined> {
  const { records, keyOf } = directlyOf(store)
  return chain(records.load(keyOf(id)), (loaded) => loaded && recordOf(loaded))
}

function recordOf(loaded: Loaded): object {
  const record = loaded.object ?? (JSON.parse(loaded.text) as object)
  if (typeof record === 'object' && record !== null) note(record, loaded)
  return record
}

/**
 * Stores a session as it is at the call.
 * @param expiresAt epoch ms, or `Infinity`
 */
export function setSession(store: BackendStore, id: string, session: object, expiresAt: number): MaybePromise<void> {
  const { records, keyOf } = directlyOf(store)
  const key = keyOf(id)
  const change = { text: JSON.stringify(session), expiresAt, userId: userIdOf(session), object: session, always: true }
  const held = heldAs(session, key)
  if (held) return chain(records.commit(held, change), nothing)
  return chain(replace(store, key, change), (loaded) => {
    // a request's own session may be saved again; what else is handed in is a value and no more
    if (loaded && isRequests(session, id)) note(session, loaded)
  })
}

/** Puts a record in place of whatever is there. What is new takes one round trip, and stands as it was given. */
function replace(store: BackendStore, key: string, change: Change): MaybePromise<Loaded | undefined> {
  const { records } = directlyOf(store)
  const { text, expiresAt, userId, object } = change
  const record = { data: text, expiresAt, userId, object }
  const whose = userId === undefined ? {} : { userId }
  const create = (): MaybePromise<Loaded | undefined> =>
    chain(
      records.calls.run('create', () => records.backend.create(key, record)),
      (result) =>
        result.outcome === 'done' ? new Loaded(key, storedOf({ data: text, version: result.version, expiresAt, ...whose })) : undefined
    )
  const write = (): MaybePromise<Loaded | undefined> =>
    chain(create(), (created) => {
      if (created) return created
      return chain(records.load(key), (loaded) => {
        if (loaded?.key === key) return chain(records.commit(loaded, change), () => loaded)
        // what is left of a renewed or unreadable record
        return chain(records.backend.remove(key), create)
      })
    })
  return userId === undefined ? write() : records.users.admit(userId, write, (loaded) => loaded && key)
}

/** Moves a session's end. Only the request's own session has its cookie's settings stored along; the text stays as it is otherwise. */
export function touchSession(store: BackendStore, id: string, session: object, expiresAt: number): MaybePromise<void> {
  const { records, keyOf } = directlyOf(store)
  const key = keyOf(id)
  const held = heldAs(session, key)
  return chain(held ?? records.load(key), (loaded): MaybePromise<void> => {
    if (!loaded) return undefined
    const text = held ? withCookieOf(session, held.text) : loaded.text
    const isShorter = expiresAt + STEP_MS < loaded.stored.expiresAt
    if (text === loaded.text && !isShorter) return chain(records.touch(loaded, expiresAt), nothing)
    return chain(records.commit(loaded, { text, expiresAt, userId: loaded.userId, always: true }), nothing)
  })
}

/** A session's text with the cookie that it has now, where more than its time is another. */
function withCookieOf(session: object, text: string): string {
  const { cookie } = session as { cookie?: CookieData }
  if (!cookie) return text
  const renewed = textOf(JSON.stringify(cookie), attributesText(text))
  const before = (JSON.parse(text) as { cookie?: CookieData }).cookie
  const after = (JSON.parse(renewed) as { cookie: CookieData }).cookie
  return before && settingsDiffer(before, after) ? renewed : text
}

export function destroySession(store: BackendStore, id: string): MaybePromise<void> {
  const { records, keyOf } = directlyOf(store)
  return chain(records.destroy(keyOf(id)), nothing)
}

/** All live sessions by their keys, `pageSize` at a time. */
export async function allSessions(store: BackendStore, pageSize: number = PAGE): Promise<Map<string, object>> {
  const { records } = directlyOf(store)
  const found = new Map<string, object>()
  let cursor: string | undefined
  do {
    const page = await records.scan(cursor, pageSize)
    for (const loaded of page.sessions) found.set(loaded.key, recordOf(loaded))
    cursor = page.cursor
  } while (cursor !== undefined)
  return found
}

/** Ends all sessions, a page of them at once. */
export async function clearSessions(store: BackendStore, pageSize: number = PAGE): Promise<void> {
  const { records } = directlyOf(store)
  const keys = [...(await allSessions(store, pageSize)).keys()]
  for (let at = 0; at < keys.length; at += pageSize) await Promise.all(keys.slice(at, at + pageSize).map((key) => records.destroy(key)))
}

/** What a session was loaded as, if it was loaded under this key. */
export function heldAs(session: object, key: string): Loaded | undefined {
  const held = noted(session) as Loaded | undefined
  return held && (held.key === key || held.moved) ? held : undefined
}

/** Whether this is a session of a request, of express-session or of ours. */
export function isRequests(session: object, id: string): boolean {
  const { req, id: own } = session as { req?: unknown; id?: unknown }
  return typeof req === 'object' && req !== null && own === id
}

function nothing(): void {}
