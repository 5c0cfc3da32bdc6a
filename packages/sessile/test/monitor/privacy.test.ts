import assert from 'node:assert/strict'
import { it } from 'node:test'
import { keptAddress } from '../../src/monitor/privacy.ts'
import { session } from '../../src/express/factory.ts'
import { activity } from '../../src/monitor/activity.ts'
import express from 'express'
import { serve } from '../serve.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'

const SECRET = 'a secret of more than 32 characters'
const DAY = 86_400_000

it('addresses are kept as they are told to be', () => {
  assert.equal(keptAddress('203.0.113.77', 'full', undefined, 0), '203.0.113.77')
  assert.equal(keptAddress('203.0.113.77', 'truncated', undefined, 0), '203.0.113.0/24')
  assert.equal(keptAddress('203.0.113.77', 'none', undefined, 0), undefined)
  const hashed = (address: string, at = 0, secret = SECRET) => keptAddress(address, 'hashed', secret, at)
  assert.equal(hashed('203.0.113.77'), hashed('::ffff:203.0.113.77', DAY - 1))
  assert.notEqual(hashed('203.0.113.77'), hashed('203.0.113.78'))
  assert.notEqual(hashed('203.0.113.77'), hashed('203.0.113.77', DAY))
  assert.notEqual(hashed('203.0.113.77'), hashed('203.0.113.77', 0, `${SECRET}!`))
})

it('what is kept of a user is given out, and forgotten, on request', async () => {
  const sessions = session({ secret: SECRET, store: memoryStore(), resave: false, saveUninitialized: false, hashIds: true })
  const seen = activity({ sessions })
  const app = express()
  app.use(sessions, seen)
  app.post('/login/:user', async (req, res) => {
    await (req as unknown as { session: { signIn(user: string): Promise<void> } }).session.signIn(String(req.params.user))
    res.end()
  })
  await using server = await serve(app)
  for (const user of ['7', '8']) await server.ask('POST', `/login/${user}`, { 'user-agent': 'Firefox' })
  await seen.flush()
  const given = await seen.exportUser(7)
  assert.equal(given.sessions.length, 1)
  assert.equal(given.sessions[0]!.ip, '127.0.0.1')
  assert.ok(given.events.some(({ event }) => event === 'signed-in'))
  const erased = await seen.eraseUser('7')
  assert.equal(erased.sessions, 1)
  assert.ok(erased.events >= 1)
  const after = await seen.exportUser('7')
  assert.deepEqual(after.events, [])
  assert.equal(after.sessions[0]!.ip, undefined)
  assert.equal(after.sessions[0]!.userAgent, undefined)
  assert.equal((await seen.exportUser('8')).sessions[0]!.ip, '127.0.0.1')
  assert.equal((await sessions.of('7')).length, 1)
  // no record of the store names the user any more
  const events = await seen.history.events.newest(undefined, 100)
  assert.ok(events.entries.length > 0)
  assert.ok(events.entries.every(({ entry }) => entry.userId !== '7'))
  await seen.close()
})
