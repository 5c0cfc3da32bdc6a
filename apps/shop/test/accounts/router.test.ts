import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADMIN, PASSWORD, registered, startShop, type TestShop, USER } from '../helpers.ts'

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

describe('POST /register', () => {
  it('signs in under a new id and keeps what the visitor had', async () => {
    const client = shop.client()
    await client.get('/')
    await client.get('/')
    const before = client.cookies.get('sessionId')!
    const { status, json } = await client.post('/register', { username: 'Ann.One', email: 'Ann@Example.com', password: PASSWORD })
    assert.equal(status, 201)
    const { id, ...user } = json.user
    assert.deepEqual(
      { ...json, user },
      {
        message: 'Registration successful',
        user: { username: 'Ann.One', email: 'Ann@Example.com', role: 'user' }
      }
    )
    assert.equal(typeof id, 'number')
    assert.notEqual(client.cookies.get('sessionId'), before)
    assert.equal((await client.get('/')).json.views, 3)
    assert.equal((await client.get('/profile')).json.user.id, id)

    const old = shop.client()
    old.cookies.set('sessionId', before)
    assert.equal((await old.get('/profile')).status, 401)
    assert.equal((await old.get('/session-info')).json.sessionData, null)
  })

  it('tells neither two names nor two emails apart by letter case', async () => {
    await registered(shop)
    const { username, email } = await registered(shop)
    for (const body of [
      { username: username.toUpperCase(), email: 'new@example.com', password: PASSWORD },
      { username: 'somebody-new', email: email.toUpperCase(), password: PASSWORD },
      { ...USER, email: 'x@example.com', password: PASSWORD }
    ]) {
      const { status, json } = await shop.client().post('/register', body)
      assert.equal(status, 409)
      assert.deepEqual(json, { error: 'User already exists', code: 'user-already-exists' })
    }
  })

  it('lets one of several at the same moment win', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        shop.client().post('/register', {
          username: i % 2 ? 'Racer' : 'rACER',
          email: i % 3 ? 'racer@example.com' : `racer${i}@example.com`,
          password: PASSWORD
        })
      )
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409])
  })

  it('says which field is at fault', async () => {
    const right = { username: 'right', email: 'right@example.com', password: PASSWORD }
    const wrong: [string, unknown, string][] = [
      ['username', 'ab', 'too short'],
      ['username', 'a'.repeat(31), 'too long'],
      ['username', 'a@example.com', 'an email'],
      ['username', 'a b c', 'spaces'],
      ['username', 17, 'a number'],
      ['username', undefined, 'missing'],
      ['username', 'näme', 'other letters'],
      ['email', 'nobody', 'no email'],
      ['email', `${'a'.repeat(250)}@b.de`, 'too long'],
      ['email', ['a@example.com'], 'a list'],
      ['password', 'x'.repeat(14), 'too short'],
      ['password', 'x y'.repeat(86), 'too long'],
      ['password', 'password1234567', 'common'],
      ['password', 'right@example.com', 'the email'],
      ['password', null, 'null'],
      ['password', { $ne: 1 }, 'an object']
    ]
    for (const [path, value, what] of wrong) {
      const { status, json } = await shop.client().post('/register', { ...right, [path]: value })
      assert.equal(status, 400, what)
      assert.equal(json.error, 'Invalid request')
      assert.equal(json.code, 'invalid-request')
      assert.equal(json.details[0].path, path, what)
      assert.equal(typeof json.details[0].message, 'string')
    }
  })

  it('takes no role, id or prototype from the body', async () => {
    const body =
      '{"username":"climber","email":"climber@example.com","password":"correct horse battery staple",' +
      '"role":"admin","id":1,"__proto__":{"role":"admin"},"constructor":{"prototype":{"role":"admin"}}}'
    const client = shop.client()
    const { status, json } = await client.post('/register', body, { 'content-type': 'application/json' })
    assert.equal(status, 201)
    assert.equal(json.user.role, 'user')
    assert.equal(({} as { role?: string }).role, undefined)
    assert.equal((await client.get('/admin')).status, 403)
  })

  it('begins no session when it refuses', async () => {
    const client = shop.client()
    await client.post('/register', {})
    assert.equal(client.cookies.size, 0)
  })
})

