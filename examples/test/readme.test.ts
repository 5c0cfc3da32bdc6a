import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { browser, freePort } from './running.ts'

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

/** Every `$ curl` of the README with the answer that it shows. */
function transcript(): { method: string; path: string; body: unknown; answer: unknown }[] {
  const pattern = /^\$ curl (.*?)localhost:3000(\S+)(?: --json '(.*)')?\n(.*)$/gm
  return [...README.matchAll(pattern)].map(([, options = '', path = '', json, answer = '']) => ({
    method: /-X (\w+)/.exec(options)?.[1] ?? (json ? 'POST' : 'GET'),
    path,
    body: json === undefined ? undefined : JSON.parse(json),
    answer: JSON.parse(answer)
  }))
}

/** JSON without what differs from run to run. */
function comparable(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (key, value) => (['sessionId', 'timestamp'].includes(key) ? key : value))
}

describe('the README', () => {
  it('shows what the shop answers', async () => {
    const steps = transcript()
    assert.ok(steps.length >= 8)
    const folder = mkdtempSync(join(tmpdir(), 'sessile-readme-'))
    const port = String(await freePort())
    const { STORE_URL, DATABASE_URL, SESSION_SECRET, NODE_ENV, HOST, METRICS_PORT, ...env } = process.env
    const options = { cwd: ROOT, env: { ...env, PORT: port, DATA_DIR: folder } }
    await withProcess(['apps/shop/src/main.ts'], options, /Shop ready at/, async () => {
      const curl = browser(`http://127.0.0.1:${port}`)
      for (const { method, path, body, answer } of steps) {
        const { json } = await curl.send(method, path, body, { accept: '*/*' })
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
