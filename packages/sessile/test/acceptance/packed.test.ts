import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { AUGMENTED } from './augmented.ts'
import { isInstalled, Packed } from './project.ts'

const packed = new Packed()
after(() => packed.remove())

const USE = `
  const app = require('express')()
  app.use(session({ secret: 'x'.repeat(32), resave: false, saveUninitialized: false }))
  app.get('/', (req, res) => { req.session.views = (req.session.views || 0) + 1; res.send(String(req.session.views)) })
  const server = app.listen(0, async () => {
    const url = 'http://localhost:' + server.address().port
    const first = await fetch(url)
    const cookie = first.headers.get('set-cookie').split(';')[0]
    console.log(await first.text(), await (await fetch(url, { headers: { cookie } })).text())
    server.close()
    server.closeAllConnections()
  })
`

test('the package holds what its users need, and nothing more', () => {
  const outside = packed.files.filter(
    (file) =>
      !/^(index\.(js|d\.ts)|express-session\.d\.ts|package\.json|README\.md|LICENSE|session\/\w+\.(js|d\.ts)|stores\/\w+\.(mjs|d\.mts)|bin\/\w+\.js|dist\/.+\.(js|d\.ts|json))$/.test(
        file
      )
  )
  assert.deepEqual(outside, [])
  for (const needed of ['index.js', 'index.d.ts', 'session/cookie.js', 'dist/entries/index.js', 'dist/entries/sqlite.d.ts'])
    assert.ok(packed.files.includes(needed), needed)
})

test('N, T1, T2, T3. require and import give one and the same, under its own name', () => {
  const project = packed.project('sessile')
  assert.equal(project.node('main.cjs', `const session = require('sessile')\n${USE}`), '1 2')
  assert.equal(
    project.node(
      'main.mjs',
      `
    import session, { Store, Cookie, Session, MemoryStore, BackendStore, SessionError, isSessionError } from 'sessile'
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    if (session !== require('sessile') || Store !== session.Store || session.__esModule) throw new Error('two of them')
    for (const one of [Store, Cookie, Session, MemoryStore, BackendStore, SessionError, isSessionError]) if (typeof one !== 'function') throw new Error('missing')
    ${USE}`
    ),
    '1 2'
  )
})

test('1, 2. relative directory paths, deep paths and subpaths', () => {
  const project = packed.project('sessile')
  assert.equal(
    project.node(
      'paths.cjs',
      `
    const root = require('./node_modules/sessile')
    const pairs = [['cookie', root.Cookie], ['store', root.Store], ['memory', root.MemoryStore], ['session', root.Session]]
    for (const [name, own] of pairs) {
      for (const path of ['./node_modules/sessile/session/' + name, 'sessile/session/' + name, 'sessile/session/' + name + '.js']) {
        if (require(path) !== own) throw new Error(path)
      }
    }
    for (const path of ['sessile', 'sessile/index.js', 'sessile/package.json', 'sessile/stores/memory', 'sessile/stores/sqlite', 'sessile/security', 'sessile/monitor', 'sessile/testing']) require(path)
    console.log('fine')`
    ),
    'fine'
  )
})

test('a store by its subpath', () => {
  const project = packed.project('sessile')
  assert.equal(
    project.node(
      'store.mjs',
      `
    import session from 'sessile'
    import { sqliteStore } from 'sessile/stores/sqlite'
    import { memoryStore } from 'sessile/stores/memory'
    for (const store of [sqliteStore({ file: ':memory:' }), memoryStore(), 'sqlite::memory:']) {
      const sessions = session({ secret: 'x'.repeat(32), resave: false, saveUninitialized: false, store })
      await sessions.ready()
      await sessions.close()
    }
    console.log('fine')`
    ),
    'fine'
  )
})

test('the classes in place of older stores, by require and import', () => {
  const project = packed.project('sessile')
  assert.equal(
    project.node(
      'classes.mjs',
      `
    import Default, { MongoStore, mongodbStore } from 'sessile/stores/mongodb'
    import { RedisStore } from 'sessile/stores/redis'
    import { PostgresStore } from 'sessile/stores/postgres'
    import { SqliteStore } from 'sessile/stores/sqlite'
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    if (Default !== MongoStore || require('sessile/stores/mongodb').MongoStore !== MongoStore) throw new Error('two of them')
    for (const one of [MongoStore.create, mongodbStore, RedisStore, PostgresStore, SqliteStore]) if (typeof one !== 'function') throw new Error('missing')
    console.log('fine')`
    ),
    'fine'
  )
})

test('T4, T12. under the alias express-session, with its store packages', () => {
  const copied = ['connect-redis', 'connect-mongo'].filter(isInstalled)
  const project = packed.project('express-session', copied)
  assert.equal(project.node('main.cjs', `const session = require('express-session')\n${USE}`), '1 2')
  assert.equal(
    project.node(
      'stores.mjs',
      `
    import { createRequire } from 'node:module'
    import session, { Store } from 'express-session'
    const names = ${JSON.stringify(copied)}
    for (const name of names) {
      const given = await import(name)
      const Class = given.RedisStore ?? given.MongoStore ?? given.default
      if (!(Class.prototype instanceof Store)) throw new Error(name + ' inherits from another Store')
    }
    const { version } = createRequire(import.meta.url)('express-session/package.json')
    if (!/^1\\.(19|[2-9]\\d)\\./.test(version)) throw new Error(version)
    console.log(names.length)`
    ),
    String(copied.length)
  )
})

test('T5, T6, T10. types with an augmentation, under its own name and under the alias', () => {
  for (const name of ['sessile', 'express-session']) {
    const project = packed.project(name)
    project.check({ 'esm.mts': AUGMENTED(name), 'cjs.cts': AUGMENTED(name) })
    project.check({ 'bundled.ts': AUGMENTED(name) }, { module: 'esnext', moduleResolution: 'bundler' })
  }
})

test('T7, T9. augmentations of express-session where it is installed under its own name', () => {
  const project = packed.project('sessile')
  project.check({
    'old.d.ts': "import 'express-session'\ndeclare module 'express-session' { interface SessionData { old: boolean } }\n",
    'main.mts': `
      /// <reference types="sessile/express-session" />
      import session from 'sessile'
      const data: Partial<session.SessionData> = { old: true }
      export default data`
  })
})

test('T11. subpaths and deep paths have types', () => {
  const project = packed.project('sessile')
  project.check(
    {
      'sub.mts': `
      import session from 'sessile'
      import Cookie from 'sessile/session/cookie'
      import Store from 'sessile/session/store.js'
      import { sqliteStore } from 'sessile/stores/sqlite'
      import { memoryStore } from 'sessile/stores/memory'
      import { crossSite, requireUser } from 'sessile/security'
      import { activity } from 'sessile/monitor'
      import express from 'express'
      const sessions = session({ secret: 'x', store: sqliteStore({ file: 'x' }) })
      const text: string = new Cookie({ maxAge: 1 }).serialize('a', 'b')
      express().use(sessions, crossSite(), requireUser({ sessions }))
      void [text, Store, memoryStore, activity]`
    },
    { skipLibCheck: false }
  )
})
