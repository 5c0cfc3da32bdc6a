'use strict'
// Store packages that need no server: memorystore and session-file-store; a counter over both, sign-out, and the file that is left.
const assert = require('node:assert')
const { mkdtempSync, readdirSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const express = require('express')
const session = require('express-session')
const { Agent, listen, run, SETTINGS } = require('./agent.cjs')

run(async () => {
  const path = mkdtempSync(join(tmpdir(), 'sessile-files-'))
  const MemoryStore = require('memorystore')(session)
  const FileStore = require('session-file-store')(session)
  const stores = [new MemoryStore({ checkPeriod: 60_000 }), new FileStore({ path, logFn() {}, retries: 0 })]
  for (const store of stores) {
    assert.ok(store instanceof session.Store)
    const app = express()
    app.use(session({ ...SETTINGS, store, cookie: { maxAge: 60_000 } }))
    app.get('/', (req, res) => res.end(String((req.session.views = (req.session.views ?? 0) + 1))))
    app.get('/read', (req, res) => res.end(String(req.session.views)))
    app.get('/out', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())))
    const { url, server } = await listen(app)
    const agent = new Agent(url)
    const texts = []
    for (let i = 0; i < 3; i++) texts.push((await agent.ask('/')).text)
    assert.deepStrictEqual(texts, ['1', '2', '3'])
    if (store instanceof FileStore) assert.strictEqual(readdirSync(path).length, 1)
    await agent.ask('/out')
    assert.strictEqual((await agent.ask('/read')).text, 'undefined')
    server.close()
  }
  assert.strictEqual(readdirSync(path).length, 0)
})
