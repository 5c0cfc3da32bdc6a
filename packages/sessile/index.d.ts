/// <reference types="node" />
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { KeyObject } from 'node:crypto'
import type { SessionBackend as Backend } from './dist/core/backend.js'
import type { SessionErrorCode as ErrorCode } from './dist/core/errors.js'
import type { SessionEvent as EventName, SessionEvents as Events } from './dist/core/events.js'
import type { LifetimeOptions as Lifetime, LifetimesOptions as Lifetimes } from './dist/core/lifetimes.js'
import type { MergeRule as Rule, MergeRules as Rules } from './dist/core/merge.js'
import type { SessionInfo as Info } from './dist/express/info.js'

/** Makes the session middleware, which is the manager of its sessions as well. */
declare function session(options?: session.SessionOptions): session.SessionMiddleware

declare namespace session {
  type Request = IncomingMessage & Express.Request
  /** A function of the request; one that asks for Express's own request type fits as well. */
  type OfRequest<T> = { of(req: Request): T }['of']
  type Secret = string | NodeJS.ArrayBufferView | KeyObject
  type Duration = number | string
  type SessionBackend = Backend
  type SessionErrorCode = ErrorCode
  type SessionEvent = EventName
  type SessionEvents = Events
  type SessionInfo = Info
  type LifetimeOptions = Lifetime
  type LifetimesOptions = Lifetimes
  type MergeRule = Rule
  type MergeRules = Rules

  interface SessionOptions {
    /** Signs the cookie. In a list the first signs and all are accepted; it is held by reference, so secrets may rotate. */
    secret?: Secret | Secret[] | undefined
    /** The cookie's name. Default: `connect.sid`. */
    name?: string | undefined
    /** As `name`. */
    key?: string | undefined
    /** Fields of the session's cookie, or a function of the request that gives them. */
    cookie?: CookieOptions | OfRequest<CookieOptions> | undefined
    /** Makes an id. Default: 24 random bytes as 32 characters. */
    genid?: OfRequest<string> | undefined
    /** Store every session that was loaded at the end of its request. Default: true, as in express-session; false is better. */
    resave?: boolean | undefined
    /** Store sessions that nothing was put into. Default: true, as in express-session; false is better. */
    saveUninitialized?: boolean | undefined
    /** Send the cookie with every answer. Default: false. */
    rolling?: boolean | undefined
    /** Whether the record of a session that was taken off the request is destroyed. Default: `keep`. */
    unset?: 'destroy' | 'keep' | undefined
    /** Whether `X-Forwarded-Proto` says if a connection is secure. Default: what Express's `trust proxy` makes of it. */
    proxy?: boolean | undefined
    /** A URL (`sqlite:./sessions.db`), a backend of sessile, or any express-session store. Default: a new MemoryStore. */
    store?: string | SessionBackend | Store | ForeignStore | undefined

    /** How long sessions live, for visitors and for signed-in users. Default: as their cookies say. */
    lifetimes?: LifetimesOptions | undefined
    /**
     * Put off storing a moved expiry, and store one this much further when it is due. Default: with `lifetimes` 1 % of the idle time
     * and at most 30 s, without them every request stores it.
     */
    touchSlack?: Duration | undefined
    /** Store a hash in place of the id; `migrate` also finds records stored under their id, and moves them. Default: false. */
    hashIds?: boolean | 'migrate' | undefined
    /**
     * What a failing store means. `express-session`: errors go to `next`, a failed save changes no answer. `fail`: the head is
     * held until the save, a failure is a 503. `continue`: requests go on without a session. Default: `express-session`.
     */
    onStoreError?: 'express-session' | 'fail' | 'continue' | undefined
    /** Longest time of one store call. Default: 2 s; none for express-session's stores. */
    storeTimeout?: Duration | undefined
    /** Whose a session is. Default: `userId`, else passport's user. */
    userIdOf?: ((attributes: any) => string | number | undefined) | undefined
    /** How many sessions a user may have at once. Default: any number. */
    maxSessionsPerUser?: number | undefined
    /** What happens to a sign-in past the limit. Default: `refuse`. */
    whenTooMany?: 'refuse' | 'end-oldest' | undefined
    /** Decides attributes that two requests changed at once. */
    merge?: MergeRules | undefined
    /** Largest record, in bytes. Default: no limit; in the presets 1048576. */
    maxBytes?: number | undefined
    /** How often sessions that ran out are removed where the store does not do it by itself; `false`: never. Default: `1m`. */
    sweepEvery?: Duration | false | undefined
  }

