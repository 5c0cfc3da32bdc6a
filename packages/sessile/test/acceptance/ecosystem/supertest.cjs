'use strict'
// supertest's agent, against an app that listens nowhere.
const assert = require('node:assert')
const express = require('express')
const session = require('express-session')
const request = require('supertest')
const { run, SETTINGS } = require('./agent.cjs')

run(async () => {
  const app = express()
  app.use(session({ ...SETTINGS, cookie: { maxAge: 60_000 } }))
  app.get('/', (req, res) => res.json({ views: (req.session.views = (req.session.views ?? 0) + 1) }))
  app.get('/out', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.redirect('/'))))
  const agent = request.agent(app)
  await agent
    .get('/')
    .expect('set-cookie', /^connect\.sid=s%3A/)
    .expect({ views: 1 })
  await agent.get('/').expect({ views: 2 })
  await agent.get('/out').redirects(1).expect({ views: 1 })
  await Promise.all(Array.from({ length: 5 }, () => agent.get('/').expect(200)))
  assert.ok((await agent.get('/')).body.views > 1)
})
