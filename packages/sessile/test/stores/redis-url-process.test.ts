import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { serverFor } from '@sessile/test-servers'
import { freshPrefix } from './redis-harness.ts'
import { withTls } from './redis-tls.ts'
import { isSelected } from './selected.ts'

const backend = new URL('../../src/stores/redis/backend.ts', import.meta.url).href

/** What a process prints that uses a store over a connection of its own, and ends by itself. */
async function run(url: string, code: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const program = `
    import { redisStore } from '${backend}'
    import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => next(name === 'redis' ? process.env.DRIVER ?? name : name, context) })
    const store = redisStore({ url: '${url}', prefix: '${freshPrefix()}' })
    await store.create('one', { data: '{}', expiresAt: Date.now() + 60000 })
    ${code}`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env }, timeout: 20_000 })
  return stdout
}

const SCAN = `console.log((await store.read('one')).data, (await store.scan(undefined, 10)).records.length)`

const server = isSelected('redis') ? await serverFor('redis by URL, a process', 'redis') : undefined
if (server) {
  for (const DRIVER of ['redis', 'no-such-package']) {
    test(`an idle connection keeps no process alive, an awaited answer does: ${DRIVER === 'redis' ? 'node-redis' : 'ioredis'}`, async () => {
      assert.equal(await run(server.url, SCAN, { DRIVER }), '{} 1\n')
      assert.equal(await run(server.url, `await store.close(); console.log('closed')`, { DRIVER }), 'closed\n')
    })
  }

  test('nor does one that listens to removals', async () => {
    assert.equal(await run(server.url, `store.watchRemoved(() => {}); await store.ping(); ${SCAN}`), '{} 1\n')
  })
}

test('rediss: speaks TLS, and trusts only who is to be trusted', { skip: !isSelected('redis') || server === undefined }, async (t) => {
  const secure = await withTls()
  if (!secure) return t.skip('redis-server without TLS')
  assert.equal(await run(secure.url, SCAN, { NODE_EXTRA_CA_CERTS: secure.ca }), '{} 1\n')
  await assert.rejects(run(secure.url, SCAN), /self-signed certificate/)
  await assert.rejects(run(secure.plain, SCAN), 'a port for TLS does not speak without')
})