  interface SessionMiddleware extends SessionManager {
    (req: IncomingMessage, res: ServerResponse, next: (error?: any) => void): void
  }

  /** All sessions of an app. */
  interface SessionManager {
    readonly backend: SessionBackend
    readonly store: Store
    /** The request's own session; `undefined` when there is none, neither stored nor to be stored. */
    describe(req: IncomingMessage): SessionInfo | undefined
    /** The live sessions of a user. */
    of(userId: string | number): Promise<SessionInfo[]>
    get(handle: string): Promise<SessionInfo | undefined>
    /** Ends a session, at once and on every process. Resolves to whether there was one. */
    revoke(handle: string): Promise<boolean>
    /** Ends all sessions of a user, but for one. Resolves to how many. */
    revokeAll(userId: string | number, options?: { except?: string | undefined }): Promise<number>
    /** Has a session live so much longer from now, never past its absolute end. @returns whether there is one */
    extend(handle: string, by: Duration): Promise<boolean>
    /** Has `requireFresh` refuse a session until its user has confirmed who he is. @returns whether there is one */
    askToConfirm(handle: string): Promise<boolean>
    scan(options?: { cursor?: string | undefined; limit?: number }): Promise<{ sessions: SessionInfo[]; cursor?: string }>
    /** Returns a function that takes the listener off again. */
    on<E extends SessionEvent>(event: E, listener: (payload: SessionEvents[E]) => void): () => void
    /** After the user proved once more who he is: a new id, and the sign-in counts from now. */
    confirm(req: IncomingMessage): Promise<void>
    /** A route middleware: one request at a time per session, on all processes. Put it before code that reads, waits and writes. */
    exclusive(options?: {
      lease?: Duration
      wait?: Duration
    }): (req: IncomingMessage, res: ServerResponse, next: (error?: any) => void) => void
    /** Removes expired sessions. Resolves to how many. */
    sweep(limit?: number): Promise<number>
    /** Opens the store and sees whether it answers. */
    ready(): Promise<void>
    close(): Promise<void>
  }

  interface CookieOptions {
    originalMaxAge?: number | null | undefined
    maxAge?: number | undefined | null
    expires?: Date | null | undefined
    path?: string | undefined
    domain?: string | undefined
    httpOnly?: boolean | undefined
    secure?: boolean | 'auto' | undefined
    sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
    partitioned?: boolean | undefined
    priority?: 'low' | 'medium' | 'high' | undefined
    signed?: boolean | undefined
    encode?: ((value: string) => string) | undefined
  }

  interface SessionCookieData {
    originalMaxAge: number | null
    partitioned?: boolean | undefined
    priority?: 'low' | 'medium' | 'high' | undefined
    expires?: Date | null | undefined
    secure?: boolean | 'auto' | undefined
    httpOnly?: boolean | undefined
    domain?: string | undefined
    path?: string | undefined
    sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
  }

  class Cookie implements SessionCookieData {
    constructor(options?: CookieOptions | Cookie | null)
    originalMaxAge: number | null
    /** Milliseconds left. */
    get maxAge(): number | undefined
    set maxAge(ms: number | undefined | null)
    get expires(): Date | null | undefined
    set expires(date: Date | null | undefined)
    partitioned?: boolean | undefined
    priority?: 'low' | 'medium' | 'high' | undefined
    secure?: boolean | 'auto' | undefined
    httpOnly?: boolean | undefined
    domain?: string | undefined
    path?: string | undefined
    sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined
    readonly data: SessionCookieData
    serialize(name: string, value: string): string
    toJSON(): SessionCookieData
  }

  /** The attributes of a session; augment it with yours. */
  interface SessionData {
    cookie: Cookie
  }

