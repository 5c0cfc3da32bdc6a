'use strict'
// csrf-sync and lusca keep their secret in the session.
const assert = require('node:assert')
const express = require('express')
const session = require('express-session')
const lusca = require('lusca')
const { csrfSync } = require('csrf-sync')
const { Agent, listen, run, SETTINGS } = require('./agent.cjs')

const SIDES = {
  'csrf-sync'() {
    const { csrfSynchronisedProtection, generateToken } = csrfSync()
    return { guard: csrfSynchronisedProtection, token: (req) => generateToken(req) }
  },
  lusca() {
    return { guard: lusca.csrf({ header: 'x-csrf-token' }), token: (req, res) => res.locals._csrf }
  }
}

run(async () => {
  for (const [name, make] of Object.entries(SIDES)) {
    const { guard, token } = make()
    const app = express()
    app.use(session(SETTINGS), express.json(), guard)
    app.get('/', (req, res) => res.end(token(req, res)))
    app.post('/', (req, res) => res.end('done'))
    app.use((error, req, res, _next) => res.status(error.statusCode ?? res.statusCode).end())
    const { url, server } = await listen(app)
    const agent = new Agent(url)
    const given = (await agent.ask('/')).text
    assert.ok(given.length > 10, name)
    assert.strictEqual((await agent.ask('/', { body: { a: 1 } })).status, 403, name)
    assert.strictEqual(
      (await agent.ask('/', { body: { a: 1 }, headers: { 'content-type': 'application/json', 'x-csrf-token': given } })).text,
      'done',
      name
    )
    const other = new Agent(url)
    await other.ask('/')
    const stolen = await other.ask('/', { body: { a: 1 }, headers: { 'content-type': 'application/json', 'x-csrf-token': given } })
    assert.strictEqual(stolen.status, 403, name)
    server.close()
  }
})
