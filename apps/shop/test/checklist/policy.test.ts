import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AUDIT_EVENTS } from '../../src/audit-events.ts'
import { policyPage, shopPolicy } from '../../src/policy.ts'
import { PASSWORD, startShop } from '../helpers.ts'

test('item 107: docs/shop-policy.md is what the shop runs with', () => {
  const kept = readFileSync(join(import.meta.dirname, '../../../../docs/shop-policy.md'), 'utf8')
  assert.equal(kept, policyPage(), 'it is stale: npm run policy -w apps/shop')
  for (const event of Object.keys(AUDIT_EVENTS)) assert.ok(kept.includes(`\`${event}\``), event)
})

test('item 107: the running shop keeps to it', async () => {
  await using shop = await startShop({
    NODE_ENV: 'production',
    SESSION_SECRET: 'a-secret-that-no-other-test-has-0123456789',
    TRUST_PROXY: 'true'
  })
  const said = shopPolicy(shop.config)
  const client = () => shop.client({ headers: { 'x-forwarded-proto': 'https' } })
  const visitor = client()
  const set = (await visitor.post('/register', { username: 'policy', email: 'policy@example.com', password: PASSWORD })).headers
    .getSetCookie()
    .find((line) => line.startsWith(`${said.cookie.name}=`))!
  assert.match(set, new RegExp(`; Path=${said.cookie.path}(;|$)`))
  assert.match(set, /; HttpOnly/)
  assert.match(set, /; Secure/)
  assert.deepEqual([said.cookie.httpOnly, said.cookie.secure, said.cookie.domain], [true, true, null])
  assert.match(set, new RegExp(`; SameSite=${said.cookie.sameSite}`, 'i'))
  const lives = Date.parse(/; Expires=([^;]+)/.exec(set)![1]!) - Date.now()
  assert.ok(Math.abs(lives - said.timeouts.signedIn.idleMs!) < 3000, String(lives))
  const session = (await shop.sessions.scan()).sessions.find(({ userId }) => userId !== undefined)!
  assert.ok(Math.abs(session.absoluteExpiresAt! - Date.now() - said.timeouts.signedIn.absoluteMs!) < 3000)
  assert.equal(said.concurrency.maxSessionsPerUser, null)
  const { points } = said.throttling.signIn!.pair
  const statuses: number[] = []
  for (let n = 0; n <= points; n++) {
    statuses.push((await client().post('/login', { username: 'policy', password: 'a wrong one of this length' })).status)
  }
  assert.deepEqual(statuses, [...Array.from({ length: points }, () => 401), 429])
  const stored = await shop.db.selectFrom('users').select('passwordHash').where('username', '=', 'policy').executeTakeFirstOrThrow()
  const [, memory, time, lanes] = /m=(\d+),t=(\d+),p=(\d+)/.exec(stored.passwordHash)!
  const passwords = said.cryptography.find(({ purpose }) => purpose === 'Passwords')!
  assert.ok(passwords.algorithm.startsWith(`Argon2id, m=${memory} KiB, t=${time}, p=${lanes};`))
})
