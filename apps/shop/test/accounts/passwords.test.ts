import assert from 'node:assert/strict'
import { hash as bcrypt } from '@node-rs/bcrypt'
import { before, describe, it } from 'node:test'
import { createPasswords, type Passwords } from '../../src/accounts/passwords.ts'

let passwords: Passwords
before(async () => {
  passwords = await createPasswords()
})

describe('passwords', () => {
  it('are hashed by Argon2id with 19 MiB, two passes, one lane, and a salt of their own', async () => {
    const [one, other] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')])
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.notEqual(one, other)
    assert.equal(passwords.isOutdated(one), false)
  })

  it('match themselves, to the last character, in either form of Unicode', async () => {
    const long = 'x'.repeat(199)
    const stored = await passwords.hash(long + 'a')
    assert.equal(await passwords.matches(long + 'a', stored), true)
    assert.equal(await passwords.matches(long + 'b', stored), false)
    assert.equal(await passwords.matches('cafe\u0301', await passwords.hash('caf\u00e9')), true)
  })

  it('match nobody where there is no user, not even the placeholder', async () => {
    assert.equal(await passwords.matches('the password of a user that does not exist', undefined), false)
  })

  it('of an older system are known, and said to be outdated', async () => {
    const stored = await bcrypt('password123', 10)
    assert.equal(await passwords.matches('password123', stored), true)
    assert.equal(await passwords.matches('password124', stored), false)
    assert.equal(passwords.isOutdated(stored), true)
  })

  it('leave the event loop free while many are compared', async () => {
    const stored = await passwords.hash('correct horse')
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await Promise.all(Array.from({ length: 20 }, () => passwords.matches('wrong', stored)))
    clearInterval(timer)
    // Were they compared on the loop, not one timer could have fired meanwhile.
    assert.ok(turns >= 10, `${turns} turns`)
  })
})
