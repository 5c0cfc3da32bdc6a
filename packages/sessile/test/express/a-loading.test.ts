import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { inherits } from 'node:util'
import { test } from 'node:test'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { both, ours } from './helpers.ts'

const ROOT = new URL('../../', import.meta.url)

test('1. the root and the deep cookie path exist as real files, the latter is the constructor', () => {
  assert.match(readFileSync(new URL('session/cookie.js', ROOT), 'utf8'), /module\.exports = .*\.Cookie/)
  const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))
  assert.equal(manifest.main, './index.js')
})

test('2. the exports map has the root, the deep paths with and without .js, and the manifest', () => {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8'))
  for (const name of ['cookie', 'memory', 'session', 'store']) {
    assert.ok(readFileSync(new URL(`session/${name}.js`, ROOT)))
    assert.equal(exports[`./session/${name}`].default, `./session/${name}.js`)
    assert.equal(exports[`./session/${name}.js`].default, `./session/${name}.js`)
    assert.equal(Object.keys(exports[`./session/${name}`])[0], 'types')
  }
  assert.ok(exports['.'] && exports['./index.js'] && exports['./package.json'])
})

both('3. the factory has Store, Cookie, Session and MemoryStore', (session) => {
  for (const name of ['Store', 'Cookie', 'Session', 'MemoryStore']) {
    assert.equal(typeof session[name], 'function')
    assert.ok(Object.keys(session).includes(name))
  }
})

both('4. Store and MemoryStore are inherited from in both styles', (session) => {
  for (const Base of [session.Store, session.MemoryStore]) {
    const Old: any = function Old(this: any) {
      Base.call(this, { some: 'option' })
    }
    inherits(Old, Base)
    const old = new Old()
    assert.ok(old instanceof Base && old instanceof session.Store)
    class New extends Base {
      constructor() {
        super({ any: 'thing' }, 2)
      }
    }
    assert.ok(new New() instanceof session.Store)
  }
})

both('4. a store that inherits from MemoryStore in either style stores sessions', async (session) => {
  const Old: any = function Old(this: any) {
    session.MemoryStore.call(this)
  }
  inherits(Old, session.MemoryStore)
  class New extends session.MemoryStore {}
  for (const store of [new Old(), new New()]) {
    await new Promise<void>((resolve, reject) => store.set('a', { cookie: {}, x: 1 }, (error: any) => (error ? reject(error) : resolve())))
    const found = await new Promise<any>((resolve) => store.get('a', (_: any, record: any) => resolve(record)))
    assert.equal(found.x, 1)
  }
})

both('5. Store is an EventEmitter, MemoryStore a Store', (session) => {
  for (const store of [new session.MemoryStore(), Object.assign(Object.create(session.Store.prototype), {})]) {
    session.Store.call(store)
    assert.ok(store instanceof EventEmitter && store instanceof session.Store)
    let heard = 0
    store.on('connect', () => heard++)
    store.emit('connect')
    assert.equal(heard, 1)
  }
})

both('6. the factory works detached and without arguments, and does not change its options', (session) => {
  const { MemoryStore } = session
  const detached = session.bind(null)
  assert.equal(typeof detached(), 'function')
  assert.equal(typeof session(undefined), 'function')
  const given = Object.freeze({
    secret: 's',
    cookie: Object.freeze({ maxAge: 1 }),
    store: new MemoryStore(),
    resave: false,
    saveUninitialized: false
  })
  assert.equal(typeof session(given), 'function')
})

test('7. there is no session property that is something else', () => {
  assert.ok(ours.session === undefined)
})

test('8, 9. nothing leaks into the globals, nothing keeps the process alive', () => {
  const code = `
    const before = Object.keys(globalThis).length
    const { session } = await import(${JSON.stringify(new URL('src/entries/index.ts', ROOT).href)})
    const middleware = session({ secret: 'x', resave: false, saveUninitialized: true, cookie: { maxAge: 3000000000 } })
    const req = { url: '/', headers: {}, socket: {} }
    await new Promise((resolve) => middleware(req, { end() {}, writeHead() {} }, resolve))
    await req.session.save()
    if (Object.keys(globalThis).length !== before) throw new Error('leak')
    console.log('done')
  `
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 10_000 })
  assert.equal(run.stderr, '')
  assert.equal(run.stdout.trim(), 'done')
  assert.equal(run.status, 0)
})

test('10. a lifetime longer than any timer gives no warning', () => {
  const code = `
    const { session } = await import(${JSON.stringify(new URL('src/entries/index.ts', ROOT).href)})
    const middleware = session({ secret: 'x', resave: false, saveUninitialized: true, cookie: { maxAge: 3000000000 }, lifetimes: { anonymous: { idle: '100d', absolute: '365d' } } })
    const req = { url: '/', headers: {}, socket: {} }
    await new Promise((resolve) => middleware(req, { end() {}, writeHead() {} }, resolve))
    await req.session.save()
    await middleware.sweep()
  `
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 10_000 })
  assert.equal(run.stderr, '')
  assert.equal(run.status, 0)
})
