import type { MaybePromise, NewRecord, StoredRecord, Version } from '../../core/backend.ts'
import { SessionError } from '../../core/errors.ts'
import { chain } from '../../core/maybe.ts'
import { joinText, splitText, type Meta } from '../../core/record-text.ts'
import type { SessionDocument } from './client.ts'
import { expectedOf, expiresAtOf, recordOf, sessionOf, versionOf, type StoredSession } from './format.ts'
import type { CryptoAdapter } from './kruptein.ts'
import { isPlain, promoted, withTypes } from './types.ts'

/** What of a document a write sets, and a swap compares. */
export interface SessionFields {
  readonly session: StoredSession
  readonly sessileMeta?: string | undefined
}

/** How sessions stand in their documents. */
export interface SessionForm {
  /** Whether it can be a session's document at all; another app's is not judged. */
  isSession(document: SessionDocument): boolean
  recordOf(document: SessionDocument): MaybePromise<StoredRecord>
  /** What is to be stored. @param replaced the version that it takes the place of */
  fieldsOf(next: NewRecord, replaced: Version | undefined): MaybePromise<SessionFields>
  versionOf(fields: SessionFields): Version
  /** What must be stored for a swap. @throws SessionError `bad-argument` for what is no version of this store */
  expectedOf(version: Version): SessionFields
}

/** Text or objects; what is there stays in the form that it has. */
export function plainForm(stringify: boolean): SessionForm {
  return {
    isSession: ({ session }) => typeof session === 'string' || isPlain(session),
    recordOf,
    fieldsOf: (next, replaced) => ({ session: sessionOf(next, replaced === undefined ? undefined : expectedOf(replaced), stringify) }),
    versionOf: ({ session }) => versionOf(session),
    expectedOf: (version) => ({ session: expectedOf(version) })
  }
}

/** One text, encrypted. What does not decrypt is no session; what is stored as an object was never encrypted, and is read as it is. */
export function encryptedForm({ encrypt, decrypt }: CryptoAdapter): SessionForm {
  return {
    ...plainForm(true),
    recordOf: (document) => opened(document, decrypt, (text) => ({ ...recordOf({ ...document, session: textIn(text) }) })),
    async fieldsOf({ data }) {
      return { session: await encrypt(data) }
    }
  }
}

/** A record of a document whose session decrypts. Its version is the encrypted text. */
async function opened(
  document: SessionDocument,
  decrypt: CryptoAdapter['decrypt'],
  read: (text: string) => StoredRecord
): Promise<StoredRecord> {
  const { session } = document
  if (typeof session !== 'string') return recordOf(document)
  try {
    return { ...read(await decrypt(session)), version: session }
  } catch (error) {
    const unreadable = error instanceof Error ? error.message : String(error)
    return { data: '', version: session, expiresAt: expiresAtOf(document), unreadable }
  }
}

/** Kruptein quotes a text once more as JSON; other adapters give it as it was. */
function textIn(plaintext: string): string {
  const parsed: unknown = plaintext.startsWith('"') ? JSON.parse(plaintext) : undefined
  return typeof parsed === 'string' ? parsed : plaintext
}

/** How an app stores its sessions itself: what it serializes to is text or an object, of whatever form. */
export interface Serializing {
  readonly serialize: (session: never) => unknown
  readonly unserialize: (stored: never) => unknown
  /** Whether what is encrypted was an object before. */
  readonly stringify: boolean
  readonly adapter: CryptoAdapter | undefined
}

class SerializedVersion {
  readonly fields: SessionFields

  constructor(fields: SessionFields) {
    this.fields = fields
  }
}

/** What is kept in `"~"` otherwise stands in a field beside the session, since nobody knows what the app's functions let through. */
export function serializedForm(how: Serializing): SessionForm {
  return {
    isSession: () => true,
    recordOf(document) {
      const { session, sessileMeta } = document
      const fields = { session: session as StoredSession, sessileMeta: typeof sessileMeta === 'string' ? sessileMeta : undefined }
      const version = new SerializedVersion(fields)
      const read = (payload: unknown): StoredRecord => ({ ...serializedRecord(document, how.unserialize(payload as never)), version })
      if (!how.adapter || typeof session !== 'string') return read(promoted(session))
      return chain(
        opened(document, how.adapter.decrypt, (text) => read(payloadIn(text, how.stringify))),
        (record) => ({ ...record, version })
      )
    },
    fieldsOf(next) {
      const { text, meta } = splitText(next.data)
      const payload = how.serialize(sessionIn(text, next.object) as never) as StoredSession
      const sessileMeta = Object.keys(meta).length > 0 ? JSON.stringify(meta) : undefined
      if (!how.adapter) return { session: payload, sessileMeta }
      const plaintext = typeof payload === 'string' ? payload : JSON.stringify(payload)
      return chain(how.adapter.encrypt(plaintext), (session) => ({ session, sessileMeta }))
    },
    versionOf: (fields) => new SerializedVersion(fields),
    expectedOf(version) {
      if (version instanceof SerializedVersion) return version.fields
      throw new SessionError('bad-argument', 'The version is not one of this store.')
    }
  }
}

/** The live session, as the app's function knows it from connect-mongo; after a merge a plain one of the merged text. */
function sessionIn(text: string, object: object | undefined): unknown {
  if (object !== undefined && JSON.stringify(object) === text) return object
  const session = withTypes(JSON.parse(text), [object]) as { cookie?: { expires?: unknown } }
  if (typeof session.cookie?.expires === 'string') session.cookie.expires = new Date(session.cookie.expires)
  return session
}

/** What connect-mongo gives to the app's function of what it decrypted. */
function payloadIn(plaintext: string, stringify: boolean): unknown {
  const parsed = parsedOr(plaintext)
  return stringify || typeof parsed !== 'string' ? parsed : parsedOr(parsed)
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function serializedRecord(document: SessionDocument, session: unknown): Omit<StoredRecord, 'version'> {
  const { sessileMeta, sessileUser } = document
  const expiresAt = expiresAtOf(document)
  const isObject = typeof session === 'object' && session !== null
  if (isObject) moveEnd(session, expiresAt)
  const text = typeof session === 'string' ? session : JSON.stringify(session ?? null)
  const data = typeof sessileMeta === 'string' ? joinText(text, JSON.parse(sessileMeta) as Meta) : text
  return { data, expiresAt, object: session as object, ...(typeof sessileUser === 'string' ? { userId: sessileUser } : undefined) }
}

/** A touch moves the field alone: that counts, not the time in the cookie. */
function moveEnd(session: { cookie?: { expires?: unknown } }, expiresAt: number): void {
  const { cookie } = session
  const expires = cookie?.expires
  if (!cookie || !expires || expiresAt === Infinity || new Date(expires as Date).getTime() === expiresAt) return
  cookie.expires = typeof expires === 'string' ? new Date(expiresAt).toISOString() : new Date(expiresAt)
}
