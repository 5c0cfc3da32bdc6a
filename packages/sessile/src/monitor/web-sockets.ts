import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { MaybePromise } from '../core/backend.ts'
import { after } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'
import { endsOfSessions, type EndingSessions } from './session-ends.ts'

/** What sockets need of the manager that `session()` returned, which is the middleware too. */
export interface SocketSessions extends EndingSessions {
  (req: object, res: object, next: (error?: unknown) => void): void
  describe(req: object): { readonly handle: string; readonly userId?: string | undefined } | undefined
}

/** A `WebSocket` of the package ws, by its shape. */
export interface Socket {
  close(code?: number, reason?: string): void
  terminate(): void
  once(event: 'close', listener: () => void): unknown
}

/** A `WebSocketServer` of the package ws, made with `noServer: true`, by its shape. */
export interface SocketServer {
  // oxlint-disable-next-line typescript/no-explicit-any -- ws calls back with a class of its own, which only `any` lets through
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, done: (socket: any, req: IncomingMessage) => void): void
  emit(event: 'connection', ...given: unknown[]): boolean
}

interface UpgradingServer {
  on(event: 'upgrade', listener: (req: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown
  off(event: 'upgrade', listener: (req: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown
}

/** What `attachWebSocket` takes. */
export interface WebSocketOptions {
  /** The server of the app. */
  server: UpgradingServer
  /** `new WebSocketServer({ noServer: true })` */
  sockets: SocketServer
  /** The manager that `session()` returned. */
  sessions: SocketSessions
  /** Which path has sockets. Default: every one. */
  path?: string
  /** Who may have one; the session is on the request. Default: whoever has a session. */
  authorize?: (req: IncomingMessage) => MaybePromise<boolean>
  /** Pages of which other origins may open one. A page of the same host always may; others could use their visitors' cookies. */
  origins?: readonly string[]
  /** With what code a socket is closed when its session ends. */
  code?: number
}

const CODE = 4401
/** A client that does not say goodbye is cut off. */
const PATIENCE_MS = 500

/**
 * Gives WebSockets (package `ws`) the session of their handshake, and closes them within a second of its end, on every process.
 * A session that gets a new id goes on. @returns a function that takes it off the server; sockets that are open stay
 */
export function attachWebSocket({ server, sockets, sessions, path, authorize, origins = [], code = CODE }: WebSocketOptions): () => void {
  if (typeof sockets?.handleUpgrade !== 'function')
    throw new SessionError('bad-option', 'attachWebSocket needs sockets: new WebSocketServer({ noServer: true }).')
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (path !== undefined && (req.url ?? '').split('?')[0] !== path) return
    socket.on('error', () => socket.destroy())
    if (!isOwnOrigin(req, origins)) return refuse(socket, '403 Forbidden')
    // never sent: a handshake reads the session, and whoever changes it saves it
    sessions(req, new ServerResponse(req), (error) => {
      if (error !== undefined) return refuse(socket, '503 Service Unavailable')
      admitted(req).then(
        (handle) => {
          if (handle === undefined) return refuse(socket, '401 Unauthorized')
          sockets.handleUpgrade(req, socket, head, (opened) => {
            closeWithSession(sessions, handle, opened, code)
            sockets.emit('connection', opened, req)
          })
        },
        () => refuse(socket, '503 Service Unavailable')
      )
    })
  }
  async function admitted(req: IncomingMessage): Promise<string | undefined> {
    const session = sessions.describe(req)
    if (!session || (authorize && (await authorize(req)) !== true)) return undefined
    return session.handle
  }
  server.on('upgrade', upgrade)
  return () => void server.off('upgrade', upgrade)
}

/**
 * Closes a socket of the package `ws` within a second of its session's end, whichever process ended it.
 * @param handle of the session; `sessions.describe(req)` says it
 */
export function closeWithSession(sessions: EndingSessions, handle: string, socket: Socket, code = CODE): void {
  const stop = endsOfSessions(sessions).watch(handle, () => {
    socket.close(code, 'The session has ended')
    const cancel = after(PATIENCE_MS, () => socket.terminate())
    socket.once('close', cancel)
  })
  socket.once('close', stop)
}

/** Calls `ended` within a second of a session's end, whichever process ended it: for streams, and sockets of any kind. */
export function onSessionEnd(sessions: EndingSessions, handle: string, ended: () => void): () => void {
  return endsOfSessions(sessions).watch(handle, ended)
}

function isOwnOrigin(req: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = req.headers
  return origin === undefined || origins.includes(origin) || URL.parse(origin)?.host === host
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
