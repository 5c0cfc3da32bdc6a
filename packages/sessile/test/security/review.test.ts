import assert from 'node:assert/strict'
import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import type { SessionOptions } from '../../src/express/options.ts'
import { secure } from '../../src/security/presets.ts'
import { reviewOptions } from '../../src/express/review.ts'

const good: SessionOptions = { ...secure('web', { production: true }), secret: randomBytes(32).toString('base64') }
const codesOf = (options: SessionOptions) => reviewOptions(options).map(({ code }) => code)

describe('reviewOptions', () => {
  it('finds nothing in the presets', () => {
    for (const preset of ['web', 'strict'] as const) assert.deepEqual(codesOf({ ...good, ...secure(preset, { production: true }) }), [])
    for (const secret of [randomBytes(32), createSecretKey(randomBytes(32)), [randomBytes(32).toString('hex')]])
      assert.deepEqual(codesOf({ ...good, secret }), [])
  })

  it('item 11: tells secrets that are short or known, and shows none', () => {
    const known = ['keyboard cat', '', 'a'.repeat(40), 'secret'.repeat(6), 'changeme'.repeat(5), '1234'.repeat(10), randomBytes(8)]
    for (const secret of known) {
      assert.deepEqual(codesOf({ ...good, secret }), ['weak-secret'])
      assert.doesNotMatch(JSON.stringify(reviewOptions({ ...good, secret })), /keyboard|changeme|aaaa/)
    }
    assert.deepEqual(codesOf({ ...good, secret: [good.secret as string, 'keyboard cat'] }), ['weak-secret'])
  })

  it('item 2: tells a genid that makes UUIDs', () => {
    assert.deepEqual(codesOf({ ...good, genid: randomUUID as () => string }), ['uuid-ids'])
    assert.deepEqual(codesOf({ ...good, genid: () => randomUUID() }), ['uuid-ids'])
    assert.deepEqual(codesOf({ ...good, genid: () => randomBytes(24).toString('base64url') }), [])
  })

  it('items 13, 14, 16, 17, 20, 40: tells a cookie that is open, or that browsers drop in silence', () => {
    const withCookie = (more: object, name = 'visit') => codesOf({ ...good, name, cookie: { ...good.cookie, ...more } })
    assert.deepEqual(withCookie({ secure: false }), ['cookie-over-http'])
    assert.deepEqual(withCookie({ httpOnly: false }), ['cookie-readable'])
    for (const broken of [{ domain: 'shop.example' }, { path: '/shop' }])
      assert.deepEqual(withCookie(broken, '__Host-visit'), ['cookie-prefix'])
    assert.deepEqual(withCookie({ secure: false }, '__Secure-visit'), ['cookie-over-http', 'cookie-prefix'])
    assert.deepEqual(withCookie({ sameSite: undefined }), ['same-site'])
    assert.deepEqual(withCookie({ sameSite: 'none' }), [])
    assert.deepEqual(withCookie({ sameSite: 'none', secure: false }), ['cookie-over-http', 'same-site-none'])
    assert.deepEqual(withCookie({ maxAge: 401 * 86_400_000 }), ['long-cookie'])
    assert.deepEqual(codesOf({ ...good, saveUninitialized: true }), ['sessions-without-need'])
  })

  it('item 34: tells touches that are put off too long', () => {
    assert.deepEqual(codesOf({ ...good, touchSlack: '1d' }), ['lazy-touch'])
    assert.deepEqual(codesOf({ ...good, touchSlack: '16m' }), ['lazy-touch'])
  })

  it('finds what express-session’s first example has', () => {
    assert.deepEqual(codesOf({ secret: 'keyboard cat', resave: false, saveUninitialized: true, cookie: {} }), [
      'weak-secret',
      'cookie-over-http',
      'same-site',
      'sessions-without-need'
    ])
  })
})
