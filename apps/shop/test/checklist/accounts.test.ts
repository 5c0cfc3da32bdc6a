import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it, mock } from 'node:test'
import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from '@node-rs/bcrypt'
import { knownPasswords } from '../../src/accounts/common-passwords.ts'
import { createPasswords, TooBusy } from '../../src/accounts/passwords.ts'
import { FirstAdmin } from '../../src/accounts/first-admin.ts'
import { ADMIN, BROWSER_ACCEPT, type Client, PASSWORD, registered, startShop, type TestShop, USER } from '../helpers.ts'

// Section B7 of the checklist (docs/security.md): passwords, signing in, enumeration. The numbers are its items.

let shop: TestShop
let admin: Client
// Behind a proxy, so that a test can come from any address it likes.
before(async () => {
  shop = await startShop({ TRUST_PROXY: 'loopback' })
  admin = await shop.signedIn(ADMIN)
})
after(() => shop.close())

let names = 0
const from = (address: string): Client => shop.client({ headers: { 'x-forwarded-for': address } })
const someone = () => ({ username: `someone-${++names}`, email: `someone-${names}@example.org` })
const registering = (password: unknown, more: object = {}) => shop.client().post('/register', { ...someone(), password, ...more })

async function hashOf(id: number): Promise<string> {
  const row = await shop.db.selectFrom('users').select('passwordHash').where('id', '=', id).executeTakeFirstOrThrow()
  return row.passwordHash
}

describe('item 73: a password has 15 characters at least', () => {
  it('counted as code points', async () => {
    assert.equal((await registering('violet elephan')).status, 400)
    assert.equal((await registering('violet elephant')).status, 201)
    assert.equal((await registering('🦔🐘🦒🐢🐙🦀🐳🦔🐘🦒🐢🐙🦀🐳')).status, 400)
    assert.equal((await registering('🦔🐘🦒🐢🐙🦀🐳🦔🐘🦒🐢🐙🦀🐳!')).status, 201)
  })
})

describe('item 74: a password counts as it was typed, all of it', () => {
  for (const [what, password, others] of [
    ['200 characters', 'a violet elephant '.repeat(12).slice(0, 200), ['a violet elephant '.repeat(12).slice(0, 199) + 'x']],
    ['spaces around it and letter case', '  Violet Elephants Dance ', ['Violet Elephants Dance', '  violet elephants dance ']],
    ['more than the 72 bytes of bcrypt', `${'violet elephants '.repeat(5)}one`, [`${'violet elephants '.repeat(5)}two`]]
  ] as const) {
    it(what, async () => {
      const { username, email } = someone()
      assert.equal((await shop.client().post('/register', { username, email, password })).status, 201)
      for (const other of others) assert.equal((await shop.client().post('/login', { username, password: other })).status, 401)
      assert.equal((await shop.client().post('/login', { username, password })).status, 200)
    })
  }

  it('but for two ways of typing one letter', async () => {
    const { username, email } = someone()
    await shop.client().post('/register', { username, email, password: 'e\u0301le\u0301phants violets' })
    assert.equal((await shop.client().post('/login', { username, password: '\u00e9l\u00e9phants violets' })).status, 200)
  })
})

describe('item 75: a password has an upper bound', () => {
  it('beyond which nothing is hashed', async () => {
    const started = performance.now()
    for (const length of [257, 90_000]) {
      const answer = await registering('violet elephant '.repeat(length).slice(0, length))
      assert.equal(answer.status, 400)
      assert.match(answer.json.details[0].message, /at most 256/)
    }
    assert.equal((await registering('x'.repeat(1_000_000))).status, 413)
    assert.equal((await shop.client().post('/login', { username: 'user', password: 'x'.repeat(2_000) })).status, 400)
    assert.ok(performance.now() - started < 2_000)
  })
})

describe('item 76: no rules about kinds of characters', () => {
  it('words alone will do, and so will capitals or digits', async () => {
    for (const password of ['correct horse battery staple', 'VIOLETELEPHANTSDANCE', '83650912746183650912']) {
      assert.equal((await registering(password)).status, 201, password)
    }
  })
})

