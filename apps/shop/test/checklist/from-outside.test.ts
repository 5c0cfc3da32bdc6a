import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { PASSWORD, startShop } from '../helpers.ts'

const SESSILE = join(import.meta.dirname, '../../../../packages/sessile/bin/sessile.js')

/** What is passed by waiting alone: for the end of the idle time, and for the eight hours. */
const WAITED_FOR = [21, 30, 31]

test('the shop in production: `sessile audit` finds nothing', async () => {
  await using shop = await startShop({
    NODE_ENV: 'production',
    SESSION_SECRET: 'a-secret-that-no-other-test-has-0123456789',
    TRUST_PROXY: 'loopback'
  })
  await shop.client().post('/register', { username: 'auditor', email: 'auditor@example.com', password: PASSWORD })
  const places = {
    login: '/login',
    logout: '/logout',
    protected: '/profile',
    'password-change': '/account/password',
    register: '/register'
  }
  const args = Object.entries(places).flatMap(([name, path]) => [`--${name}`, path])
  const { code, stdout, stderr } = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, SESSILE_PASSWORD: PASSWORD, SESSILE_RETIRED_SECRET: 'an older secret that was taken out' }
    const all = [SESSILE, 'audit', `${shop.url}/`, ...args, '--user', 'auditor', '--behind-proxy', '--json']
    execFile(process.execPath, all, { env }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
  })
  assert.equal(stderr, '')
  const report = JSON.parse(stdout) as { findings: unknown[]; passed: number[]; skipped: { item: number; reason: string }[] }
  assert.deepEqual(report.findings, [])
  assert.equal(code, 0)
  assert.deepEqual(
    report.skipped.map(({ item }) => item),
    WAITED_FOR,
    JSON.stringify(report.skipped)
  )
  assert.ok(report.passed.length >= 36, String(report.passed.length))
})
