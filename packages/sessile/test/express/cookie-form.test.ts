import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Cookie } from '../../src/express/cookie.ts'
import { CookieForm } from '../../src/express/cookie-form.ts'

const cookies = fc.record(
  {
    maxAge: fc.oneof(fc.constant(null), fc.constant(-Date.now()), fc.integer({ min: -1e9, max: 1e12 }), fc.constant(NaN), fc.constant(0.5)),
    path: fc.constantFrom('/', '/a', '/a;b', undefined),
    domain: fc.constantFrom(undefined, 'example.com', 'a;b'),
    httpOnly: fc.constantFrom(true, false, undefined),
    secure: fc.constantFrom(true, false, undefined),
    sameSite: fc.constantFrom(true, false, 'lax', 'none', 'x', undefined),
    partitioned: fc.constantFrom(true, false, undefined),
    priority: fc.constantFrom('low', 'High', 'x', undefined)
  },
  { requiredKeys: [] }
)

test('cookies are written as JSON.stringify and the cookie package write them', () => {
  const form = new CookieForm('n')
  let known = 0
  fc.assert(
    fc.property(cookies, fc.string(), (given, value) => {
      const cookie = new Cookie(given as object)
      const text = JSON.stringify(cookie)
      assert.equal(form.json(cookie), text)
      const read = form.read(text, 5e12)
      if (read) {
        const data = JSON.parse(text)
        const parsed = Object.assign(new Cookie({ ...data, expires: new Date(5e12) }), { originalMaxAge: data.originalMaxAge })
        assert.deepEqual([read, Object.keys(read)], [parsed, Object.keys(parsed)])
        known++
      }
      assert.equal(form.read(`${text} `, 5e12), undefined)
      let expected: string
      try {
        expected = cookie.serialize('n', value)
      } catch (error) {
        assert.throws(() => form.header(cookie, encodeURIComponent(value)), error as Error)
        return
      }
      assert.equal(form.header(cookie, encodeURIComponent(value)), expected)
    }),
    { numRuns: 2000 }
  )
  assert.ok(known > 100, `${known} were read without parsing`)
})

test('a name that no cookie can have is refused each time', () => {
  const form = new CookieForm('a b')
  for (let i = 0; i < 2; i++) assert.throws(() => form.header(new Cookie(), 'x'), { message: 'argument name is invalid' })
})
