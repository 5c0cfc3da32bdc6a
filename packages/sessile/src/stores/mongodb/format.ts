import type { NewRecord, StoredRecord, Version } from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import type { SessionDocument } from './client.ts'
import { promoted, withTypes } from './types.ts'

/** The version of a session that is stored as an object: the object, as it is stored. (Of a text, the version is the text.) */
class ObjectVersion {
  readonly session: object

  constructor(session: object) {
    this.session = session
  }
}

/** What is in `session`: text, or an object of the driver's. */
export type StoredSession = string | object

/** Epoch ms; `Infinity` without the field. Anything but a date counts as long over, as it does for connect-mongo. */
export function expiresAtOf({ expires }: SessionDocument): number {
  if (expires === undefined) return Infinity
  return expires instanceof Date ? expires.getTime() : 0
}

/** A record of a document that was read with all its BSON types. */
export function recordOf(document: SessionDocument): StoredRecord {
  const { session, sessileUser } = document
  const expiresAt = expiresAtOf(document)
  const user = typeof sessileUser === 'string' ? { userId: sessileUser } : undefined
  if (typeof session === 'object' && session !== null) {
    const object = promoted(session) as Record<string, unknown>
    const data = JSON.stringify(object)
    return { data, version: new ObjectVersion(session), expiresAt, object: sessionObject(object, expiresAt), ...user }
  }
  const data = typeof session === 'string' ? session : JSON.stringify(session ?? null)
  return { data, version: data, expiresAt, ...user }
}

/**
 * What connect-mongo gave its app: dates are dates. The reserved member is not the app's; and the time in the cookie is what the
 * session was last saved with, so the field's, which counts, is put in its place (as the text's is, higher up).
 */
function sessionObject({ '~': _meta, ...session }: Record<string, unknown>, expiresAt: number): object {
  const { cookie } = session
  if (typeof cookie !== 'object' || cookie === null || !(cookie as { expires?: unknown }).expires || expiresAt === Infinity) return session
  return { ...session, cookie: { ...cookie, expires: new Date(expiresAt) } }
}

/** What is to be stored in place of a version: in the same form. */
export function sessionOf({ data, object }: NewRecord, replaced: StoredSession | undefined, stringify: boolean): StoredSession {
  if (replaced === undefined ? stringify : typeof replaced === 'string') return data
  const session = withTypes(JSON.parse(data), [replaced, object])
  // what is no object cannot be stored as one, and need not: it is not a session
  if (typeof session !== 'object' || session === null || Array.isArray(session)) return data
  const { cookie } = session as { cookie?: { expires?: unknown } }
  if (typeof cookie?.expires !== 'string' || Number.isNaN(Date.parse(cookie.expires))) return session
  return { ...session, cookie: { ...cookie, expires: new Date(cookie.expires) } }
}

export function versionOf(session: StoredSession): Version {
  return typeof session === 'string' ? session : new ObjectVersion(session)
}

/** What `session` must be for a swap. @throws SessionError `bad-argument` for what is no version of this store */
export function expectedOf(version: Version): StoredSession {
  if (typeof version === 'string') return version
  if (version instanceof ObjectVersion) return version.session
  throw new SessionError('bad-argument', 'The version is not one of this store.')
}
