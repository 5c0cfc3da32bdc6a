'use strict'
// Fastify through @fastify/express.
const assert = require('node:assert')
const fastify = require('fastify')
const session = require('express-session')
const { Agent, run, SETTINGS } = require('./agent.cjs')

run(async () => {
  const app = fastify()
  await app.register(require('@fastify/express'))
  app.use(session(SETTINGS))
  app.get('/', async (request) => ({ views: (request.raw.session.views = (request.raw.session.views ?? 0) + 1) }))
  app.get('/go', async (request, reply) => {
    request.raw.session.views = 10
    return reply.redirect('/')
  })
  const agent = new Agent(await app.listen({ host: '127.0.0.1', port: 0 }))
  assert.strictEqual((await agent.ask('/')).text, '{"views":1}')
  assert.strictEqual((await agent.ask('/')).text, '{"views":2}')
  assert.strictEqual((await agent.ask('/go')).status, 302)
  assert.strictEqual((await agent.ask('/')).text, '{"views":11}')
})
