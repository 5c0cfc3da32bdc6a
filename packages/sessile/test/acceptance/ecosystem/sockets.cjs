'use strict'
// socket.io and ws share the session of the page: read at the handshake, reloaded and saved from an event.
const assert = require('node:assert')
const { once } = require('node:events')
const express = require('express')
const session = require('express-session')
const { Server } = require('socket.io')
const { io } = require('socket.io-client')
const { WebSocket, WebSocketServer } = require('ws')
const { Agent, listen, run, SETTINGS } = require('./agent.cjs')

run(async () => {
  const app = express()
  const sessions = session(SETTINGS)
  app.use(sessions)
  app.get('/', (req, res) => res.end(String((req.session.views = (req.session.views ?? 0) + 1))))
  const { server, url } = await listen(app)
  const agent = new Agent(url)
  await agent.ask('/')

  const realtime = new Server(server)
  realtime.engine.use(sessions)
  realtime.on('connection', (socket) => {
    socket.on('add', (reply) => {
      const { request } = socket
      request.session.reload((error) => {
        if (error) return reply(error.message)
        request.session.views++
        request.session.save((failed) => reply(failed ? failed.message : request.session.views))
      })
    })
  })
  const client = io(url, { extraHeaders: { cookie: agent.cookie }, transports: ['polling', 'websocket'] })
  assert.strictEqual(await client.timeout(5_000).emitWithAck('add'), 2)
  assert.strictEqual((await agent.ask('/')).text, '3')
  assert.strictEqual(await client.timeout(5_000).emitWithAck('add'), 4)
  client.close()
  await realtime.close()

  const plain = express().listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const sockets = new WebSocketServer({ noServer: true })
  plain.on('upgrade', (request, socket, head) => {
    sessions(request, {}, () => {
      sockets.handleUpgrade(request, socket, head, (open) => open.send(String(request.session.views)))
    })
  })
  const open = new WebSocket(`ws://127.0.0.1:${plain.address().port}`, { headers: { cookie: agent.cookie } })
  const [message] = await once(open, 'message')
  assert.strictEqual(String(message), '4')
})
