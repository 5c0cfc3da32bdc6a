// For jest, which requires CommonJS, runs modules in a context of its own and replaces timers.
const express = require('express')
const request = require('supertest')
const session = require('express-session')

const app = express()
app.use(session({ secret: 'x'.repeat(32), resave: false, saveUninitialized: false }))
app.get('/', (req, res) => res.json({ views: (req.session.views = (req.session.views ?? 0) + 1) }))

test('counts', async () => {
  const agent = request.agent(app)
  await agent.get('/').expect({ views: 1 })
  await agent.get('/').expect({ views: 2 })
})

test('counts with fake timers', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout'] })
  const agent = request.agent(app)
  await agent.get('/').expect({ views: 1 })
  jest.setSystemTime(Date.now() + 3_600_000)
  await agent.get('/').expect({ views: 2 })
})

test('is one class with its deep paths', () => {
  expect(require('express-session/session/store')).toBe(session.Store)
  expect(new session.MemoryStore()).toBeInstanceOf(session.Store)
})
