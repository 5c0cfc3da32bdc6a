import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { options, ours, serve } from './helpers.ts'

async function until(holds: () => unknown, what: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail(what)
}

const setter = (req: any, res: any) => {
  req.session.cart = req.url
  res.end()
}

for (const [kind, store] of Object.entries<() => any>({
  'a MemoryStore': () => undefined,
  memory: memoryStore,
  sqlite: () => sqliteStore({ file: ':memory:' })
})) {
  test(`sessions that ran out are removed by themselves, each told once with its data (${kind})`, async (t) => {
    const sessions = ours(options({ store: store(), cookie: { maxAge: 30 }, sweepEvery: 20 }))
    t.after(() => sessions.close())
    const told: any[] = []
    sessions.on('expired', (payload: any) => told.push(payload.attributes.cart))
    const server = await serve(t, sessions, setter)
    for (let i = 0; i < 20; i++) await server.get(`/${i}`)
    await until(() => told.length >= 20, 'all are told')
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.equal(told.length, 20)
    assert.equal(new Set(told).size, 20)
  })
}

test('sweepEvery: false leaves it to others, and close stops it', async (t) => {
  for (const sweepEvery of [false, 20] as const) {
    const backend = memoryStore()
    const sessions = ours(options({ store: { ...spied(backend) }, cookie: { maxAge: 5 }, sweepEvery }))
    const server = await serve(t, sessions, setter)
    await server.get()
    if (sweepEvery) await until(() => calls > 1, 'it sweeps')
    await sessions.close()
    const before = calls
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.equal(calls, before)
    if (!sweepEvery) assert.equal(before, 0)
  }
})

let calls = 0
function spied(backend: any): any {
  const names = ['read', 'create', 'swap', 'extend', 'remove', 'space', 'scan', 'close'] as const
  const wrapped: any = { name: 'spied', traits: backend.traits }
  for (const name of names) wrapped[name] = (...given: unknown[]) => backend[name](...given)
  wrapped.removeExpired = (limit: number) => {
    calls++
    return backend.removeExpired(limit)
  }
  return wrapped
}

test('a store that fails while it is swept is tried again, and nothing breaks', async (t) => {
  const backend = memoryStore()
  let failures = 0
  const store = spied(backend)
  const { removeExpired } = store
  store.removeExpired = (limit: number) => {
    if (failures < 2) {
      failures++
      throw new Error('away')
    }
    return removeExpired(limit)
  }
  const sessions = ours(options({ store, cookie: { maxAge: 5 }, sweepEvery: 20 }))
  t.after(() => sessions.close())
  const told: unknown[] = []
  const failed: string[] = []
  sessions.on('expired', (payload: unknown) => told.push(payload))
  sessions.on('store-error', ({ operation }: any) => failed.push(operation))
  const server = await serve(t, sessions, setter)
  await server.get()
  await until(() => told.length === 1, 'told after the failures')
  assert.deepEqual(failed, ['removeExpired', 'removeExpired'])
})

test('9. sweeping keeps neither the process alive nor stores that nobody uses any more', () => {
  const code = `import { session } from './packages/sessile/src/entries/index.ts'
    session({ secret: 'x', resave: false, saveUninitialized: false, sweepEvery: 10 })
    const seen = []
    for (let i = 0; i < 20; i++) seen.push(new WeakRef(session({ secret: 'x', resave: false, saveUninitialized: false, sweepEvery: 10 }).store))
    await new Promise((resolve) => setTimeout(resolve, 400))
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 50))
    globalThis.gc()
    console.log(seen.filter((ref) => ref.deref() !== undefined).length)`
  const { stdout, status } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], {
    cwd: new URL('../../../../', import.meta.url),
    encoding: 'utf8',
    timeout: 20_000
  })
  assert.equal(status, 0)
  assert.ok(Number(stdout.trim()) <= 1, `${stdout.trim()} of 20 are kept`)
})