  class Session {
    private constructor(request: Request, data?: SessionData)
    readonly id: string
    readonly req: Request
    cookie: Cookie
    /** Starts the cookie's time anew. */
    touch(): this
    resetMaxAge(): this
    /** Stores the session now instead of at the end of the request. */
    save(): Promise<void>
    save(callback: (error?: any) => void): this
    /** Reads the session anew; unsaved changes are lost. */
    reload(): Promise<void>
    reload(callback: (error?: any) => void): this
    /** Ends the session. */
    destroy(): Promise<void>
    destroy(callback: (error?: any) => void): this
    /** Ends the session and puts a new, empty one on the request. */
    regenerate(): Promise<void>
    regenerate(callback: (error?: any) => void): this
    /** Gives the session a new id and keeps its data. */
    renew(): Promise<void>
    renew(callback: (error?: any) => void): this
    /** Reads, changes and writes so that no other request comes between; `change` may run more than once. */
    update<T>(change: (draft: Partial<Omit<SessionData, 'cookie'>> & Record<string, any>) => T | Promise<T>): Promise<T>
    /** Makes this the session of a user, under a new id. */
    signIn(userId: string | number, data?: Partial<Omit<SessionData, 'cookie'>> & Record<string, any>): Promise<void>
    /** Ends the session and clears the browser's cookie. */
    signOut(): Promise<void>
  }

  /** A store written for express-session, known by its shape. */
  interface ForeignStore {
    get(sid: string, callback: (error: any, session?: any) => void): unknown
    set(sid: string, session: any, callback?: (error?: any) => void): unknown
    destroy(sid: string, callback?: (error?: any) => void): unknown
  }

  /** The base class of stores: `get`, `set` and `destroy` are needed. */
  abstract class Store extends EventEmitter {
    regenerate(req: Request, callback: (error?: any) => any): void
    load(sid: string, callback: (error: any, session?: SessionData) => any): void
    createSession(req: Request, session: SessionData): Session & SessionData
    generate(req: Request): void
    abstract get(sid: string, callback: (error: any, session?: SessionData | null) => void): void
    abstract set(sid: string, session: SessionData, callback?: (error?: any) => void): void
    abstract destroy(sid: string, callback?: (error?: any) => void): void
    all?(callback: (error: any, sessions?: SessionData[] | { [sid: string]: SessionData } | null) => void): void
    length?(callback: (error: any, length?: number) => void): void
    clear?(callback?: (error?: any) => void): void
    touch?(sid: string, session: SessionData, callback?: (error?: any) => void): void
  }

  /** express-session's callback API over any backend of sessile; without a callback each method returns a promise. */
  class BackendStore extends Store {
    constructor(backend: SessionBackend, options?: { idleMs?: number })
    readonly backend: SessionBackend
    get(sid: string, callback: (error: any, session?: SessionData | null) => void): void
    get(sid: string): Promise<SessionData | undefined>
    set(sid: string, session: SessionData, callback: (error?: any) => void): void
    set(sid: string, session: SessionData): Promise<void>
    destroy(sid: string, callback: (error?: any) => void): void
    destroy(sid: string): Promise<void>
    touch(sid: string, session: SessionData, callback: (error?: any) => void): void
    touch(sid: string, session: SessionData): Promise<void>
    all(callback: (error: any, sessions?: { [sid: string]: SessionData } | null) => void): void
    all(): Promise<{ [sid: string]: SessionData }>
    length(callback: (error: any, length?: number) => void): void
    length(): Promise<number>
    clear(callback: (error?: any) => void): void
    clear(): Promise<void>
  }

  /** Sessions in this process alone. */
  class MemoryStore extends BackendStore {
    constructor()
    sessions: { [sid: string]: string }
  }

  /** The one error class of the package. */
  class SessionError extends Error {
    constructor(code: SessionErrorCode, detail?: string, cause?: unknown)
    readonly code: SessionErrorCode
    readonly status: number
  }

  /** Whether something is a `SessionError`, also one of another loaded copy of the package. */
  function isSessionError(value: unknown): value is SessionError
}

declare global {
  namespace Express {
    interface Request {
      /** The session's store. */
      sessionStore: session.Store
      /** The session's id. */
      sessionID: string
      session: session.Session & Partial<session.SessionData>
    }
  }
}

export = session
