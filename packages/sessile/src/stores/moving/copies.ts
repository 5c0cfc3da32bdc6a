import type { NewRecord, SessionBackend, StoredRecord } from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import { userOf, type UserIdOf } from '../../core/user-of.ts'
import { backendByUrl } from '../by-url.ts'

/** A store, or the URL of one. */
export type StoreOrUrl = SessionBackend | string

/** Both ends of a move. @throws SessionError `unknown-store`, `bad-argument` when they are one and the same */
export function bothStores(from: StoreOrUrl, to: StoreOrUrl): [SessionBackend, SessionBackend] {
  if (!from || !to) throw new SessionError('bad-argument', 'Two stores, or their URLs, are needed: from and to.')
  if (from === to) throw new SessionError('bad-argument', 'The sessions are to be moved to another store, and this is the same one.')
  return [asBackend(from), asBackend(to)]
}

function asBackend(store: StoreOrUrl): SessionBackend {
  return typeof store === 'string' ? backendByUrl(store) : store
}

/** The record as the new store gets it: the same text and end; whose it is also where the old store kept no index. */
export function copyOf({ data, expiresAt, userId, object }: StoredRecord, userIdOf: UserIdOf | undefined): NewRecord {
  return { data, expiresAt, userId: userId ?? userOfText(data, userIdOf), object }
}

function userOfText(data: string, userIdOf: UserIdOf | undefined): string | undefined {
  try {
    const { cookie: _, '~': meta, ...attributes } = JSON.parse(data) as Record<string, unknown>
    // a marker of a renewed id is nobody's
    if ((meta as { n?: unknown } | undefined)?.n !== undefined) return undefined
    return userOf(attributes, userIdOf)
  } catch {
    return undefined // what is no JSON is moved as it is
  }
}
