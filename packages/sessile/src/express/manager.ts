import { supports, type SessionBackend } from '../core/backend.ts'
import { CALLS, type StoreCalls } from '../core/calls.ts'
import { now } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import type { SessionEvent, SessionEvents } from '../core/events.ts'
import { keyOfHandle } from '../core/ids.ts'
import { milliseconds, type Duration } from '../core/options.ts'
import { SAVES, type Saves } from '../core/saves.ts'
import { ownerOf, type Context } from './context.ts'
import { GLANCE, type Glanced } from './glance.ts'
import { exclusiveOf, type Exclusive, type ExclusiveOptions } from './exclusive.ts'
import * as identity from './identity.ts'
import { infoOfRequest, infoOfUnseen, infosOf, type SessionInfo } from './info.ts'
import { LAZY } from './lazy.ts'
import type { RequestSession } from './request-session.ts'
import type { SessionRequest, StoreLike } from './types.ts'

/** All sessions of an app, for pages of devices, administrators, and the app's start and end. */
export interface SessionManager {
  /** Where the records are; a store written for express-session is seen as one, too. */
  readonly backend: SessionBackend
  readonly store: StoreLike
  /**
   * The request's own session; `undefined` when there is none, neither stored nor to be stored. Cheap enough for every request:
   * the record of a session that nobody has looked at is parsed only when `attributes` is read, and its handle is remembered.
   */
  describe(req: object): SessionInfo | undefined
  /** For those who look at each request; see `glance.ts`. @internal */
  readonly [GLANCE]: (req: object) => Glanced | undefined
  /** For those who measure; see `core/saves.ts`. @internal */
  readonly [SAVES]: Saves
  /** For those who tell how the store does. @internal */
  readonly [CALLS]: Pick<StoreCalls, 'failAtOnce'>
  /** The live sessions of a user. @throws SessionError `not-supported`, `bad-argument` */
  of(userId: string | number): Promise<SessionInfo[]>
  /** The session of a handle. */
  get(handle: string): Promise<SessionInfo | undefined>
  /** Ends a session, at once and on every process. @returns whether there was one */
  revoke(handle: string): Promise<boolean>
  /** Ends all sessions of a user. @returns how many. @throws SessionError `bad-argument`: no user means nobody, not everybody */
  revokeAll(userId: string | number, options?: { except?: string | undefined }): Promise<number>
  /**
   * Has a session live so much longer from now, unless it lives that long already, and never past its absolute end.
   * @returns whether there is one
   */
  extend(handle: string, by: Duration): Promise<boolean>
  /**
   * Has `requireFresh` refuse a session until its user has confirmed who he is.
   * @returns whether there is one. @throws SessionError `not-supported` in a store written for express-session
   */
  askToConfirm(handle: string): Promise<boolean>
  /** One page of all live sessions. @throws SessionError `not-supported` */
  scan(options?: { cursor?: string | undefined; limit?: number }): Promise<{ sessions: SessionInfo[]; cursor?: string }>
  /** @returns a function that takes the listener off again */
  on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void
  /** After the user proved once more who he is: a new id, and the sign-in counts from now. */
  confirm(req: object): Promise<void>
  /** A route middleware: one request at a time per session, on all processes. @throws SessionError `bad-option` */
  exclusive(options?: ExclusiveOptions): Exclusive
  /** Removes expired sessions. @returns how many */
  sweep(limit?: number): Promise<number>
  /** Opens the store and sees whether it answers. */
  ready(): Promise<void>
  /** Stops sweeping and closes the store. */
  close(): Promise<void>
}

const PAGE = 100
const SWEEP = 1000

