import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { after, describe, it, type TestContext } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { SqliteStore } from '../../src/entries/sqlite.ts'
import { original, ours, SECRET, serve } from '../express/helpers.ts'

const folder = mkdtempSync(join(tmpdir(), 'sessile-sqlite-store-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = () => join(folder, `${files++}.db`)
const session = (more = {}) => ({ cookie: { originalMaxAge: 60_000, expires: new Date(Date.now() + 60_000) }, ...more })

function made(t: TestContext, file = newFile()): SqliteStore {
  const store = new SqliteStore({ file })
  t.after(() => store.close())
  return store
}

describe('SqliteStore', () => {
  it('answers by callback, and by promise where there is none', async (t) => {
    const store = made(t)
    await promisify(store.set.bind(store) as any)('a', session({ views: 1 }))
    const got: any = await promisify(store.get.bind(store) as any)('a')
    assert.equal(got.views, 1)
    assert.equal(await promisify(store.length.bind(store) as any)(), 1)
    await store.set('b', session())
    assert.deepEqual(Object.keys((await store.all()) as object).sort(), ['a', 'b'])
    await store.touch('b', session())
    await store.destroy('a')
    assert.equal((await store.get('a')) ?? null, null)
    await store.clear()
    assert.equal(await store.length(), 0)
  })

  it('keeps sessions in the file, a day where their cookie does not say how long', async (t) => {
    const file = newFile()
    const store = new SqliteStore({ file })
    await store.set('a', { cookie: { originalMaxAge: null }, name: 'Ada' })
    await store.close()
    await assert.rejects(
      Promise.resolve().then(() => store.get('a')),
      (error) => isSessionError(error) && error.code === 'store-closed'
    )
    const again = made(t, file)
    assert.equal(((await again.get('a')) as any).name, 'Ada')
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    t.mock.timers.tick(86_399_000)
    assert.ok(await again.get('a'))
    t.mock.timers.tick(2_000)
    assert.equal((await again.get('a')) ?? null, null)
  })

  it('refuses wrong options', () => {
    for (const options of [{ file: '' }, { file: newFile(), ttl: 'soon' }, { file: newFile(), tabel: 'x' }] as any[])
      assert.throws(
        () => new SqliteStore(options),
        (error) => isSessionError(error) && error.code === 'bad-option'
      )
  })

  for (const [name, middleware] of [
    ['express-session itself', original],
    ['sessile', ours]
  ] as const) {
    it(`loses nothing and revives nobody under ${name}`, async (t) => {
      const store = made(t)
      const app = await serve(t, middleware({ secret: SECRET, resave: false, saveUninitialized: false, store }), (req: any, res: any) => {
        const [, verb, key] = req.url.split('/')
        if (verb === 'out') return req.session.destroy(() => res.end())
        if (verb === 'set') req.session[key] = true
        res.end(String(Object.keys(req.session).length - 1))
      })
      const { cookie } = await app.get('/set/first')
      await Promise.all(Array.from({ length: 30 }, (_, i) => app.get(`/set/k${i}`, { cookie: cookie! })))
      assert.equal((await app.get('/', { cookie: cookie! })).body, '31')
      await Promise.all(Array.from({ length: 20 }, (_, i) => app.get(i === 7 ? '/out' : `/set/k${i}`, { cookie: cookie! })))
      assert.equal((await app.get('/', { cookie: cookie! })).body, '0')
    })
  }
})
