// The example of docs/realtime.md, with the real thing.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { WebSocket, WebSocketServer } from 'ws'
import { session } from '../../src/express/factory.ts'
import { attachWebSocket, onSessionEnd } from '../../src/monitor/web-sockets.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { browser, until } from './board.ts'

const SECRET = 'a secret of more than 32 characters'

function app(file: string) {
  const sessions = session({
    secret: SECRET,
    store: sqliteStore({ file }),
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 3_600_000 }
  })
  const server = createServer((req, res) => {
    sessions(req, res, async () => {
      await (req as unknown as { session: { signIn(user: string): Promise<void> } }).session.signIn('7')
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify(sessions.describe(req)!.handle))
    })
  })
  return { sessions, server }
}

describe('sockets of the packages that people use', { timeout: 30_000 }, () => {
  it('socket.io and ws: the session at the handshake, and the end within a second, made by another app', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sessile-sockets-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'sessions.db')
    const [here, there] = [app(file), app(file)]
    const { sessions, server } = here
    const io = new Server(server)
    io.engine.use(sessions)
    io.use((socket, next) => {
      const session = sessions.describe(socket.request)
      if (!session) return next(new Error('no session'))
      const stop = onSessionEnd(sessions, session.handle, () => socket.disconnect(true))
      socket.on('disconnect', stop)
      next()
    })
    io.on('connection', (socket) => socket.emit('user', sessions.describe(socket.request)!.userId))
    const sockets = new WebSocketServer({ noServer: true })
    attachWebSocket({ server, sockets, sessions, path: '/live' })
    sockets.on('connection', (socket, req) => socket.send((req as unknown as { session: { userId: string } }).session.userId))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    t.after(async () => {
      await io.close()
      sockets.close()
      await sessions.close()
      await there.sessions.close()
    })

    const visitor = browser({ port } as Parameters<typeof browser>[0])
    const handle = (await visitor.ask('GET', '/')).json as string
    const refused = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false })
    const [error] = await new Promise<[Error]>((resolve) => refused.on('connect_error', (error) => resolve([error])))
    assert.equal(error.message, 'no session')

    const headers = { cookie: visitor.state.cookie }
    const one = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false, extraHeaders: headers })
    const other = new WebSocket(`ws://127.0.0.1:${port}/live`, { headers })
    const [users, closed] = [[] as string[], [] as unknown[]]
    one.on('user', (user: string) => users.push(user)).on('disconnect', (why) => closed.push(why))
    other.on('message', (data) => users.push(String(data))).on('close', (code) => closed.push(code))
    await until(() => users.length === 2)
    assert.deepEqual(users, ['7', '7'])

    const start = performance.now()
    assert.equal(await there.sessions.revoke(handle), true)
    await until(() => closed.length === 2, 2000)
    const took = performance.now() - start
    assert.ok(took < 1000, `${took} ms`)
    assert.deepEqual(new Set(closed), new Set(['io server disconnect', 4401]))
  })
})
