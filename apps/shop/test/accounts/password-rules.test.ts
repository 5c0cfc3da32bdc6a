import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultOf, normalised } from '../../src/accounts/password-rules.ts'

describe('faultOf', () => {
  it('counts code points after NFC: 14 are too few, 15 and 256 are not, 257 are too many', () => {
    const letters = (n: number) => 'violet elephant, '.repeat(20).slice(0, n)
    assert.match(faultOf(letters(14))!, /at least 15/)
    assert.equal(faultOf(letters(15)), undefined)
    assert.equal(faultOf(letters(256)), undefined)
    assert.match(faultOf(letters(257))!, /at most 256/)
    assert.match(faultOf('🦔🐘🦒🐢🐙🦀🐳'.repeat(2))!, /at least 15/)
    assert.equal(faultOf('🦔🐘🦒🐢🐙🦀🐳'.repeat(2) + '!'), undefined)
    assert.match(faultOf('e\u0301'.repeat(14))!, /at least 15/)
  })

  it('asks for no kinds of characters', () => {
    for (const password of ['correct horse battery staple', 'lamp mountain 94 fish', '83650912746183650912', 'ALLINCAPITALLETTERS']) {
      assert.equal(faultOf(password), undefined, password)
    }
  })

  for (const password of [
    'password1234567',
    'Password1234567',
    'P@ssw0rd1234567',
    'passwordpassword',
    'iloveyou12345678',
    'letmein-letmein-2024',
    '123456789012345',
    '111111111111111',
    'qwertyuiop12345',
    'qwertyuiopasdfgh',
    'abcdefghijklmnop',
    'q1w2e3r4t5y6u7i8',
    'administrator123'
  ]) {
    it(`finds ${password} common`, () => assert.match(faultOf(password)!, /common/))
  }

  it("refuses one's own email or name, whatever the case", () => {
    assert.match(faultOf('Somebody@example.com', ['somebody@Example.com'])!, /own/)
  })

  it('takes no time over what is long', () => {
    const started = performance.now()
    faultOf('password'.repeat(32))
    faultOf('1'.repeat(256))
    faultOf('x'.repeat(100_000))
    assert.ok(performance.now() - started < 1_000)
  })
})

describe('normalised', () => {
  it('makes two ways of typing one letter the same, and nothing else', () => {
    assert.equal(normalised('cafe\u0301'), normalised('caf\u00e9'))
    assert.equal(normalised('  Trailing And Case  '), '  Trailing And Case  ')
  })
})
