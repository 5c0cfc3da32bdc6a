import { now } from '../core/clock.ts'
import type { Loaded } from '../core/loaded.ts'
import type { Meta } from '../core/record-text.ts'
import type { Context } from './context.ts'
import type { CookieData } from './cookie.ts'
import { maxAgeOf } from './text.ts'
import type { Attributes } from './types.ts'

/** A session as people, logs and APIs may see it. Times are epoch ms. */
export interface SessionInfo {
  /** Names the session; useless as a cookie. */
  readonly handle: string
  readonly userId?: string
  /** Absent where older writers stored it, who did not note it. */
  readonly createdAt?: number
  /** When its user signed in, or confirmed it last. */
  readonly signedInAt?: number
  /** There when its user is to confirm who he is before `requireFresh` lets him through. */
  readonly mustConfirm?: true
  /** The earlier of the next two: what counts. */
  readonly expiresAt: number
  /** When it ends unless it is used; `Infinity` where it never does. */
  readonly idleExpiresAt: number
  /** When it ends whatever happens, if there is such a time. */
  readonly absoluteExpiresAt: number | undefined
  readonly attributes: Readonly<Attributes>
}

/** What is known of stored sessions. One that is no JSON is none: it is told, and left out. */
export function infosOf(context: Context, found: readonly Loaded[]): SessionInfo[] {
  return found.flatMap((loaded) => {
    try {
      return [infoOf(context, loaded)]
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      context.events.emit('unreadable-record', () => ({ handle: context.handleOf(loaded.key), reason: error.message }))
      return []
    }
  })
}

function infoOf(context: Context, loaded: Loaded): SessionInfo {
  const { text, meta, expiresAt, userId } = loaded.stored
  const attributes = attributesOf(JSON.parse(text) as Attributes)
  return { ...describe(context, loaded.key, meta, userId ?? context.userIdOf(attributes), expiresAt), attributes }
}

/** What is known of the session of a request, its unsaved changes included. */
export function infoOfRequest(
  context: Context,
  key: string,
  loaded: Loaded | undefined,
  session: object,
  cookie: Partial<CookieData>
): SessionInfo {
  const attributes = attributesOf(session)
  const userId = context.userIdOf(attributes)
  const meta = loaded?.stored.meta ?? { c: now() }
  return { ...describe(context, key, meta, userId, context.endsWith(cookie, meta, userId, now()).idleExpiresAt), attributes }
}

/**
 * What is known of the loaded session of a request that nobody has looked at. Nothing of it is parsed before its attributes are
 * asked for: whoever asks at every request who it is of, and until when, costs a microsecond.
 */
export function infoOfUnseen({ context, loaded, session }: { context: Context; loaded: Loaded; session: () => object }): SessionInfo {
  const { key, stored } = loaded
  const userId = context.userIdOfLoaded(loaded)
  const maxAge = maxAgeOf(loaded.beginning)
  const ends = context.endsAt(maxAge, maxAge === undefined ? undefined : stored.expiresAt, stored.meta, userId, now())
  const info = describe(context, key, stored.meta, userId, ends.idleExpiresAt)
  Object.defineProperty(info, UNSEEN, { value: { session, attributes: undefined } satisfies Unseen })
  return Object.defineProperty(info, 'attributes', LATER) as SessionInfo
}

interface Unseen {
  readonly session: () => object
  attributes: Attributes | undefined
}

const UNSEEN = Symbol('unseen')
/** One getter for all: with one of its own each object would be of a kind of its own, which costs ten times as much as all the rest. */
const LATER: PropertyDescriptor = {
  enumerable: true,
  get(this: { [UNSEEN]: Unseen }): Attributes {
    const unseen = this[UNSEEN]
    return (unseen.attributes ??= attributesOf(unseen.session()))
  }
}

function attributesOf(session: object): Attributes {
  const { cookie: _, ...attributes } = session as Attributes
  return attributes
}

function describe(context: Context, key: string, meta: Meta, userId: string | undefined, idleEnd: number): Omit<SessionInfo, 'attributes'> {
  const at = now()
  const ends = context.ends(meta, userId, idleEnd, at)
  return {
    handle: context.handleOf(key),
    ...(userId === undefined ? {} : { userId }),
    ...(meta.c === undefined ? {} : { createdAt: meta.c }),
    ...(meta.a === undefined ? {} : { signedInAt: meta.a }),
    ...(meta.q === undefined || (meta.a ?? 0) > meta.q ? {} : { mustConfirm: true as const }),
    expiresAt: ends.expiresAt,
    idleExpiresAt: ends.idleExpiresAt,
    absoluteExpiresAt: ends.absoluteExpiresAt === Infinity ? undefined : ends.absoluteExpiresAt
  }
}
