import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { ADMIN, BROWSER_ACCEPT, type Client, PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

// Sections B4 and B5 of the checklist (docs/security.md), as far as accounts are concerned: the numbers are its items.

let shop: TestShop
let admin: Client
before(async () => {
  shop = await startShop()
  admin = await shop.signedIn(ADMIN)
})
after(() => shop.close())

/** Somebody signed in twice. */
async function somebody() {
  const user = await registered(shop)
  const other = shop.client()
  assert.equal((await other.post('/login', { username: user.username, password: PASSWORD })).status, 200)
  return { ...user, other, clients: [user.client, other] }
}

async function statuses(clients: readonly Client[], path = '/profile'): Promise<number[]> {
  return Promise.all(clients.map(async (client) => (await client.get(path)).status))
}

/** Runs with the clock set forward: everything in this process goes by it. */
async function later<T>(minutes: number, work: () => Promise<T>): Promise<T> {
  mock.timers.enable({ apis: ['Date'], now: Date.now() + minutes * 60_000 })
  try {
    return await work()
  } finally {
    mock.timers.reset()
  }
}

const STALE = { error: 'Please sign in again', code: 'reauthentication-required' }

describe('item 46: disabling, deleting or demoting an account ends all its sessions at once', () => {
  it('disabling: and nobody signs in until it is enabled again', async () => {
    const { id, username, clients, client } = await somebody()
    const { status, json } = await admin.post(`/admin/users/${id}/disable`)
    assert.deepEqual([status, json], [200, { message: 'User disabled', revoked: 2 }])
    assert.deepEqual(await statuses(clients), [401, 401])
    const refused = await shop.client().post('/login', { username, password: PASSWORD })
    // Not told apart from a wrong password, whoever asks.
    assert.deepEqual([refused.status, refused.json.error], [401, 'Invalid credentials'])
    assert.equal((await client.post('/login', { username, password: PASSWORD })).status, 401)
    assert.deepEqual((await admin.post(`/admin/users/${id}/enable`)).json, { message: 'User enabled' })
    assert.equal((await client.post('/login', { username, password: PASSWORD })).status, 200)
  })

  it('disabling: of those who sign in at the same moment nobody stays in', async () => {
    const { id, username } = await registered(shop)
    const clients = Array.from({ length: 8 }, () => shop.client())
    await Promise.all([
      ...clients.map((client) => client.post('/login', { username, password: PASSWORD })),
      admin.post(`/admin/users/${id}/disable`)
    ])
    assert.deepEqual(new Set(await statuses(clients)), new Set([401]))
    assert.equal((await shop.sessions.of(id)).length, 0)
  })

  it('what is left of a session, should the store have failed meanwhile, is of no use', async () => {
    const { id, clients } = await somebody()
    await shop.db.updateTable('users').set({ disabledAt: Date.now() }).where('id', '=', id).execute()
    assert.deepEqual(await statuses(clients), [401, 401])
    assert.deepEqual(await statuses(clients, '/orders'), [401, 401])
  })

  it('deleting: by its owner, with the current password; its name and email are free again, its orders nobody’s', async () => {
    const { client, other, clients, id, username, email } = await somebody()
    await client.post('/cart/add', { productId: 3 })
    const { order } = (await client.post('/checkout')).json
    const wrong = await client.send('DELETE', '/account', { currentPassword: 'not the password at all' })
    assert.deepEqual([wrong.status, wrong.json.error], [401, 'Invalid credentials'])
    assert.equal((await client.send('DELETE', '/account')).json.details[0].path, 'currentPassword')
    assert.deepEqual(await statuses(clients), [200, 200])

    const { status, json, headers } = await client.send('DELETE', '/account', { currentPassword: PASSWORD })
    assert.deepEqual([status, json], [200, { message: 'Account deleted' }])
    assert.match(headers.get('clear-site-data')!, /cache/)
    assert.equal(client.cookies.has('sessionId'), false)
    assert.deepEqual(await statuses([client, other]), [401, 401])
    assert.equal((await shop.client().post('/login', { username, password: PASSWORD })).status, 401)
    const row = await shop.db.selectFrom('orders').select('userId').where('id', '=', order.id).executeTakeFirstOrThrow()
    assert.equal(row.userId, null)
    for (const table of ['users', 'carts', 'cartLines', 'devices'] as const) {
      const column = table === 'users' ? 'id' : 'userId'
      const left = await shop.db
        .selectFrom(table)
        .selectAll()
        .where(column as never, '=', id as never)
        .execute()
      assert.deepEqual(left, [], table)
    }
    const again = await shop.client().post('/register', { username, email, password: PASSWORD })
    assert.equal(again.status, 201)
    assert.notEqual(again.json.user.id, id)
  })

  it('demoting: and the next sign-in is an ordinary one', async () => {
    const { id, username, clients, client } = await somebody()
    await admin.post(`/admin/users/${id}/promote`)
    assert.deepEqual(await statuses(clients, '/admin'), [200, 200])
    assert.deepEqual((await admin.post(`/admin/users/${id}/demote`)).json, { message: 'User demoted', revoked: 2 })
    assert.deepEqual(await statuses(clients, '/admin'), [401, 401])
    await client.post('/login', { username, password: PASSWORD })
    assert.equal((await client.get('/admin')).status, 403)
  })

  it('leaves the shop an administrator, whoever is disabled, demoted or deleted at once', async () => {
    await using own = await startShop()
    const first = await own.signedIn(ADMIN)
    for (const [method, path, body] of [
      ['POST', '/admin/users/1/disable', undefined],
      ['POST', '/admin/users/1/demote', undefined],
      ['DELETE', '/account', { currentPassword: ADMIN.password }]
    ] as const) {
      const { status, json } = await first.send(method, path, body)
      assert.deepEqual([status, json], [409, { error: 'Last administrator', code: 'last-administrator' }], path)
    }
    await first.post('/admin/users/2/promote')
    const second = await own.signedIn()
    const answers = await Promise.all([first.post('/admin/users/2/demote'), second.post('/admin/users/1/demote')])
    assert.deepEqual(answers.map(({ status }) => status).filter((status) => status === 200).length, 1)
    const left = await own.db.selectFrom('users').select('id').where('role', '=', 'admin').execute()
    assert.equal(left.length, 1)
  })
})

describe('item 47: a change of the password signs out all other devices', () => {
  it('and leaves the one that changed it in, under a new id', async () => {
    const { client, other } = await somebody()
    const before = client.copy()
    assert.equal((await client.post('/account/password', { currentPassword: PASSWORD, newPassword: 'violet elephants dance' })).status, 200)
    assert.deepEqual(await statuses([client, other, before]), [200, 401, 401])
  })
})

describe('item 48: administrators can end the sessions of a user, and those of everybody', () => {
  it('of one', async () => {
    const [one, other] = [await somebody(), await somebody()]
    const { status, json } = await admin.post(`/admin/users/${one.id}/sign-out`)
    assert.deepEqual([status, json], [200, { message: 'User signed out', revoked: 2 }])
    assert.deepEqual(await statuses([...one.clients, ...other.clients]), [401, 401, 200, 200])
    for (const id of ['0', 'x', '-1', '1e3', '99999999999999', '..%2f1'])
      assert.equal((await admin.post(`/admin/users/${id}/sign-out`)).status, 404)
    assert.equal((await admin.post('/admin/users/9999/disable')).status, 404)
  })

  it('of everybody, but for their own', async () => {
    await using own = await startShop()
    const administrator = await own.signedIn(ADMIN)
    const clients = [await own.signedIn(), await own.signedIn(ADMIN), own.client()]
    await clients[2]!.get('/')
    const { status, json } = await administrator.post('/admin/sessions/revoke-others')
    assert.deepEqual([status, json], [200, { message: 'Other sessions revoked', revoked: 3 }])
    assert.deepEqual(await statuses(clients), [401, 401, 401])
    assert.equal((await clients[2]!.get('/')).json.views, 1)
    assert.equal((await administrator.get('/admin')).json.adminData.activeSessions, 2)
    const { events } = (await administrator.get('/admin/audit?event=admin.everybody-signed-out')).json
    assert.deepEqual([events.length, events[0].userId, events[0].details], [1, 1, { revoked: 3 }])
  })
})

describe('item 49: users see their sessions and end any or all, after a proof of who they are', () => {
  it('is shown by the list, and asked for when the sign-in is old', async () => {
    const { client, other } = await somebody()
    const { sessions } = (await client.get('/account/sessions')).json
    assert.equal(sessions.length, 2)
    for (const one of sessions) for (const time of [one.createdAt, one.lastActivity]) assert.ok(Date.parse(time) <= Date.now())
    const { sessionId } = sessions.find((one: any) => !one.current)
    await later(16, async () => {
      assert.deepEqual((await client.delete(`/account/sessions/${sessionId}`)).json, STALE)
      assert.equal((await other.get('/profile')).status, 200)
      await client.post('/account/reauthenticate', { password: PASSWORD })
      assert.equal((await client.delete(`/account/sessions/${sessionId}`)).status, 200)
    })
    assert.equal((await other.get('/profile')).status, 401)
  })
})

describe('item 50: no list and no page shows what would work as a cookie', () => {
  it('in JSON and HTML', async () => {
    const { client, other } = await somebody()
    const ids = [client, other, admin].map((one) => decodeURIComponent(one.cookies.get('sessionId')!).slice(2))
    const paths = ['/account/sessions', '/account/activity', '/account/notices', '/profile', '/session-info', '/account']
    const adminPaths = ['/admin', '/admin/sessions', '/admin/users', '/admin/audit', '/admin/dashboard/', '/metrics']
    for (const [who, path] of [...paths.map((path) => [client, path] as const), ...adminPaths.map((path) => [admin, path] as const)]) {
      for (const accept of ['application/json', BROWSER_ACCEPT]) {
        const { status, text } = await who.get(path, { accept })
        assert.equal(status, 200, path)
        for (const id of ids) for (const part of [id, id.split('.')[0]!, id.slice(0, 16)]) assert.ok(!text.includes(part), path)
      }
    }
  })
})

describe("item 51: nobody ends another's session", () => {
  it('by its handle, nor answers for another’s device', async () => {
    const [mine, others] = [await somebody(), await somebody()]
    const { sessionId } = (await others.client.get('/account/sessions')).json.sessions[0]
    const { deviceId } = (await others.client.get('/account/notices')).json.newDevices[0]
    assert.equal((await mine.client.delete(`/account/sessions/${sessionId}`)).status, 404)
    for (const word of ['confirm', 'disown']) {
      const { status, json } = await mine.client.post(`/account/devices/${deviceId}/${word}`)
      assert.deepEqual([status, json.error], [404, 'Device not found'])
    }
    for (const path of [`/admin/users/${others.id}/disable`, `/admin/users/${others.id}/sign-out`]) {
      assert.equal((await mine.client.post(path)).status, 403)
    }
    assert.deepEqual(await statuses(others.clients), [200, 200])
  })
})

describe('item 55: email and password change after a proof of who one is, with the current password', () => {
  it('the email', async () => {
    const { client, username, email } = await somebody()
    const next = `new-${email}`
    await later(16, async () =>
      assert.deepEqual((await client.post('/account/email', { email: next, currentPassword: PASSWORD })).json, STALE)
    )
    const wrong = await client.post('/account/email', { email: next, currentPassword: 'not the password at all' })
    assert.deepEqual([wrong.status, wrong.json], [401, { error: 'Invalid credentials', code: 'invalid-credentials' }])
    for (const [body, path] of [
      [{ email: next }, 'currentPassword'],
      [{ currentPassword: PASSWORD }, 'email'],
      [{ email: 'nobody', currentPassword: PASSWORD }, 'email']
    ] as const) {
      const { status, json } = await client.post('/account/email', body)
      assert.deepEqual([status, json.details[0].path], [400, path])
    }
    const taken = await client.post('/account/email', { email: 'ADMIN@example.com', currentPassword: PASSWORD })
    assert.deepEqual([taken.status, taken.json.error], [409, 'User already exists'])

    const before = client.copy()
    const { status, json } = await client.post('/account/email', { email: next, currentPassword: PASSWORD })
    assert.deepEqual([status, json.message, json.user.email], [200, 'Email changed', next])
    assert.equal((await before.get('/profile')).status, 401)
    assert.equal((await shop.client().post('/login', { username: email, password: PASSWORD })).status, 401)
    assert.equal((await shop.client().post('/login', { username: next, password: PASSWORD })).json.user.username, username)
  })

  it('the same email for two at the same moment: one has it', async () => {
    const users = await Promise.all(Array.from({ length: 4 }, () => registered(shop)))
    const answers = await Promise.all(
      users.map(({ client }, i) =>
        client.post('/account/email', { email: i % 2 ? 'Wanted@example.com' : 'wanted@example.com', currentPassword: PASSWORD })
      )
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409])
  })

  it('the password: with a wrong current one it stays', async () => {
    const { client } = await somebody()
    const wrong = await client.post('/account/password', {
      currentPassword: 'not the password at all',
      newPassword: 'violet elephants dance'
    })
    assert.equal(wrong.status, 401)
    assert.equal((await client.post('/account/reauthenticate', { password: PASSWORD })).status, 200)
  })
})