export function managerOf(context: Context): SessionManager {
  const { records } = context
  const { backend } = records
  const keyOf = (handle: unknown) => keyOfHandle(handle, context.handleSecrets)

  return {
    backend,
    store: context.store,

    describe(req) {
      const of = ownerOf<RequestSession>(req as SessionRequest)
      const current = of?.current()
      if (!of || !current) return undefined
      if (current === LAZY) {
        const { loaded } = of
        if (loaded && of.loadedId === of.req.sessionID) return infoOfUnseen({ context, loaded, session: () => of.session() ?? {} })
        if (of.isUntouchedNew()) return undefined
      }
      const session = of.session()
      if (!session || !of.isStored(session)) return undefined
      const isLoaded = of.loaded !== undefined && of.loadedId === session.id
      return infoOfRequest(
        context,
        isLoaded ? of.loaded!.key : context.keyOf(session.id),
        isLoaded ? of.loaded : undefined,
        session,
        session.cookie
      )
    },

    [SAVES]: context.events.saves,

    [CALLS]: records.calls,

    [GLANCE]: (req) => ownerOf<RequestSession>(req as SessionRequest),

    async of(userId) {
      return infosOf(context, await records.users.list(textOf(userId)))
    },

    async get(handle) {
      const key = keyOf(handle)
      const loaded = key === undefined ? undefined : await records.find(key)
      return loaded && infosOf(context, [loaded])[0]
    },

    async revoke(handle) {
      const key = keyOf(handle)
      return key === undefined ? false : records.revoke(key)
    },

    async revokeAll(userId, { except } = {}) {
      const exceptKey = except === undefined ? undefined : keyOf(except)
      if (except !== undefined && exceptKey === undefined) throw new SessionError('bad-argument', 'except must be the handle of a session.')
      return records.users.revokeAll(textOf(userId), exceptKey)
    },

    async extend(handle, by) {
      const key = keyOf(handle)
      const loaded = key === undefined ? undefined : await records.find(key)
      if (!loaded) return false
      const at = now()
      const { expiresAt } = context.ends(loaded.stored.meta, context.userIdOfLoaded(loaded), at + milliseconds('by', by), at)
      return expiresAt <= loaded.stored.expiresAt || records.touch(loaded, expiresAt)
    },

    async askToConfirm(handle) {
      if (!context.isOwn) throw new SessionError('not-supported', `The store ${backend.name} has no room for such a mark.`)
      const key = keyOf(handle)
      if (key === undefined) return false
      // whoever comes between has written, so it is somebody's turn each time
      for (;;) {
        const loaded = await records.find(key)
        const outcome = loaded ? await records.mark(loaded, { q: now() }) : 'gone'
        if (outcome !== 'changed') return outcome === 'saved'
      }
    },

    async scan({ cursor, limit = PAGE } = {}) {
      // a store's cursor may be a key, so what people see of it is as closed as a handle
      const from = cursor === undefined ? undefined : keyOf(cursor)
      if (cursor !== undefined && from === undefined) throw new SessionError('bad-argument', 'The cursor is not one that scan gave.')
      const page = await records.scan(from, limit)
      const sessions = infosOf(context, page.sessions)
      return page.cursor === undefined ? { sessions } : { sessions, cursor: context.handleOf(page.cursor) }
    },

    on: (event, listener) => context.events.on(event, listener),

    async confirm(req) {
      const of = ownerOf<RequestSession>(req as SessionRequest)
      const session = of?.current() ? of.session() : undefined
      if (!of || !session) throw new SessionError('gone', 'The request has no session to confirm.')
      await of.run(() => identity.confirm(of, session), true)
    },

    exclusive: (options) => exclusiveOf(context, options),

    async sweep(limit = SWEEP) {
      return records.sweep(limit)
    },

    async ready() {
      await records.calls.open()
      if (supports(backend, 'ping')) await records.calls.run('ping', () => backend.ping())
    },

    async close() {
      context.close()
      if (supports(backend, 'close')) await backend.close()
    }
  }
}

/** Text is needed: nothing, or an empty one, must never mean everybody. */
function textOf(userId: unknown): string {
  if (typeof userId === 'number' || (typeof userId === 'string' && userId !== '')) return String(userId)
  throw new SessionError('bad-argument', 'A user id is needed: a number, or text that is not empty.')
}
