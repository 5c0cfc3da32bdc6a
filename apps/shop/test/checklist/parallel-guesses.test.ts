import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hash } from '@node-rs/argon2'
import { databaseOf } from '../concurrency/shops.ts'
import { Client, PASSWORD, startProcess, temporaryFolder } from '../helpers.ts'

const GUESSES = 500
const MOST = 100

describe('item 84: guesses sent at once through several processes', () => {
  it('500 for one account over two processes, from 500 addresses: no more than 100 are tried', { timeout: 180_000 }, async () => {
    await using folder = await temporaryFolder()
    const env = { DATA_DIR: folder.path, TRUST_PROXY: 'loopback' }
    await using first = await startProcess(env)
    await using second = await startProcess(env)
    const owner = first.client()
    const who = { username: 'guessed', email: 'guessed@example.com', password: PASSWORD }
    assert.equal((await owner.post('/register', who)).status, 201)

    const guess = (i: number, password: string) =>
      new Client((i % 2 ? first : second).url, { headers: { 'x-forwarded-for': `10.9.${i >> 8}.${i & 255}` } }).post('/login', {
        username: i % 3 ? who.username : who.email.toUpperCase(),
        password
      })
    const answers = await Promise.all(Array.from({ length: GUESSES }, (_, i) => guess(i, `guess number ${i}`)))
    const tried = answers.filter(({ status }) => status === 401).length
    assert.equal(tried, MOST)
    assert.equal(answers.filter(({ status }) => status === 429).length, GUESSES - MOST)
    // Nobody else gets in with the right one either, whichever process is asked; the owner's device does, and hears of it.
    for (const i of [600, 601]) assert.equal((await guess(i, PASSWORD)).status, 429)
    assert.equal((await owner.post('/login', { username: who.username, password: PASSWORD })).status, 200)
    assert.equal((await owner.get('/account/notices')).json.failedSignIns >= MOST, true)
  })

  it('500 from one address, each for another account: no more than 100 are tried', { timeout: 180_000 }, async () => {
    await using folder = await temporaryFolder()
    const env = { DATA_DIR: folder.path, TRUST_PROXY: 'loopback' }
    await using first = await startProcess(env)
    await using second = await startProcess(env)
    const db = await databaseOf(folder.path)
    const passwordHash = await hash(PASSWORD, { memoryCost: 64, timeCost: 1, parallelism: 1 })
    const names = Array.from({ length: GUESSES }, (_, i) => `victim-${i}`)
    const more = { passwordHash, role: 'user', createdAt: 0 } as const
    const rows = names.map((name) => ({
      username: name,
      usernameKey: name,
      email: `${name}@x.example`,
      emailKey: `${name}@x.example`,
      ...more
    }))
    await db.insertInto('users').values(rows).execute()
    await db.destroy()
    const answers = await Promise.all(
      names.map((username, i) =>
        // One visitor: an IPv6 network of 2^64 addresses counts as one (117).
        new Client((i % 2 ? first : second).url, { headers: { 'x-forwarded-for': `2001:db8::${i.toString(16)}` } }).post('/login', {
          username,
          password: 'x'
        })
      )
    )
    assert.equal(answers.filter(({ status }) => status === 401).length, MOST)
    assert.equal(answers.filter(({ status }) => status === 429).length, GUESSES - MOST)
  })
})