describe('item 77: what is common, or about oneself, is refused with a reason', () => {
  it('of the commonest that have the length, more than 3000 are known', () =>
    assert.ok(knownPasswords() >= 3_000, String(knownPasswords())))

  for (const password of [
    'password1234567',
    'momsanaladventure',
    'MOMSANALADVENTURE',
    'sessile shop 2025',
    'Shop2025Shop2025',
    'qwertyuiopasdfgh'
  ]) {
    it(`${password}: common`, async () => {
      const { status, json } = await registering(password)
      assert.deepEqual([status, json.details[0].path], [400, 'password'])
      assert.match(json.details[0].message, /common/)
    })
  }

  it('its own name or email, with a year or twice', async () => {
    for (const [password, more] of [
      ['theresa@example.org', { username: 'theresa.m', email: 'Theresa@example.org' }],
      ['Theresa.m-2025-theresa.m', { username: 'theresa.m' }],
      ['theresatheresa1', { email: 'theresa@example.org' }]
    ] as const) {
      const { status, json } = await registering(password, more)
      assert.equal(status, 400, password)
      assert.match(json.details[0].message, /own name or email/)
    }
  })

  it('at a change as well', async () => {
    const { client, email } = await registered(shop)
    for (const newPassword of [email, 'password1234567']) {
      const { status, json } = await client.post('/account/password', { currentPassword: PASSWORD, newPassword })
      assert.deepEqual([status, json.details[0].path], [400, 'newPassword'])
    }
  })
})

describe('item 78: password managers and pasting work', () => {
  it('by the type and autocomplete of every field', async () => {
    const { client } = await registered(shop)
    const fieldsOf = async (path: string, who = shop.client()) => {
      const { text, status } = await who.get(path, { accept: BROWSER_ACCEPT })
      assert.equal(status, 200, path)
      assert.doesNotMatch(text, /onpaste|maxlength="[1-9]?\d"/)
      return [...text.matchAll(/<input[^>]*type="password"[^>]*autocomplete="([^"]*)"/g)].map(([, value]) => value)
    }
    assert.deepEqual(await fieldsOf('/login'), ['current-password'])
    assert.deepEqual(await fieldsOf('/register'), ['new-password'])
    for (const path of ['/account', '/account/new-password'])
      assert.deepEqual(await fieldsOf(path, client), ['current-password', 'new-password'])
    for (const path of ['/account/email', '/account/delete', '/account/confirm'])
      assert.deepEqual(await fieldsOf(path, client), ['current-password'])
    assert.match((await shop.client().get('/login', { accept: BROWSER_ACCEPT })).text, /autocomplete="username"/)
  })
})

describe('item 79: a change of the password asks for the current one', () => {
  it('and counts wrong ones', async () => {
    const { client, username } = await registered(shop)
    const wrong = { currentPassword: 'not the password at all', newPassword: 'violet elephants dance' }
    for (let i = 0; i < 5; i++) assert.equal((await client.post('/account/password', wrong)).status, 401)
    assert.equal((await client.post('/account/password', { ...wrong, currentPassword: PASSWORD })).status, 429)
    assert.equal((await from('10.1.0.1').post('/login', { username, password: PASSWORD })).status, 200)
  })
})