describe('POST /login', () => {
  it('signs in by name or email, in any letter case, under a new id', async () => {
    for (const username of ['admin', 'ADMIN', 'admin@example.com', 'Admin@Example.COM']) {
      const client = shop.client()
      const { status, json } = await client.post('/login', { username, password: ADMIN.password })
      assert.equal(status, 200)
      assert.deepEqual(json, { message: 'Login successful', user: { id: 1, username: 'admin', email: 'admin@example.com', role: 'admin' } })
    }
  })

  it('answers alike for a wrong name and a wrong password', async () => {
    const [nobody, wrong] = await Promise.all([
      shop.client().post('/login', { username: 'nobody', password: 'whatever it is' }),
      shop.client().post('/login', { username: 'user', password: 'whatever it is' })
    ])
    for (const { status, json } of [nobody, wrong]) {
      assert.equal(status, 401)
      assert.deepEqual(json, { error: 'Invalid credentials', code: 'invalid-credentials' })
    }
    const names = (headers: Headers) => [...headers.keys()].sort()
    assert.deepEqual(names(nobody.headers), names(wrong.headers))
  })

  it('keeps what the visitor had, and nothing of another user', async () => {
    const client = shop.client()
    await client.get('/')
    await client.post('/login', USER)
    assert.equal((await client.get('/')).json.views, 2)
    await client.post('/login', USER)
    assert.equal((await client.get('/')).json.views, 3)
    await client.post('/login', ADMIN)
    assert.equal((await client.get('/')).json.views, 1)
  })

  it('kills the id of before', async () => {
    const client = await shop.signedIn()
    const before = client.copy()
    await client.post('/login', USER)
    assert.equal((await client.get('/profile')).status, 200)
    assert.equal((await before.get('/profile')).status, 401)
  })

  it('refuses what is no name or password', async () => {
    for (const body of [
      {},
      { username: 'user' },
      { password: 'x' },
      { username: 1, password: 'x' },
      { username: 'user', password: ['userpass'] },
      { username: { $gt: '' }, password: 'x' },
      { username: 'a\0b', password: 'x' },
      { username: 'user', password: '' }
    ]) {
      const { status, json } = await shop.client().post('/login', body)
      assert.equal(status, 400)
      assert.equal(json.error, 'Invalid request')
    }
  })

  it('changes a hash of older settings into one of today', async () => {
    const { username, id } = await registered(shop)
    const { hash } = await import('@node-rs/bcrypt')
    await shop.db
      .updateTable('users')
      .set({ passwordHash: await hash(PASSWORD, 4) })
      .where('id', '=', id)
      .execute()
    assert.equal((await shop.client().post('/login', { username, password: 'not the password' })).status, 401)
    assert.equal((await shop.client().post('/login', { username, password: PASSWORD })).status, 200)
    const row = await shop.db.selectFrom('users').select('passwordHash').where('id', '=', id).executeTakeFirstOrThrow()
    assert.match(row.passwordHash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.equal((await shop.client().post('/login', { username, password: PASSWORD })).status, 200)
  })

  it('says Login failed, and no more, when the fault is ours', async () => {
    await using broken = await startShop()
    await broken.db.schema.alterTable('users').renameTo('elsewhere').execute()
    const client = broken.client()
    const [login, register] = [
      await client.post('/login', USER),
      await client.post('/register', { username: 'new', email: 'n@example.com', password: PASSWORD })
    ]
    assert.deepEqual([login.status, login.json], [500, { error: 'Login failed', code: 'login-failed' }])
    assert.deepEqual([register.status, register.json], [500, { error: 'Registration failed', code: 'registration-failed' }])
  })
})

describe('POST /logout', () => {
  it('ends the session in the store and clears the cookie', async () => {
    const client = await shop.signedIn()
    const before = client.copy()
    const { handle } = (await shop.sessions.of('2')).at(-1)!
    assert.ok(handle)
    const count = (await shop.sessions.of('2')).length
    const { status, json, headers } = await client.post('/logout')
    assert.equal(status, 200)
    assert.deepEqual(json, { message: 'Logout successful' })
    assert.match(
      headers.getSetCookie().find((line) => line.startsWith('sessionId='))!,
      /^sessionId=;.*Path=\/;.*Expires=Thu, 01 Jan 1970/
    )
    assert.equal(client.cookies.has('sessionId'), false)
    assert.equal((await before.get('/profile')).status, 401)
    assert.equal((await shop.sessions.of('2')).length, count - 1)
  })

  it('is also 200 for who is not signed in, has no session, or a broken one', async () => {
    const guest = shop.client()
    await guest.get('/')
    const stranger = shop.client()
    const broken = shop.client()
    broken.cookies.set('sessionId', 's%3Aforged.signature')
    for (const client of [guest, stranger, broken]) {
      const { status, json } = await client.post('/logout')
      assert.equal(status, 200)
      assert.deepEqual(json, { message: 'Logout successful' })
      assert.equal(client.cookies.has('sessionId'), false)
    }
  })

  it('stays done whatever else was in flight', async () => {
    for (let round = 0; round < 5; round++) {
      const client = await shop.signedIn()
      const before = client.copy()
      const writes = Array.from({ length: 40 }, (_, i) =>
        i % 2 ? before.copy().get('/') : before.copy().post('/cart/add', { productId: 2 })
      )
      const logout = client.post('/logout')
      const answers = await Promise.all([logout, ...writes])
      assert.equal(answers[0]!.status, 200)
      for (const { status } of answers) assert.ok([200, 400, 401].includes(status), String(status))
      assert.equal((await before.get('/profile')).status, 401)
      assert.equal((await before.get('/session-info')).json.sessionData, null)
    }
  })
})

describe('GET /profile', () => {
  it('tells who one is and how long for', async () => {
    const client = await shop.signedIn()
    const { status, json } = await client.get('/profile')
    assert.equal(status, 200)
    assert.equal(json.message, 'Profile data')
    assert.deepEqual(json.user, { id: 2, username: 'user', email: 'user@example.com', role: 'user' })
    const { sessionId, cookie, ...times } = json.sessionInfo
    assert.equal(typeof sessionId, 'string')
    assert.ok(!client.cookies.get('sessionId')!.includes(sessionId))
    assert.deepEqual(Object.keys(cookie).sort(), ['expires', 'httpOnly', 'originalMaxAge', 'path', 'sameSite', 'secure'])
    assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'strict', '/'])
    for (const name of ['createdAt', 'lastSeenAt', 'idleExpiresAt', 'absoluteExpiresAt'])
      assert.match(times[name], /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/, name)
    const minutes = (at: string) => Math.round((Date.parse(at) - Date.now()) / 60_000)
    assert.equal(minutes(times.idleExpiresAt), 30)
    assert.equal(minutes(times.absoluteExpiresAt), 480)
  })

  it('is 401 for visitors, and begins no session', async () => {
    const client = shop.client()
    const { status, json } = await client.get('/profile')
    assert.equal(status, 401)
    assert.deepEqual(json, { error: 'Authentication required', code: 'authentication-required' })
    assert.equal(client.cookies.size, 0)
  })

  it('is 401 for a user who is no more', async () => {
    const { client, id } = await registered(shop)
    await shop.db.deleteFrom('users').where('id', '=', id).execute()
    assert.equal((await client.get('/profile')).status, 401)
  })
})
