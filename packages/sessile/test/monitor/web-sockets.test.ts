import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { createHash } from 'node:crypto'
import express from 'express'
import { session } from '../../src/express/factory.ts'
import { attachWebSocket } from '../../src/monitor/web-sockets.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** A WebSocket server as the package ws is called: it greets, and closes with a code. */
function sockets() {
  return Object.assign(new EventEmitter(), {
    handleUpgrade(
      req: http.IncomingMessage,
      socket: Duplex,
      _head: Buffer,
      done: (opened: never, req: http.IncomingMessage) => void
    ): void {
      const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}${GUID}`).digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
      )
      const opened = Object.assign(new EventEmitter(), {
        close(code: number, reason: string) {
          const body = Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason)])
          socket.end(Buffer.concat([Buffer.of(0x88, body.length), body]))
        },
        terminate: () => socket.destroy()
      })
      socket.once('close', () => opened.emit('close'))
      done(opened as never, req)
    }
  })
}

async function app(file: string) {
  const backend = sqliteStore({ file })
  const sessions = session({ secret: 'a secret of more than 32 characters', store: backend, resave: false, saveUninitialized: false })
  const app = express()
  app.use(sessions)
  app.post('/login', async (req, res) => {
    await (req as unknown as { session: { signIn(user: string): Promise<void> } }).session.signIn('7')
    res.json(sessions.describe(req)!.handle)
  })
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wss = sockets()
  const detach = attachWebSocket({ server, sockets: wss, sessions, path: '/live' })
  const { port } = server.address() as AddressInfo
  return {
    port,
    sessions,
    wss,
    detach,
    async [Symbol.asyncDispose]() {
      for (const socket of opened) socket.destroy()
      server.close()
      server.closeAllConnections()
      await sessions.close()
    }
  }
}

async function login(port: number): Promise<{ cookie: string; handle: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}/login`, { method: 'POST' })
  return { cookie: answer.headers.getSetCookie()[0]!.split(';')[0]!, handle: (await answer.json()) as string }
}

const opened = new Set<Duplex>()

/** Opens a socket. @returns the status, and for an open one when it was closed with which code */
async function open(port: number, headers: Record<string, string>, path = '/live') {
  const request = http.request({
    port,
    host: '127.0.0.1',
    path,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers
    }
  })
  request.end()
  request.on('error', () => {})
  return new Promise<{ status: number; closed?: Promise<{ code: number; at: number }> }>((resolve) => {
    request.on('response', (response) => resolve({ status: response.statusCode! }))
    request.on('upgrade', (_response, socket: Duplex) => {
      opened.add(socket)
      const closed = new Promise<{ code: number; at: number }>((done) => {
        socket.on('data', (frame: Buffer) => {
          if (frame[0] === 0x88) done({ code: frame.readUInt16BE(2), at: Date.now() })
        })
      })
      resolve({ status: 101, closed })
    })
  })
}

describe('attachWebSocket', () => {
  it('gives sockets the session of their handshake, refuses others', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sessile-sockets-'))
    {
      await using one = await app(join(folder, 'sessions.db'))
      const { cookie } = await login(one.port)
      const users: unknown[] = []
      one.wss.on('connection', (_socket, req) => users.push(req.session.userId))
      assert.equal((await open(one.port, {})).status, 401)
      assert.equal((await open(one.port, { cookie: 'connect.sid=s%3Aforged.x' })).status, 401)
      assert.equal((await open(one.port, { cookie, origin: 'https://evil.example' })).status, 403)
      assert.equal((await open(one.port, { cookie, origin: `http://127.0.0.1:${one.port}` })).status, 101)
      assert.deepEqual(users, ['7'])
      one.detach()
    }
    rmSync(folder, { recursive: true })
  })

  it('closes within a second of the end, whichever process ended the session', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sessile-sockets-'))
    const file = join(folder, 'sessions.db')
    {
      await using one = await app(file)
      await using other = await app(file)
      for (const ending of [one, other]) {
        const { cookie, handle } = await login(one.port)
        const socket = await open(one.port, { cookie })
        assert.equal(socket.status, 101)
        const start = Date.now()
        assert.equal(await ending.sessions.revoke(handle), true)
        const { code, at } = await socket.closed!
        assert.equal(code, 4401)
        assert.ok(at - start < 1000, `${at - start} ms`)
      }
    }
    rmSync(folder, { recursive: true })
  })
})