describe('item 80: passwords are hashed by Argon2id with 19 MiB, and older hashes made anew at the next sign-in', () => {
  it('with a salt of 16 bytes each', async () => {
    const hashes = await Promise.all([registered(shop), registered(shop)].map(async (user) => hashOf((await user).id)))
    for (const text of hashes) {
      const [, kind, version, settings, salt] = text.split('$')
      assert.deepEqual([kind, version, settings], ['argon2id', 'v=19', 'm=19456,t=2,p=1'])
      assert.ok(Buffer.from(salt!, 'base64').length >= 16)
    }
    assert.notEqual(hashes[0]!.split('$')[4], hashes[1]!.split('$')[4])
  })

  const older: [string, () => Promise<string>][] = [
    ["the seed's bcrypt, cost 10", () => bcrypt(PASSWORD, 10)],
    ['a bcrypt hash of another maker ($2y$)', async () => (await bcrypt(PASSWORD, 4)).replace(/^\$2b/, '$2y')],
    ['Argon2id with less memory', () => argon2(PASSWORD, { memoryCost: 8_192, timeCost: 1, parallelism: 1 })]
  ]
  for (const [what, hash] of older) {
    it(what, async () => {
      const { username, id } = await registered(shop)
      const old = await hash()
      await shop.db.updateTable('users').set({ passwordHash: old }).where('id', '=', id).execute()
      assert.equal((await from('10.1.1.1').post('/login', { username, password: 'not the password at all' })).status, 401)
      assert.equal(await hashOf(id), old)
      assert.equal((await from('10.1.1.1').post('/login', { username, password: PASSWORD })).status, 200)
      assert.match(await hashOf(id), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      assert.equal((await from('10.1.1.1').post('/login', { username, password: PASSWORD })).status, 200)
      const { events } = (await admin.get(`/admin/audit?event=account.password-rehashed&userId=${id}`)).json
      assert.equal(events.length, 1)
    })
  }
})

describe('item 81: hashing never holds up anything else, and is bounded', () => {
  it('no more than so many wait for it: then one is told to come again', async () => {
    const passwords = await createPasswords()
    const waiting = Array.from({ length: 1_050 }, () =>
      passwords.matches('a', '$2b$04$abcdefghijklmnopqrstuuu7ylGLHNnMxQqJVfTW4YI8lTnGG7Qq').catch((error: unknown) => error)
    )
    const results = await Promise.all(waiting)
    const busy = results.filter((result) => result instanceof TooBusy).length
    assert.ok(busy >= 40 && busy <= 50, `${busy} of 1050`)
  })
})

describe('item 82: whether an account exists is told by nothing', () => {
  it('neither by text, status nor headers; nor whether it is disabled', async () => {
    const { username, id } = await registered(shop)
    await admin.post(`/admin/users/${id}/disable`)
    const answers = await Promise.all([
      from('10.2.0.1').post('/login', { username: 'nobody-at-all', password: PASSWORD }),
      from('10.2.0.2').post('/login', { username: 'user', password: 'not the password at all' }),
      from('10.2.0.3').post('/login', { username, password: PASSWORD }),
      from('10.2.0.4').post('/login', { username, password: 'not the password at all' })
    ])
    const shapeOf = ({ status, text, headers }: (typeof answers)[number]) => {
      const fixed = [...headers].filter(([name]) => !['date', 'x-request-id', 'keep-alive'].includes(name) && !name.startsWith('ratelimit'))
      return { status, text, fixed, names: [...headers.keys()].sort() }
    }
    for (const answer of answers.slice(1)) assert.deepEqual(shapeOf(answer), shapeOf(answers[0]!))
  })
  // That it takes the same time is measured in bench/sign-ins.ts.
})

describe('item 83: guessing is slowed down, and nobody locks another out', () => {
  it('the 101st guess is refused from new addresses too; a device that is known gets in', async () => {
    const { client: device, username, password } = await registered(shop)
    await device.post('/logout')
    for (let i = 0; i < 100; i += 10) {
      const guesses = Array.from({ length: 10 }, (_, j) =>
        from(`10.3.${i + j}.1`).post('/login', { username, password: 'not the password at all' })
      )
      for (const { status } of await Promise.all(guesses)) assert.equal(status, 401)
    }
    const stranger = await from('10.4.0.1').post('/login', { username, password })
    assert.equal(stranger.status, 429)
    assert.ok(Number(stranger.headers.get('retry-after')) >= 30)
    assert.equal((await device.post('/login', { username, password })).status, 200)
  })

  it('an administrator lets the owner in again who has no such device', async () => {
    const { username, password, id } = await registered(shop)
    for (let i = 0; i < 100; i += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, j) => from(`10.5.${i + j}.1`).post('/login', { username, password: 'wrong' })))
    }
    assert.equal((await from('10.6.0.1').post('/login', { username, password })).status, 429)
    await admin.post(`/admin/users/${id}/enable`)
    assert.equal((await from('10.6.0.1').post('/login', { username, password })).status, 200)
  })
})

describe('item 85: a success begins the count anew, and tells of the failures since the last', () => {
  it('on the next page, and in JSON', async () => {
    const { client, username } = await registered(shop)
    for (let i = 0; i < 3; i++) await from('10.7.0.1').post('/login', { username, password: 'not the password at all' })
    const page = await client.form('/login', { username, password: PASSWORD })
    assert.equal(page.status, 303)
    assert.match(
      (await client.get('/', { accept: BROWSER_ACCEPT })).text,
      /3 attempts to sign in to this account failed since the last time/
    )
    assert.equal((await client.get('/account/notices')).json.failedSignIns, 3)
    await client.post('/login', { username, password: PASSWORD })
    assert.equal((await client.get('/account/notices')).json.failedSignIns, 0)
  })

  it('also where a confirmation came between', async () => {
    const { client, username } = await registered(shop)
    for (let i = 0; i < 2; i++) await from('10.7.0.2').post('/login', { username, password: 'not the password at all' })
    await client.post('/account/reauthenticate', { password: PASSWORD })
    assert.equal((await client.get('/account/notices')).json.failedSignIns, 2)
  })
})

