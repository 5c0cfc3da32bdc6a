import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { FirstAdmin } from '../../src/accounts/first-admin.ts'
import { ADMIN, type Client, PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

const server = await serverFor('accounts on PostgreSQL', 'postgres')

if (server) {
  describe('accounts on PostgreSQL', () => {
    let shops: TestShop[]
    let admin: Client
    before(async () => {
      shops = [await startShop({ DATABASE_URL: server.url, STORE_URL: server.url })]
      const SESSION_SECRET = shops[0]!.config.secrets.join(',')
      shops.push(await startShop({ DATABASE_URL: server.url, STORE_URL: server.url, SESSION_SECRET }))
      admin = await shops[0]!.signedIn(ADMIN)
    })
    after(() => Promise.all(shops.map((shop) => shop.close())))

    it('one of several has an email that all change to at once', async () => {
      const users = await Promise.all([0, 1, 0, 1].map((i) => registered(shops[i]!)))
      const answers = await Promise.all(
        users.map(({ client }) => client.post('/account/email', { email: 'wanted@example.com', currentPassword: PASSWORD }))
      )
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409])
    })

    it('a sign-in from a new device is told on another process, and disowned there', async () => {
      const { client, username } = await registered(shops[0]!)
      const stranger = shops[1]!.client()
      await stranger.post('/login', { username, password: PASSWORD })
      const [{ deviceId }] = (await client.get('/account/notices')).json.newDevices
      assert.equal((await client.post(`/account/devices/${deviceId}/disown`)).json.revoked, 1)
      assert.equal((await stranger.get('/profile')).status, 401)
      assert.equal((await stranger.post('/login', { username, password: PASSWORD })).status, 401)
      const next = { currentPassword: PASSWORD, newPassword: 'violet elephants dance' }
      assert.equal((await client.post('/account/password', next)).status, 200)
      assert.equal((await client.post(`/account/devices/999999999/confirm`)).status, 404)
    })

    it('users are listed, closed and opened; the audit log is found through any process', async () => {
      const { client, username, id } = await registered(shops[1]!)
      const { users } = (await admin.get(`/admin/users?search=${username.toUpperCase()}&limit=1`)).json
      assert.deepEqual([users[0].id, users[0].activeSessions, users[0].disabledAt], [id, 1, null])
      assert.equal((await admin.post(`/admin/users/${id}/disable`)).json.revoked, 1)
      assert.equal((await client.get('/profile')).status, 401)
      assert.equal((await admin.post(`/admin/users/${id}/enable`)).status, 200)
      const { events } = (await admin.get(`/admin/audit?userId=${id}&event=admin&text=USER-&from=2020-01-01`)).json
      assert.deepEqual(
        events.map(({ event }: any) => event),
        ['admin.user-enabled', 'admin.user-disabled']
      )
    })

    it('a deleted account leaves its orders', async () => {
      const { client, id } = await registered(shops[0]!)
      await client.post('/cart/add', { productId: 2 })
      const { order } = (await client.post('/checkout')).json
      assert.equal((await client.send('DELETE', '/account', { currentPassword: PASSWORD })).status, 200)
      const row = await shops[0]!.db.selectFrom('orders').select('userId').where('id', '=', order.id).executeTakeFirstOrThrow()
      assert.deepEqual([row.userId, await shops[0]!.sessions.of(id)], [null, []])
    })

    it('of administrators who demote each other at once one is left; of secrets offered at once, one', async () => {
      const ids = await Promise.all([0, 1, 0].map(async (i) => (await registered(shops[i]!)).id))
      for (const id of ids) await admin.post(`/admin/users/${id}/promote`)
      const all = [1, ...ids]
      const rows = () => shops[0]!.db.selectFrom('users').select('id').where('role', '=', 'admin').execute()
      assert.equal((await rows()).length, all.length)
      const copies = all.map(() => admin.copy())
      await Promise.all(all.map((id, i) => copies[i]!.post(`/admin/users/${id}/demote`)))
      assert.ok((await rows()).length >= 1)
      await shops[0]!.db.updateTable('users').set({ role: 'user' }).execute()
      const offers = await Promise.all([0, 1, 0, 1].map((i) => new FirstAdmin(shops[i]!.db).offer()))
      const secret = offers.filter(Boolean)
      assert.equal(secret.length, 1)
      const won = await Promise.all(ids.map((id, i) => new FirstAdmin(shops[i % 2]!.db).appoint(id, secret[0]!)))
      assert.equal(won.filter(Boolean).length, 1)
    })
  })
}
