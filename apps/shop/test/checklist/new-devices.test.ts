import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { ADMIN, BROWSER_ACCEPT, type Client, PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const NEXT = 'violet elephants dance'
const device = () => shop.client({ headers: { 'user-agent': FIREFOX } })
const page = async (client: Client, path = '/') => (await client.get(path, { accept: BROWSER_ACCEPT })).text
const noticesOf = async (client: Client) => (await client.get('/account/notices')).json.newDevices

/** Somebody, and a device that knows the password and that the account does not know. */
async function withStranger() {
  const somebody = await registered(shop)
  const stranger = device()
  assert.equal((await stranger.post('/login', { username: somebody.username, password: PASSWORD })).status, 200)
  return { ...somebody, stranger }
}

describe('a sign-in from a device that the account did not know', () => {
  it('is told on every page of the other devices, with what it was, until it is answered', async () => {
    const { client, stranger } = await withStranger()
    const [notice] = await noticesOf(client)
    assert.deepEqual(
      { ...notice, deviceId: 0, time: '' },
      { deviceId: 0, device: 'Firefox on Linux', ip: '127.0.0.1', time: '', current: false }
    )
    for (const path of ['/', '/cart', '/account']) {
      const text = await page(client, path)
      assert.match(text, /a device that it did not know: Firefox on Linux, 127\.0\.0\.1/, path)
      assert.match(text, />It was me</)
      assert.match(text, />It wasn&#39;t me</)
    }
    const { status, json } = await client.post(`/account/devices/${notice.deviceId}/confirm`)
    assert.deepEqual([status, json], [200, { message: 'Thank you' }])
    assert.deepEqual(await noticesOf(client), [])
    assert.doesNotMatch(await page(client), /did not know/)
    assert.equal((await stranger.get('/profile')).status, 200)
  })

  it('is told on the page after it too; there it can be put away, but not answered', async () => {
    const { client, stranger } = await withStranger()
    assert.match(await page(stranger), /Your account did not know this device until now/)
    const [notice] = await noticesOf(stranger)
    assert.equal(notice.current, true)
    const put = await stranger.form(`/account/devices/${notice.deviceId}/confirm`, { from: '/cart' })
    assert.deepEqual([put.status, put.headers.get('location')], [303, '/cart'])
    assert.doesNotMatch(await page(stranger), /did not know/)
    assert.equal((await noticesOf(client)).length, 1)
  })

  it('lets no new device answer, for itself or for another one: whoever came by a password puts nobody out', async () => {
    const { client, stranger, username } = await withStranger()
    const accomplice = device()
    await accomplice.post('/login', { username, password: PASSWORD })
    const [second, first] = await noticesOf(client)
    const text = await page(stranger)
    assert.match(text, />All right</)
    assert.doesNotMatch(text, />It was/)
    const refusals: [string, string, string][] = [
      [`${first.deviceId}/disown`, 'Another device required', 'another-device-required'],
      [`${second.deviceId}/disown`, 'Known device required', 'known-device-required'],
      [`${second.deviceId}/confirm`, 'Known device required', 'known-device-required']
    ]
    for (const again of [false, true]) {
      for (const [path, error, code] of refusals) {
        const { status, json } = await stranger.post(`/account/devices/${path}`)
        assert.deepEqual([status, json], [403, { error, code }], path)
        const shown = await stranger.form(`/account/devices/${path}`, { from: '/' })
        assert.equal(shown.status, 403, path)
        assert.match(shown.text, new RegExp(error))
      }
      // That it put its own notice away makes it no better known.
      if (!again) await stranger.post(`/account/devices/${first.deviceId}/confirm`)
    }
    const told = await page(stranger)
    assert.match(told, /a device that it did not know.*say so on a device that your account knew before/)
    assert.doesNotMatch(told, />It was/)
    assert.equal((await noticesOf(client)).length, 2)
    for (const one of [client, stranger, accomplice]) assert.equal((await one.get('/profile')).status, 200)
    // The owner can, and the device that he vouched for can from then on, though nobody can for the device he sits at.
    await client.post(`/account/devices/${first.deviceId}/confirm`)
    assert.equal((await stranger.post(`/account/devices/${first.deviceId}/disown`)).json.error, 'Another device required')
    assert.equal((await stranger.post(`/account/devices/${second.deviceId}/disown`)).json.revoked, 2)
  })

  it('is none for a device that signs in again, nor for the very first', async () => {
    const { client, username } = await registered(shop)
    assert.deepEqual(await noticesOf(client), [])
    await client.post('/logout')
    assert.equal((await client.post('/login', { username, password: PASSWORD })).status, 200)
    assert.deepEqual(await noticesOf(client), [])
    assert.doesNotMatch(await page(client), /did not know/)
  })

  it('is not told to others, nor of a wrong password', async () => {
    const [one, other] = [await registered(shop), await registered(shop)]
    await device().post('/login', { username: one.username, password: 'not the password at all' })
    assert.deepEqual(await noticesOf(one.client), [])
    await device().post('/login', { username: one.username, password: PASSWORD })
    assert.deepEqual(await noticesOf(other.client), [])
    assert.deepEqual(
      [(await shop.client().get('/account/notices')).status, await page(shop.client()).then((text) => /did not know/.test(text))],
      [401, false]
    )
  })

  it('is not told any more after 30 days', async () => {
    const { username } = await withStranger()
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 31 * 86_400_000 })
    try {
      const late = device()
      await late.post('/login', { username, password: PASSWORD })
      assert.deepEqual(
        (await noticesOf(late)).map((one: any) => one.current),
        [true]
      )
    } finally {
      mock.timers.reset()
    }
  })
})

