import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

/** Somebody with two devices: one of now, one that signed in a second time. */
async function withTwoDevices() {
  const somebody = await registered(shop)
  const other = shop.client({ headers: { 'user-agent': CHROME } })
  await other.post('/login', { username: somebody.username, password: somebody.password })
  const { sessions } = (await somebody.client.get('/account/sessions')).json
  const handles = { own: sessions.find((one: any) => one.current).sessionId, other: sessions.find((one: any) => !one.current).sessionId }
  return { ...somebody, other, sessions, handles }
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

describe('GET /account/sessions', () => {
  it('lists the live ones, with the device in words', async () => {
    const { client, other, sessions } = await withTwoDevices()
    assert.equal(sessions.length, 2)
    const [own] = sessions.filter((one: any) => one.current)
    const [chrome] = sessions.filter((one: any) => !one.current)
    assert.equal(own.device, 'Unknown device')
    assert.equal(chrome.device, 'Chrome on Linux')
    assert.equal(chrome.userAgent, CHROME)
    assert.match(chrome.ip, /127\.0\.0\.1$/)
    for (const time of [chrome.createdAt, chrome.lastActivity]) assert.match(time, /^\d{4}-.*Z$/)
    assert.deepEqual(Object.keys(own).sort(), ['createdAt', 'current', 'device', 'ip', 'lastActivity', 'sessionId', 'userAgent'])
    assert.equal(own.sessionId, (await client.get('/profile')).json.sessionInfo.sessionId)
    await other.post('/logout')
    assert.equal((await client.get('/account/sessions')).json.sessions.length, 1)
  })

  it('shows nothing that works as a cookie', async () => {
    const { client, other } = await withTwoDevices()
    const { text } = await client.get('/account/sessions')
    for (const one of [client, other]) {
      const value = decodeURIComponent(one.cookies.get('sessionId')!)
      assert.ok(!text.includes(value.slice(2, 20)))
    }
    const { sessionId } = JSON.parse(text).sessions[0]
    const thief = shop.client()
    thief.cookies.set('sessionId', sessionId)
    assert.equal((await thief.get('/profile')).status, 401)
  })

  it('is 401 for visitors', async () => {
    for (const { status } of [
      await shop.client().get('/account/sessions'),
      await shop.client().delete('/account/sessions/x'),
      await shop.client().post('/account/sessions/revoke-others'),
      await shop.client().post('/account/password', {}),
      await shop.client().post('/account/reauthenticate', {})
    ])
      assert.equal(status, 401)
  })
})

describe('DELETE /account/sessions/:sessionId', () => {
  it('signs the other device out at once', async () => {
    const { client, other, handles } = await withTwoDevices()
    const { status, json } = await client.delete(`/account/sessions/${handles.other}`)
    assert.equal(status, 200)
    assert.deepEqual(json, { message: 'Session revoked' })
    assert.equal((await other.get('/profile')).status, 401)
    assert.equal((await client.get('/profile')).status, 200)
    assert.equal((await client.delete(`/account/sessions/${handles.other}`)).status, 404)
  })

  it('signs out the one that asks as well', async () => {
    const { client, handles } = await withTwoDevices()
    const before = client.copy()
    assert.equal((await client.delete(`/account/sessions/${handles.own}`)).status, 200)
    assert.equal((await before.get('/profile')).status, 401)
  })

  it("is 404 for somebody else's, a guest's, and what is none", async () => {
    const { client } = await withTwoDevices()
    const mine = await withTwoDevices()
    const guest = shop.client()
    const { sessionId: guests } = (await guest.get('/')).json
    for (const handle of [mine.handles.own, guests, 'nonsense', 'a'.repeat(500), '..%2f', '%00', '__proto__']) {
      const { status, json } = await client.delete(`/account/sessions/${handle}`)
      assert.equal(status, 404, handle)
      assert.deepEqual(json, { error: 'Session not found', code: 'session-not-found' })
    }
    assert.equal((await mine.client.get('/profile')).status, 200)
    assert.equal((await guest.get('/')).json.views, 2)
  })
})

describe('POST /account/sessions/revoke-others', () => {
  it('leaves the one that asks, and says how many it ended', async () => {
    const { client, other } = await withTwoDevices()
    const { status, json } = await client.post('/account/sessions/revoke-others')
    assert.equal(status, 200)
    assert.deepEqual(json, { message: 'Other sessions revoked', revoked: 1 })
    assert.equal((await other.get('/profile')).status, 401)
    assert.equal((await client.get('/profile')).status, 200)
    assert.equal((await client.post('/account/sessions/revoke-others')).json.revoked, 0)
  })
})

describe('what matters', () => {
  it('asks for a sign-in of the last 15 minutes, or a confirmation', async () => {
    const { client, other, handles } = await withTwoDevices()
    await later(16, async () => {
      for (const answer of [
        await client.delete(`/account/sessions/${handles.other}`),
        await client.post('/account/sessions/revoke-others')
      ]) {
        assert.equal(answer.status, 401)
        assert.deepEqual(answer.json, { error: 'Please sign in again', code: 'reauthentication-required' })
      }
      assert.equal((await other.get('/profile')).status, 200)

      const before = client.cookies.get('sessionId')
      const confirmed = await client.post('/account/reauthenticate', { password: PASSWORD })
      assert.equal(confirmed.status, 200)
      assert.deepEqual(confirmed.json, { message: 'Confirmed' })
      assert.notEqual(client.cookies.get('sessionId'), before)
      assert.equal((await client.delete(`/account/sessions/${handles.other}`)).status, 200)
    })
  })
})

describe('POST /account/password', () => {
  it('changes it, ends the other sessions and renews the id', async () => {
    const { client, other, username } = await withTwoDevices()
    const before = client.copy()
    const { status, json } = await client.post('/account/password', { currentPassword: PASSWORD, newPassword: 'violet elephants dance' })
    assert.equal(status, 200)
    assert.deepEqual(json, { message: 'Password changed' })
    assert.equal((await other.get('/profile')).status, 401)
    assert.equal((await before.get('/profile')).status, 401)
    assert.equal((await client.get('/profile')).status, 200)
    assert.equal((await shop.client().post('/login', { username, password: PASSWORD })).status, 401)
    assert.equal((await shop.client().post('/login', { username, password: 'violet elephants dance' })).status, 200)
  })

  it('leaves nobody signed in by the old one, whoever was just signing in', async () => {
    const { client, username, id } = await registered(shop)
    const others = Array.from({ length: 12 }, () => shop.client())
    const [changed, ...logins] = await Promise.all([
      client.post('/account/password', { currentPassword: PASSWORD, newPassword: 'violet elephants dance' }),
      ...others.map((other) => other.post('/login', { username, password: PASSWORD }))
    ])
    assert.equal(changed!.status, 200)
    for (const { status } of logins) assert.ok(status === 200 || status === 401 || status === 429, String(status))
    for (const other of others) assert.equal((await other.get('/profile')).status, 401)
    assert.equal((await shop.sessions.of(id)).length, 1)
  })

  it('is 401 for a wrong current one and 400 for a new one that will not do', async () => {
    const { client, email } = await registered(shop)
    const wrong = await client.post('/account/password', { currentPassword: 'not the password', newPassword: 'violet elephants dance' })
    assert.equal(wrong.status, 401)
    assert.deepEqual(wrong.json, { error: 'Invalid credentials', code: 'invalid-credentials' })
    for (const newPassword of ['short', 'password1234567', email, undefined, 5]) {
      const { status, json } = await client.post('/account/password', { currentPassword: PASSWORD, newPassword })
      assert.equal(status, 400)
      assert.equal(json.details[0].path, 'newPassword')
    }
    assert.equal(
      (await client.post('/account/password', { newPassword: 'violet elephants dance' })).json.details[0].path,
      'currentPassword'
    )
  })
})

describe('lifetimes', () => {
  it('end a sign-in after 30 minutes without a request, and after 8 hours with', async () => {
    const idle = await registered(shop)
    const busy = await registered(shop)
    await later(29, async () => assert.equal((await busy.client.get('/profile')).status, 200))
    await later(31, async () => {
      const { status, json } = await idle.client.get('/profile')
      assert.equal(status, 401)
      assert.match(json.error, /^(Session expired|Authentication required)$/)
      assert.equal((await busy.client.get('/profile')).status, 200)
    })
    for (let minutes = 55; minutes < 480; minutes += 25) {
      await later(minutes, async () => assert.equal((await busy.client.get('/profile')).status, 200, `after ${minutes} minutes`))
    }
    await later(481, async () => assert.equal((await busy.client.get('/profile')).status, 401))
  })

  it("keep a guest's for 7 days", async () => {
    const guest = shop.client()
    await guest.get('/')
    await later(7 * 24 * 60 - 5, async () => assert.equal((await guest.get('/')).json.views, 2))
    await later(15 * 24 * 60, async () => assert.equal((await guest.get('/')).json.views, 1))
  })
})
