import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADMIN, type Client, registered, startShop, type TestShop, USER } from '../helpers.ts'

let shop: TestShop
// Behind a proxy, so that a test can come from any address it likes.
before(async () => {
  shop = await startShop({ TRUST_PROXY: 'loopback' })
})
after(() => shop.close())

const from = (address: string): Client => shop.client({ headers: { 'x-forwarded-for': address } })
const TOO_MANY = { error: 'Too many login attempts, please try again later', code: 'too-many-login-attempts' }

describe('guessing passwords', () => {
  it('is refused after 5 failures, a right password too; from elsewhere it is let in, and that clears the count', async () => {
    const { username, email, password } = await registered(shop)
    for (let i = 0; i < 5; i++) {
      const { status } = await from('10.0.0.1').post('/login', { username: i % 2 ? username : email.toUpperCase(), password: 'wrong' })
      assert.equal(status, 401)
    }
    const refused = await from('10.0.0.1').post('/login', { username, password })
    assert.equal(refused.status, 429)
    assert.deepEqual(refused.json, TOO_MANY)
    const seconds = Number(refused.headers.get('retry-after'))
    assert.ok(seconds > 0 && seconds <= 900, String(seconds))
    assert.ok(refused.headers.get('ratelimit'))
    assert.equal(refused.headers.getSetCookie().length, 0)

    const before = from('10.0.0.2')
    assert.equal((await before.post('/login', { username, password })).status, 200)
  })

  it('counts again from nought after a success', async () => {
    const { username, password } = await registered(shop)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) assert.equal((await from('10.0.1.1').post('/login', { username, password: 'wrong' })).status, 401)
      assert.equal((await from('10.0.1.1').post('/login', { username, password })).status, 200)
    }
  })

  it('is limited alike for a name that nobody has', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 7; i++) {
      statuses.push((await from('10.0.2.1').post('/login', { username: i % 2 ? 'Nobody' : 'nobody', password: 'wrong' })).status)
    }
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429])
  })

  it('is tried no more than 5 times when sent at once', async () => {
    const { username } = await registered(shop)
    const answers = await Promise.all(Array.from({ length: 30 }, () => from('10.0.3.1').post('/login', { username, password: 'wrong' })))
    assert.equal(answers.filter(({ status }) => status === 401).length, 5)
    assert.equal(answers.filter(({ status }) => status === 429).length, 25)
  })

  it('is refused after 100 failures from one address, whatever the account', async () => {
    for (let i = 0; i < 100; i++) {
      assert.equal((await from('10.0.4.1').post('/login', { username: `nobody-${i}`, password: 'wrong' })).status, 401)
    }
    assert.equal((await from('10.0.4.1').post('/login', USER)).status, 429)
    assert.equal((await from('10.0.4.2').post('/login', USER)).status, 200)
  })

  it('of one account from everywhere is refused after 100 in a row, but not its own devices', async () => {
    const { client: device, username, password } = await registered(shop)
    await device.post('/logout')
    for (let i = 0; i < 100; i++) {
      assert.equal((await from(`10.1.${i}.1`).post('/login', { username, password: 'wrong' })).status, 401)
    }
    const stranger = await from('10.2.0.1').post('/login', { username, password })
    assert.equal(stranger.status, 429)
    assert.equal((await device.post('/login', { username, password })).status, 200)
    assert.equal((await from('10.2.0.1').post('/login', { username, password })).status, 200)
  })

  it('counts a wrong password at the confirmation and at the change of the password too', async () => {
    const client = from('10.3.0.1')
    await client.post('/login', ADMIN)
    for (const [path, body] of [
      ['/account/reauthenticate', { password: 'wrong' }],
      ['/account/password', { currentPassword: 'wrong', newPassword: 'violet elephants dance' }]
    ] as const) {
      const { status, json } = await client.post(path, body)
      assert.equal(status, 401)
      assert.equal(json.error, 'Invalid credentials')
    }
    for (let i = 0; i < 3; i++) await client.post('/account/reauthenticate', { password: 'wrong' })
    const refused = await client.post('/account/reauthenticate', { password: ADMIN.password })
    assert.equal(refused.status, 429)
    assert.deepEqual(refused.json, TOO_MANY)
    assert.equal((await from('10.3.0.1').post('/login', ADMIN)).status, 429)
  })
})