describe('"it wasn’t me"', () => {
  it('ends all other sessions, gives this one a new id, and asks for a new password', async () => {
    const { client, stranger, username } = await withStranger()
    const third = device()
    await third.post('/login', { username, password: PASSWORD })
    const before = client.copy()
    const notice = (await noticesOf(client)).at(-1)
    const { status, json } = await client.post(`/account/devices/${notice.deviceId}/disown`)
    assert.deepEqual([status, json], [200, { message: 'Everybody else is signed out. Choose a new password now', revoked: 2 }])
    for (const one of [stranger, third, before]) assert.equal((await one.get('/profile')).status, 401)

    for (const [method, path] of [
      ['GET', '/profile'],
      ['GET', '/cart'],
      ['POST', '/checkout'],
      ['POST', '/account/email'],
      ['GET', '/account/sessions']
    ] as const) {
      const refused = await client.send(method, path)
      assert.deepEqual([refused.status, refused.json], [403, { error: 'Password change required', code: 'password-change-required' }], path)
    }
    const led = await client.get('/account', { accept: BROWSER_ACCEPT })
    assert.deepEqual([led.status, led.headers.get('location')], [303, '/account/new-password'])
    assert.match(await page(client, '/account/new-password'), /Choose a new password/)

    const same = await client.form('/account/new-password', { currentPassword: PASSWORD, newPassword: PASSWORD })
    assert.equal(same.status, 400)
    assert.match(same.text, /Must be another one than before/)
    const changed = await client.form('/account/new-password', { currentPassword: PASSWORD, newPassword: NEXT })
    assert.deepEqual([changed.status, changed.headers.get('location')], [303, '/account'])
    assert.equal((await client.get('/profile')).status, 200)
    assert.equal((await stranger.post('/login', { username, password: PASSWORD })).status, 401)
    assert.equal((await device().post('/login', { username, password: NEXT })).status, 200)
  })

  it('leaves whoever knows the old password nothing: it signs in from known devices alone, and to change it', async () => {
    const { client, stranger, username } = await withStranger()
    const [notice] = await noticesOf(client)
    await client.post(`/account/devices/${notice.deviceId}/disown`)
    for (const one of [stranger, device()]) {
      const { status, json } = await one.post('/login', { username, password: PASSWORD })
      assert.deepEqual([status, json], [401, { error: 'Invalid credentials', code: 'invalid-credentials' }])
    }
    // The owner's own device, signed out or restarted meanwhile.
    await client.post('/logout')
    assert.equal((await client.post('/login', { username, password: PASSWORD })).status, 200)
    assert.equal((await client.get('/profile')).status, 403)
    assert.equal((await client.post('/account/password', { currentPassword: PASSWORD, newPassword: NEXT })).status, 200)
    assert.equal((await client.get('/profile')).status, 200)
  })

  it('lets an administrator help an owner who has no known device left', async () => {
    const { client, id, username } = await withStranger()
    const [notice] = await noticesOf(client)
    await client.post(`/account/devices/${notice.deviceId}/disown`)
    const admin = await shop.signedIn(ADMIN)
    const { users } = (await admin.get(`/admin/users?search=${username}`)).json
    assert.deepEqual([users.length, users[0].passwordDue], [1, true])
    await admin.post(`/admin/users/${id}/enable`)
    const elsewhere = device()
    assert.equal((await elsewhere.post('/login', { username, password: PASSWORD })).status, 200)
    assert.equal((await elsewhere.get('/profile')).status, 403)
    assert.equal((await elsewhere.post('/account/new-password', { currentPassword: PASSWORD, newPassword: NEXT })).status, 200)
    assert.equal((await elsewhere.get('/profile')).status, 200)
  })

  it('ends who signs in at the same moment', async () => {
    const { client, username, id } = await withStranger()
    const [notice] = await noticesOf(client)
    const others = Array.from({ length: 4 }, device)
    const [disowned] = await Promise.all([
      client.post(`/account/devices/${notice.deviceId}/disown`),
      ...others.map((one) => one.post('/login', { username, password: PASSWORD }))
    ])
    assert.equal(disowned!.status, 200)
    for (const one of others) assert.equal((await one.get('/account/sessions')).status, 401)
    assert.equal((await shop.sessions.of(id)).length, 1)
  })
})

describe('GET /account/activity', () => {
  it('shows what happened to one’s own account, and nothing of others', async () => {
    const { client, stranger, username } = await withStranger()
    await device().post('/login', { username, password: 'not the password at all' })
    await stranger.post('/logout')
    const { events } = (await client.get('/account/activity')).json
    assert.deepEqual(
      events.map(({ event }: any) => event),
      ['logout', 'login.failed', 'device.new', 'login.succeeded', 'account.registered']
    )
    assert.equal(events[0].device, 'Firefox on Linux')
    assert.match(await page(client, '/account/activity'), /A user signed in from a device that the account did not know/)
    const paged: any[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const answer: any = (await client.get(`/account/activity?limit=2${cursor && `&cursor=${cursor}`}`)).json
      paged.push(...answer.events)
      cursor = answer.nextCursor
    }
    assert.deepEqual(paged, events)
  })
})
