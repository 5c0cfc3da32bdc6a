import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { serverFor, type ServerKind } from '@sessile/test-servers'
import { ADMIN, registered, startShop, type TestShop } from './helpers.ts'

/** The servers that sessions may be kept in. */
const KINDS: readonly ServerKind[] = ['postgres', 'mongo', 'redis', 'redis-cluster']

for (const kind of KINDS) {
  const server = await serverFor(`sessions in ${kind}`, kind)
  if (!server) continue

  const url = kind === 'redis-cluster' ? `redis+cluster://${server.urls.map((one) => new URL(one).host).join(',')}` : server.url

  describe(`sessions in ${kind}`, () => {
    let shops: TestShop[]
    before(async () => {
      const first = await startShop({ STORE_URL: url })
      // A second process's view: the same stores, the same secret.
      const second = await startShop({
        STORE_URL: url,
        DATABASE_URL: first.config.databaseUrl,
        SESSION_SECRET: first.config.secrets.join(',')
      })
      shops = [first, second]
    })
    after(async () => {
      for (const shop of shops.reverse()) await shop.close()
    })

    it('lose no view of 50 at once, through two processes', async () => {
      const client = shops[0]!.client()
      await client.get('/')
      const elsewhere = shops[1]!.client()
      elsewhere.cookies.set('sessionId', client.cookies.get('sessionId')!)
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? client : elsewhere).copy().get('/')))
      assert.deepEqual(
        answers.map(({ json }) => json.views).sort((a, b) => a - b),
        Array.from({ length: 50 }, (_, i) => i + 2)
      )
    })

    it('end at once everywhere: by signing out, by another device, by the admin', async () => {
      const { client, username, password, id } = await registered(shops[0]!)
      const [second, third] = [shops[1]!.client(), shops[1]!.client()]
      for (const one of [second, third]) assert.equal((await one.post('/login', { username, password })).status, 200)
      const { sessions } = (await client.get('/account/sessions')).json
      assert.equal(sessions.length, 3)
      assert.equal((await client.post('/account/sessions/revoke-others')).json.revoked, 2)
      for (const one of [second, third]) assert.equal((await one.get('/profile')).status, 401)

      const admin = await shops[1]!.signedIn(ADMIN)
      const { activeSessions } = (await admin.get('/admin/sessions')).json
      assert.ok(activeSessions >= 2)
      const [row] = (await admin.get(`/admin/sessions?userId=${id}`)).json.sessions
      assert.equal((await admin.delete(`/admin/sessions/${row.sessionId}`)).status, 200)
      assert.equal((await client.get('/profile')).status, 401)

      const before = admin.copy()
      const writes = Array.from({ length: 20 }, () => before.copy().get('/'))
      await Promise.all([admin.post('/logout'), ...writes])
      assert.equal((await before.get('/profile')).status, 401)
    })

    it('count failures of all processes together', async () => {
      const { username } = await registered(shops[0]!)
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => shops[i % 2]!.client().post('/login', { username, password: 'wrong' }))
      )
      assert.equal(answers.filter(({ status }) => status === 401).length, 5)
      assert.equal(answers.filter(({ status }) => status === 429).length, 15)
    })

    it('are a 503 while the store is away, cost nobody the cookie, and are back with it', async (t) => {
      if (!server.controllable) return t.skip('the server is not ours to kill')
      const { client } = await registered(shops[0]!)
      const cookie = client.cookies.get('sessionId')
      await server.kill()
      for (const path of ['/profile', '/']) {
        const { status, json, headers } = await client.get(path)
        assert.deepEqual([status, json.code], [503, 'service-unavailable'], path)
        assert.equal(headers.getSetCookie().length, 0)
      }
      const ready = await client.get('/readyz')
      assert.deepEqual([ready.status, ready.json.details[0].store], [503, 'sessions'])
      assert.equal((await client.get('/healthz')).status, 200)
      await server.restart()
      while ((await client.get('/readyz')).status !== 200) await wait(20)
      assert.equal(client.cookies.get('sessionId'), cookie)
      assert.equal((await client.get('/profile')).status, 200)
    })
  })
}
