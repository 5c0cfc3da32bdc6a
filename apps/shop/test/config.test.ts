import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { ConfigError, isLoopback, readConfig } from '../src/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'shop-config-'))
after(() => rmSync(folder, { recursive: true }))
const read = (env: Record<string, string> = {}) => readConfig({ DATA_DIR: folder, SESSION_SECRET: 's', ...env })

describe('readConfig', () => {
  it('has the defaults of the contract', () => {
    const config = read()
    assert.equal(config.port, 3000)
    assert.equal(config.host, '127.0.0.1')
    assert.equal(config.storeUrl, `sqlite:${folder}/sessions.db`)
    assert.equal(config.databaseUrl, `sqlite:${folder}/shop.db`)
    assert.equal(config.trustProxy, false)
    assert.equal(config.metricsPort, undefined)
    assert.equal(config.production, false)
  })

  it('is frozen, its secrets too', () => {
    const config = read()
    assert.ok(Object.isFrozen(config))
    assert.ok(Object.isFrozen(config.secrets))
  })

  it('takes what is empty as not given', () => {
    assert.equal(read({ PORT: '', STORE_URL: ' ', METRICS_PORT: '' }).port, 3000)
  })

  for (const [name, value] of [
    ['PORT', 'abc'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '1.5'],
    ['METRICS_PORT', '0x10']
  ] as const) {
    it(`refuses ${name}=${value} by name`, () => {
      assert.throws(
        () => read({ [name]: value }),
        (error: Error) => error instanceof ConfigError && error.message.includes(name)
      )
    })
  }

  it('finds the session store by STORE_URL, MONGODB_URI, REDIS_HOST, in that order', () => {
    const redis = { REDIS_HOST: 'cache', REDIS_PORT: '6380', REDIS_PASSWORD: 'p@ss/word' }
    assert.equal(read(redis).storeUrl, 'redis://:p%40ss%2Fword@cache:6380')
    assert.equal(read({ REDIS_HOST: '::1' }).storeUrl, 'redis://[::1]:6379')
    assert.equal(read({ ...redis, MONGODB_URI: 'mongodb://db/sessions' }).storeUrl, 'mongodb://db/sessions')
    assert.equal(read({ ...redis, MONGODB_URI: 'mongodb://db/sessions', STORE_URL: 'memory:' }).storeUrl, 'memory:')
  })

  it('reads TRUST_PROXY as Express does', () => {
    assert.equal(read({ TRUST_PROXY: '1' }).trustProxy, 1)
    assert.equal(read({ TRUST_PROXY: 'true' }).trustProxy, true)
    assert.equal(read({ TRUST_PROXY: 'false' }).trustProxy, false)
    assert.equal(read({ TRUST_PROXY: 'loopback, 10.0.0.1' }).trustProxy, 'loopback, 10.0.0.1')
  })

  it('refuses a TRUST_PROXY that Express would not take, by name', () => {
    for (const value of ['nonsense', '10.0.0', 'loopback,', '10.0.0.1/x', '-1']) {
      assert.throws(() => read({ TRUST_PROXY: value }), /^Error: TRUST_PROXY must be/, value)
    }
    assert.equal(read({ TRUST_PROXY: '10.0.0.0/8,::1' }).trustProxy, '10.0.0.0/8,::1')
  })

  it('warns of a secret that might be guessed, in production', () => {
    assert.equal(read({ NODE_ENV: 'production', SESSION_SECRET: 'keyboard cat' }).warnings.length, 1)
    assert.equal(read({ NODE_ENV: 'production', SESSION_SECRET: 'ab'.repeat(40) }).warnings.length, 1)
    assert.equal(read({ NODE_ENV: 'production', SESSION_SECRET: `${'0123456789abcdef'.repeat(2)},old` }).warnings.length, 0)
    assert.equal(read({ SESSION_SECRET: 'keyboard cat' }).warnings.length, 0)
  })

  it('takes several secrets, the newest first', () => {
    assert.deepEqual(read({ SESSION_SECRET: ' new , old,' }).secrets, ['new', 'old'])
  })

  it('requires a secret in production, and says so', () => {
    assert.throws(() => readConfig({ NODE_ENV: 'production', DATA_DIR: folder }), /SESSION_SECRET is required/)
  })

  it('makes a secret once, for its owner alone', () => {
    const env = { DATA_DIR: join(folder, 'new') }
    const first = readConfig(env).secrets
    assert.deepEqual(readConfig(env).secrets, first)
    assert.ok(first[0]!.length >= 32)
    const file = join(env.DATA_DIR, 'session-secret')
    assert.equal(readFileSync(file, 'utf8').trim(), first[0])
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })
})

describe('isLoopback', () => {
  it('knows this machine', () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) assert.ok(isLoopback(host), host)
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.example.com', 'shop.example']) assert.ok(!isLoopback(host), host)
  })
})
