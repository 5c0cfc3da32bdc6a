// An app that talks as much as it can, for logs.test.ts: run with DEBUG=* it must print no id.
import express from 'express'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { session } from '../../src/express/factory.ts'
import { SESSION_EVENTS } from '../../src/core/events.ts'
import { idOf, SECRET, send } from '../security/world.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'

const sessions = session({
  secret: SECRET,
  name: 'visit',
  store: memoryStore(),
  resave: true,
  saveUninitialized: true,
  rolling: true,
  maxBytes: 2000
})
for (const event of SESSION_EVENTS) sessions.on(event, (payload) => console.log(event, payload))
sessions.on('ended', () => {
  throw new Error('a listener that fails')
})
const app = express()
app.use(sessions)
app.use(async (req, res) => {
  const { session } = req as any
  if (req.path === '/login') await session.signIn(7)
  if (req.path === '/renew') await session.renew()
  if (req.path === '/logout') await session.signOut()
  if (req.path === '/large') session.large = 'x'.repeat(2100)
  if (req.path === '/fail') throw new Error('a handler that fails')
  else console.log(sessions.describe(req))
  res.end()
})
app.use((error: Error, _req: express.Request, res: express.Response, _next: unknown) => {
  console.log(error)
  if (!res.headersSent) res.status(500).end()
})
const server = createServer(app).listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const seen = new Set<string>()
let cookie: string | undefined
for (const path of ['/', '/login', '/renew', '/large', '/fail', '/renew', '/', '/logout', '/']) {
  const before: string | undefined = cookie
  cookie = (await send(port, path, { cookie: before })).cookie || before
  seen.add(cookie!)
  await send(port, '/', { cookie: before })
  await send(port, '/', { cookie: `${cookie}x` })
}
console.log(await sessions.scan())
server.close()
server.closeAllConnections()
await sessions.close()
process.send!({ cookies: [...seen], ids: [...seen].map(idOf) }, () => process.disconnect())
