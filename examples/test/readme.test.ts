import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { serverFor } from '@sessile/test-servers'
import { browser, freePort, start } from './running.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

/** Runs Node until it has said `ready`, then `use`, then ends it. */
async function withProcess(
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
  ready: RegExp,
  use: () => Promise<void>
): Promise<void> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  try {
    while (!ready.test(output)) {
      assert.equal(child.exitCode, null, output)
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    }
    await use()
  } finally {
    if (child.exitCode === null && child.kill()) await once(child, 'exit')
  }
}

interface Step {
  readonly method: string
  readonly path: string
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>
  /** Whether it is of the visitor whose cookies are in the jar. */
  readonly hasJar: boolean
  readonly answer: unknown
}

/** Every `$ curl` of a page with the answer that it shows. */
function transcript(page: string): Step[] {
  const pattern = /^\$ curl (.*?)localhost:3000(\S+)(?: --json '(.*)')?\n(.*)$/gm
  return [...page.matchAll(pattern)].map(([, options = '', path = '', json, answer = '']) => ({
    method: /-X (\w+)/.exec(options)?.[1] ?? (json ? 'POST' : 'GET'),
    path,
    body: json === undefined ? undefined : JSON.parse(json),
    headers: Object.fromEntries([...options.matchAll(/-H '([^:]+): ([^']*)'/g)].map(([, name, value]) => [name!, value!])),
    hasJar: options.includes('-b jar'),
    answer: JSON.parse(answer)
  }))
}

const VARYING = ['sessionId', 'timestamp', 'lastActivity', 'duration', 'createdAt', 'absoluteExpiresAt']

/** JSON without what differs from run to run. */
function comparable(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (key, value) => (VARYING.includes(key) ? key : value))
}

describe('the README', () => {
  it('shows what the shop answers', async () => {
    const steps = transcript(README)
    assert.ok(steps.length >= 8)
    const folder = mkdtempSync(join(tmpdir(), 'sessile-readme-'))
    const port = String(await freePort())
    const { STORE_URL, DATABASE_URL, SESSION_SECRET, NODE_ENV, HOST, METRICS_PORT, ...env } = process.env
    const options = { cwd: ROOT, env: { ...env, PORT: port, DATA_DIR: folder } }
    await withProcess(['apps/shop/src/main.ts'], options, /Shop ready at/, async () => {
      const curl = browser(`http://127.0.0.1:${port}`)
      for (const { method, path, body, headers, answer } of steps) {
        const { json } = await curl.send(method, path, body, { accept: '*/*', ...headers })
        assert.deepEqual(comparable(json), comparable(answer), `${method} ${path}`)
      }
    }).finally(() => rmSync(folder, { recursive: true, force: true }))
  })

  it('has an app that runs as it stands', async () => {
    const port = String(await freePort())
    const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(README) ?? []
    const text = code.replace('app.listen(3000)', `app.listen(${port}, () => console.log('ready'))`)
    assert.notEqual(text, code)
    await withProcess(['--input-type=module-typescript', '--eval', text], { cwd: join(ROOT, 'examples') }, /ready/, async () => {
      const [phone, laptop] = [browser(`http://127.0.0.1:${port}`), browser(`http://127.0.0.1:${port}`)]
      assert.deepEqual((await phone.send('GET', '/')).json, { views: 1 })
      assert.deepEqual((await phone.send('POST', '/login')).json, { devices: 1 })
      assert.deepEqual((await laptop.send('POST', '/login')).json, { devices: 2 })
      assert.deepEqual((await laptop.send('POST', '/sign-out-everywhere')).json, { ended: 1 })
      assert.deepEqual((await phone.send('GET', '/')).json, { views: 1 }, 'signed out: a new visitor')
    })
  })
})

describe('the README of the examples', () => {
  const page = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8')
  for (const [, title, file, text] of page.matchAll(/^## (\d \[\w+\])\(([\w.-]+)\)(.*?)(?=^## |$(?![\s\S]))/gms)) {
    it(`shows what ${title} answers`, async (t) => {
      const [, variables] = /^\$ (.*)npm run example \d$/m.exec(text!)!
      const env = await environment(
        t,
        Object.fromEntries(
          variables!
            .split(' ')
            .filter(Boolean)
            .map((one) => one.split('=') as [string, string])
        )
      )
      if (!env) return
      const steps = transcript(text!)
      assert.ok(steps.length > 0)
      await using example = await start(file!, env)
      const jar = browser(example.url)
      for (const { method, path, body, headers, hasJar, answer } of steps) {
        const { json } = await (hasJar ? jar : browser(example.url)).send(method, path, body, headers)
        assert.deepEqual(comparable(json), comparable(answer), `${method} ${path}`)
      }
    })
  }
})

/** The variables that a page sets, with servers of the test in place of those that it names. */
async function environment(t: TestContext, given: Record<string, string>): Promise<Record<string, string> | undefined> {
  if ('MONGODB_URI' in given) {
    const mongo = await serverFor(t, 'mongo')
    return mongo && { ...given, MONGODB_URI: mongo.url }
  }
  if ('REDIS_HOST' in given) {
    const redis = await serverFor(t, 'redis')
    if (!redis) return undefined
    const { hostname, port, password } = new URL(redis.url)
    return { ...given, REDIS_HOST: hostname, REDIS_PORT: port, ...(password && { REDIS_PASSWORD: password }) }
  }
  return given
}