describe('item 86: no default accounts where others reach them; the first administrator by a one-time secret', () => {
  const production = { NODE_ENV: 'production', SESSION_SECRET: 'a secret that is long enough to be one', TRUST_PROXY: 'loopback' }
  const https = { headers: { 'x-forwarded-proto': 'https' } }

  it('is none of the names that everybody tries', async () => {
    await using fresh = await startShop(production)
    for (const user of [ADMIN, USER, { username: 'admin', password: 'admin' }]) {
      assert.equal((await fresh.client(https).post('/login', user)).status, 401)
    }
    assert.equal((await fresh.db.selectFrom('users').selectAll().execute()).length, 0)
  })

  it('works once, for one, under a new id', async () => {
    await using fresh = await startShop(production)
    // What `main` printed: asked for again as a second start would, after its hash is gone.
    await fresh.db.deleteFrom('setupSecrets').execute()
    const firstAdmin = new FirstAdmin(fresh.db)
    const offers = await Promise.all([firstAdmin.offer(), firstAdmin.offer(), firstAdmin.offer()])
    assert.equal(offers.filter(Boolean).length, 1)
    const secret = offers.find(Boolean)!
    const visitors = await Promise.all([1, 2, 3].map(() => registered({ client: () => fresh.client(https) })))
    assert.equal((await fresh.client(https).post('/admin/setup', { secret })).status, 401)
    for (const wrong of ['x', secret.slice(1), secret.toUpperCase()]) {
      const { status, json } = await visitors[0]!.client.post('/admin/setup', { secret: wrong })
      assert.deepEqual([status, json], [403, { error: 'Invalid secret', code: 'invalid-secret' }])
    }
    const before = visitors.map(({ client }) => client.copy())
    const answers = await Promise.all(visitors.map(({ client }) => client.post('/admin/setup', { secret })))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403, 403])
    const winner = answers.findIndex(({ status }) => status === 200)
    assert.equal(answers[winner]!.json.user.role, 'admin')
    assert.equal((await visitors[winner]!.client.get('/admin')).status, 200)
    assert.equal((await before[winner]!.get('/profile')).status, 401)
    assert.equal(await firstAdmin.offer(), undefined)
  })
})

describe('item 87: the one-time secret is random, hashed at rest, good for a day, and not in an address', () => {
  it('as said', async () => {
    await using fresh = await startShop({ HOST: '127.0.0.1' }, { production: true, host: '127.0.0.1' })
    const firstAdmin = new FirstAdmin(fresh.db)
    await fresh.db.deleteFrom('setupSecrets').execute()
    const secret = (await firstAdmin.offer())!
    assert.ok(Buffer.from(secret, 'base64url').length >= 16)
    const { secretHash } = await fresh.db.selectFrom('setupSecrets').selectAll().executeTakeFirstOrThrow()
    assert.equal(secretHash, createHash('sha256').update(secret).digest('base64url'))
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 24 * 60 * 60_000 + 1 })
    try {
      assert.equal(await firstAdmin.appoint(1, secret), false)
      const another = await firstAdmin.offer()
      assert.ok(another && another !== secret)
    } finally {
      mock.timers.reset()
    }
  })
})

describe('item 88: nothing is assigned that was not asked for', () => {
  it('at registration, nor at a change of the email', async () => {
    const { username, email } = someone()
    const body = JSON.stringify({ username, email, password: PASSWORD, role: 'admin', id: 1, disabledAt: 1 }).replace(
      /}$/,
      ',"__proto__":{"role":"admin"},"constructor":{"prototype":{"role":"admin"}}}'
    )
    const client = shop.client()
    const { json } = await client.post('/register', body, { 'content-type': 'application/json' })
    assert.deepEqual({ ...json.user, id: 0 }, { id: 0, username, email, role: 'user' })
    assert.notEqual(json.user.id, 1)
    const next = { email: `x-${email}`, currentPassword: PASSWORD, role: 'admin', username: 'other', id: 1 }
    assert.deepEqual((await client.post('/account/email', next)).json.user, { ...json.user, email: next.email })
    assert.equal((await client.get('/admin')).status, 403)
    assert.equal(({} as { role?: string }).role, undefined)
  })
})

describe('item 89: a changed role counts with the next request', () => {
  it('more rights: under a new id (27)', async () => {
    const { client, id } = await registered(shop)
    assert.equal((await client.get('/admin')).status, 403)
    assert.deepEqual((await admin.post(`/admin/users/${id}/promote`)).json, { message: 'User promoted' })
    const before = client.copy()
    assert.equal((await client.get('/admin')).status, 200)
    assert.notEqual(client.cookies.get('sessionId'), before.cookies.get('sessionId'))
    assert.equal((await before.get('/profile')).status, 401)
    const after = client.cookies.get('sessionId')
    assert.equal((await client.get('/admin/users')).status, 200)
    assert.equal(client.cookies.get('sessionId'), after)
  })

  it('fewer rights: also where only the database was changed', async () => {
    const { client, id } = await registered(shop)
    await admin.post(`/admin/users/${id}/promote`)
    assert.equal((await client.get('/admin')).status, 200)
    await shop.db.updateTable('users').set({ role: 'user' }).where('id', '=', id).execute()
    assert.equal((await client.get('/admin')).status, 403)
  })
})
