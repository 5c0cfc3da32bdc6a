import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import express from 'express'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { WARNINGS } from '../../src/core/warnings.ts'
import { fetchFrom, listen, options, ours, serve } from './helpers.ts'

const GOOD = 'pq9Xz1-fT7bLw0Ry4KsVu2MnHc6AeJdG'

const setter = (req: any, res: any) => {
  req.session.x = 1
  res.end()
}

/** What `session()` tells its listeners, gathered. */
function watched(more: object) {
  const sessions = ours(options({ secret: GOOD, ...more }))
  const told: { code: string; message: string; page: string }[] = []
  sessions.on('warning', (warning: any) => told.push(warning))
  return { sessions, told }
}

async function codes(told: { code: string }[], count: number): Promise<string[]> {
  for (let i = 0; i < 100 && told.length < count; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  return told.map(({ code }) => code).sort()
}

/** A process that makes sessions, and lives for a moment or not. */
function run(given: string, env: object, lives: boolean, more: readonly string[] = []) {
  const code = `import { session } from './packages/sessile/src/entries/index.ts'
    session({ resave: false, saveUninitialized: false, ${given} })
    ${lives ? 'setTimeout(() => {}, 300)' : ''}`
  const { stderr } = spawnSync(process.execPath, [...more, '--input-type=module', '-e', code], {
    cwd: new URL('../../../../', import.meta.url),
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '', ...env } as NodeJS.ProcessEnv
  })
  return stderr
}

test('mistakes of the set-up are told once, with a code and a page', async () => {
  const { told } = watched({
    secret: 'keyboard cat',
    name: '__Host-visit',
    cookie: { sameSite: 'none', maxAge: 60_000 },
    touchSlack: '1d',
    maxage: 1
  })
  assert.deepEqual(await codes(told, 5), ['cookie-prefix', 'lazy-touch', 'same-site-none', 'unknown-option', 'weak-secret'])
  for (const { code, message, page } of told) {
    assert.equal(page, `docs/warnings/${code}.md`)
    assert.ok(message.startsWith(WARNINGS[code as keyof typeof WARNINGS].sentence))
    assert.doesNotMatch(message, /keyboard/)
  }
})

test('a set-up without mistakes has no warning', async () => {
  const { told } = watched({ name: '__Host-visit', cookie: { secure: true, sameSite: 'lax' } })
  await new Promise((resolve) => setTimeout(resolve, 150))
  assert.deepEqual(told, [])
})

test('every warning has a page, and every page a warning', () => {
  const folder = new URL('../../../../docs/warnings/', import.meta.url)
  const list = readFileSync(new URL('README.md', folder), 'utf8')
  for (const [code, { sentence }] of Object.entries(WARNINGS)) {
    assert.ok(existsSync(new URL(`${code}.md`, folder)), code)
    assert.ok(readFileSync(new URL(`${code}.md`, folder), 'utf8').startsWith(`# ${code}\n\n${sentence}\n`), code)
    assert.ok(list.includes(`| [\`${code}\`](${code}.md) | ${sentence} |`), code)
  }
  assert.equal(readdirSync(folder).length, Object.keys(WARNINGS).length + 1)
})

test('a secure cookie that is not sent is told once, and why', async (t) => {
  const { sessions, told } = watched({ cookie: { secure: true, sameSite: 'lax' } })
  const server = await serve(t, sessions, setter)
  await server.get('/', { headers: { 'x-forwarded-proto': 'https' } })
  await server.get('/')
  assert.deepEqual(await codes(told, 1), ['cookie-not-sent'])
  assert.match(told[0]!.message, /trust proxy/)
  const plain = watched({ cookie: { secure: true, sameSite: 'lax' } })
  await (await serve(t, plain.sessions, setter)).get('/')
  assert.match(plain.told[0]!.message, /'auto'/)
  const trusting = watched({ cookie: { secure: true, sameSite: 'lax' }, proxy: true })
  await (await serve(t, trusting.sessions, setter)).get('/', { headers: { 'x-forwarded-proto': 'https' } })
  assert.deepEqual(trusting.told, [])
})

test('an app that trusts every proxy is told of at its first request', async (t) => {
  for (const [trust, expected] of [
    [true, ['trust-proxy-all']],
    [1, []],
    [false, []]
  ] as const) {
    const { sessions, told } = watched({})
    const app = express()
    app.set('trust proxy', trust)
    app.use(sessions, (_req, res) => void res.end())
    const { port } = await listen(t, [], app as never)
    await fetchFrom(port, '/')
    await fetchFrom(port, '/')
    assert.deepEqual(
      told.map(({ code }) => code),
      expected
    )
  }
})

test('in production a weak secret and a memory store are printed, once in a process', () => {
  const stderr = run(
    "secret: 'short', store: 'memory:' }); session({ secret: 'short', resave: false, saveUninitialized: false, store: 'memory:'",
    { NODE_ENV: 'production' },
    true
  )
  assert.equal(stderr.match(/\[weak-secret\] SessileWarning/g)?.length, 1)
  assert.equal(stderr.match(/\[memory-store\] SessileWarning/g)?.length, 1)
  assert.match(stderr, /docs\/warnings\/weak-secret\.md/)
  assert.doesNotMatch(stderr, /MemoryStore/)
})

test('elsewhere only what goes wrong on any machine is printed, and it can be silenced by its code', () => {
  assert.equal(run("secret: 'short'", {}, true), '')
  assert.match(run("secret: 'short', cookie: { sameSite: 'none' }", {}, true), /\[same-site-none\] SessileWarning/)
  assert.equal(run("secret: 'short', cookie: { sameSite: 'none' }", {}, true, ['--disable-warning=same-site-none']), '')
})

test('23. with a MemoryStore in production, express-session’s three lines are all that a short process prints', () => {
  const stderr = run("secret: 'short'", { NODE_ENV: 'production' }, false)
  assert.equal(stderr.split('\n').length, 4)
  assert.match(run("secret: 'short'", { NODE_ENV: 'production' }, true), /^Warning: connect\.session\(\) MemoryStore is not\n/)
})

test('a listener that throws breaks neither the request nor the others', async (t) => {
  const { sessions } = watched({ store: memoryStore(), cookie: { secure: true, sameSite: 'lax' } })
  sessions.on('warning', () => {
    throw new Error('listener')
  })
  const server = await serve(t, sessions, setter)
  assert.equal((await server.get('/')).status, 200)
})
