import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import signature from 'cookie-signature'
import fc from 'fast-check'
import { isMacOf, sign, unsign } from '../../src/core/signatures.ts'

const secrets = fc.oneof(fc.string({ minLength: 1, maxLength: 200, unit: 'binary' }), fc.uint8Array({ minLength: 1, maxLength: 200 }))
const ids = fc.oneof(fc.string({ maxLength: 300, unit: 'binary' }), fc.string({ maxLength: 120 }), fc.base64String())

describe('signatures', () => {
  it('are those of cookie-signature, whatever the secret and the id', () => {
    fc.assert(
      fc.property(ids, secrets, (id, secret) => {
        const signed = sign(id, secret)
        assert.equal(signed, signature.sign(id, secret as never))
        assert.equal(unsign(signed, secret), id)
        assert.equal(sign(id, createSecretKey(Buffer.from(secret as string))), signed)
      })
    )
  })

  it('verify nothing that was not signed', () => {
    fc.assert(
      fc.property(ids, secrets, fc.nat(), fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }), (id, secret, at, other) => {
        const signed = sign(id, secret)
        const place = at % signed.length
        const changed = signed.slice(0, place) + other + signed.slice(place + 1)
        if (changed !== signed) assert.equal(unsign(changed, secret), undefined)
        assert.equal(unsign(signed.slice(0, place), secret), undefined)
        assert.equal(unsign(signed + other, secret), undefined)
        assert.equal(unsign(signed, [randomBytes(9), 'another']), undefined)
      })
    )
  })

  it('are verified where they stand in a cookie, and nothing else is', () => {
    fc.assert(
      fc.property(ids, secrets, fc.nat(), fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }), (id, secret, at, other) => {
        const mac = encodeURIComponent(sign(id, secret).slice(-43))
        const text = `before${mac}after`
        const end = text.length - 'after'.length
        assert.equal(isMacOf(id, text, 6, end, secret), true)
        assert.equal(isMacOf(id, text, 6, end, 'another'), false)
        for (const [from, to] of [
          [5, end],
          [7, end],
          [6, end - 1],
          [6, end + 1],
          [6, 6]
        ] as const)
          assert.equal(isMacOf(id, text, from, to, secret), false)
        const place = 6 + (at % mac.length)
        const changed = text.slice(0, place) + other + text.slice(place + 1)
        if (changed !== text) assert.equal(isMacOf(id, changed, 6, end, secret), false)
      })
    )
  })

  it('tell apart what latin1 cuts to the same byte', () => {
    const signed = sign('id', 'secret')
    const last = signed.charCodeAt(signed.length - 1)
    assert.equal(unsign(signed.slice(0, -1) + String.fromCharCode(last + 256), 'secret'), undefined)
  })
})