describe('item 56: what cannot be undone asks for a proof of who one is, and then goes on where one was', () => {
  it('in JSON', async () => {
    const { client, id } = await somebody()
    const root = await shop.signedIn(ADMIN)
    await later(16, async () => {
      for (const answer of [
        await client.send('DELETE', '/account', { currentPassword: PASSWORD }),
        await root.post('/admin/sessions/revoke-others'),
        ...(await Promise.all(
          ['disable', 'enable', 'promote', 'demote', 'sign-out'].map((word) => root.post(`/admin/users/${id}/${word}`))
        ))
      ])
        assert.deepEqual([answer.status, answer.json], [401, STALE])
      assert.equal((await client.get('/profile')).status, 200)
    })
  })

  it('on the pages', async () => {
    const { client } = await somebody()
    await later(16, async () => {
      const asked = await client.form('/account', { _method: 'DELETE', currentPassword: PASSWORD })
      assert.deepEqual([asked.status, asked.headers.get('location')], [303, '/account/confirm?next=%2Faccount%2Fdelete'])
      const confirmed = await client.form('/account/reauthenticate', { password: PASSWORD, next: '/account/delete' })
      assert.deepEqual([confirmed.status, confirmed.headers.get('location')], [303, '/account/delete'])
      const deleted = await client.form('/account', { _method: 'DELETE', currentPassword: PASSWORD })
      assert.deepEqual([deleted.status, deleted.headers.get('location')], [303, '/?signed-out'])
    })
  })
})
