'use strict'
// NestJS: the session as a decorated parameter (written as the compiler writes it, since plain JavaScript has no decorators).
require('reflect-metadata')
const assert = require('node:assert')
const { Controller, Get, Module, Session } = require('@nestjs/common')
const { NestFactory } = require('@nestjs/core')
const session = require('express-session')
const { Agent, run, SETTINGS } = require('./agent.cjs')

class Views {
  show(own) {
    own.views = (own.views ?? 0) + 1
    return { views: own.views }
  }
}
Session()(Views.prototype, 'show', 0)
Get()(Views.prototype, 'show', Object.getOwnPropertyDescriptor(Views.prototype, 'show'))
Controller()(Views)

// eslint-disable-next-line typescript/no-extraneous-class -- a module of Nest is one
class App {}
Module({ controllers: [Views] })(App)

run(async () => {
  const app = await NestFactory.create(App, { logger: ['error'] })
  app.use(session(SETTINGS))
  await app.listen(0, '127.0.0.1')
  const agent = new Agent((await app.getUrl()).replace('[::1]', 'localhost'))
  assert.strictEqual((await agent.ask('/')).text, '{"views":1}')
  assert.strictEqual((await agent.ask('/')).text, '{"views":2}')
})
