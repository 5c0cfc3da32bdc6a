import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { milliseconds } from '../../src/core/options.ts'
import { resolveSessionOptions } from '../../src/express/options.ts'
import { secure, type PresetName } from '../../src/security/presets.ts'

const HOUR = 3_600_000

for (const [preset, sameSite, idleMs, absoluteMs] of [
  ['web', 'lax', HOUR, 24 * HOUR],
  ['strict', 'strict', HOUR / 4, 12 * HOUR]
] as const) {
  describe(`the preset ${preset}`, () => {
    it('can be given to session(), without explain', () => {
      const options = { ...secure(preset), secret: 'a secret of more than 32 characters' }
      assert.equal('explain' in options, false)
      const resolved = resolveSessionOptions(options)
      assert.equal(resolved.hashIds, true)
      assert.equal(resolved.onStoreError, 'fail')
    })

    it('has a cookie that keeps its name’s promise in production', () => {
      const { name, cookie } = secure(preset, { production: true })
      assert.equal(name, '__Host-sessionId')
      assert.deepEqual(cookie, { path: '/', httpOnly: true, secure: true, sameSite })
      const local = secure(preset, { production: false, name: 'visit' })
      assert.equal(local.name, 'visit')
      assert.equal(local.cookie.secure, false)
    })

    it('keeps within NIST SP 800-63B-4', () => {
      const { signedIn } = secure(preset).lifetimes
      assert.ok(milliseconds('idle', signedIn.idle) <= idleMs)
      assert.ok(milliseconds('absolute', signedIn.absolute) <= absoluteMs)
    })

    it('puts touches off by no more than one hundredth of the idle time', () => {
      const { touchSlack, lifetimes } = secure(preset)
      assert.ok(milliseconds('touchSlack', touchSlack) <= milliseconds('idle', lifetimes.signedIn.idle) / 100)
    })

    it('explains each of its settings', () => {
      const options = secure(preset, { production: true })
      const text = options.explain()
      for (const setting of Object.keys(options)) assert.ok(text.includes(setting), setting)
      for (const line of text.split('\n')) assert.match(line, /^\S.*: .{20,}\.$/)
    })
  })
}

it('a mistake in asking for a preset is told', () => {
  const bad = (call: () => unknown) => assert.throws(call, (error) => isSessionError(error) && error.code === 'bad-option')
  bad(() => secure('safe' as PresetName))
  bad(() => secure('toString' as PresetName))
  bad(() => secure('web', { https: true } as object))
})
