'use strict'
// connect-redis, connect-pg-simple and connect-mongo, each on the server whose URL is given: `node servers.cjs redis URL`.
const assert = require('node:assert')
const express = require('express')
const session = require('express-session')
const { Agent, listen, run, SETTINGS } = require('./agent.cjs')

const STORES = {
  async redis(url) {
    const { RedisStore } = require('connect-redis')
    const client = await require('redis').createClient({ url }).connect()
    return new RedisStore({ client, prefix: 'ecosystem:' })
  },
  async postgres(url) {
    const PgStore = require('connect-pg-simple')(session)
    return new PgStore({ conString: url, createTableIfMissing: true, tableName: 'ecosystem' })
  },
  async mongo(url) {
    const { MongoStore } = require('connect-mongo')
    return MongoStore.create({ mongoUrl: url, dbName: 'ecosystem' })
  }
}

run(async () => {
  const [name, serverUrl] = process.argv.slice(2)
  const store = await STORES[name](serverUrl)
  assert.ok(store instanceof session.Store)
  const app = express()
  app.use(session({ ...SETTINGS, store, cookie: { maxAge: 60_000 } }))
  app.get('/', (req, res) => res.end(String((req.session.views = (req.session.views ?? 0) + 1))))
  app.get('/key/:key', (req, res) => {
    req.session[req.params.key] = true
    res.end()
  })
  app.get('/keys', (req, res) => res.end(String(Object.keys(req.session).length - 1)))
  app.get('/out', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())))
  const agent = new Agent((await listen(app)).url)
  assert.strictEqual((await agent.ask('/')).text + (await agent.ask('/')).text, '12')
  await Promise.all(Array.from({ length: 20 }, (_, i) => agent.ask(`/key/k${i}`)))
  assert.strictEqual((await agent.ask('/keys')).text, '21', 'no update of one process is lost')
  await agent.ask('/out')
  assert.strictEqual((await agent.ask('/')).text, '1')
})
