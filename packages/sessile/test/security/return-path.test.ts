import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { safeReturnPath } from '../../src/security/return-path.ts'

describe('safeReturnPath', () => {
  for (const path of ['/', '/account', '/orders?page=2#last', '/a//b', '/search?q=%20x', '/x?next=//evil.example', '/%09/evil.example']) {
    it(`keeps ${path}`, () => assert.equal(safeReturnPath(path), path))
  }

  for (const path of [
    '',
    '//evil.example',
    '///evil.example',
    'https:evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    'account',
    '/\\evil.example',
    '\\\\evil.example',
    '%09//evil.example',
    '\t//evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/\r\nSet-Cookie: a=b',
    ' //evil.example',
    '/ /evil.example',
    '/\u0000/evil',
    '/.//evil.example',
    '/..//evil.example',
    '/x/..//evil.example',
    '/%2e//evil.example',
    '/x\\..\\\\evil.example',
    `/${'x'.repeat(3000)}`
  ]) {
    it(`sends ${JSON.stringify(path).slice(0, 40)} to /`, () => assert.equal(safeReturnPath(path), '/'))
  }

  it('sends what is not text to /', () => {
    for (const value of [undefined, null, 3, ['/a', '/b'], { toString: () => '/a' }]) assert.equal(safeReturnPath(value), '/')
  })

  it('can be put into a header', () => assert.equal(safeReturnPath('/größe?ü'), '/gr%C3%B6%C3%9Fe?%C3%BC'))

  it('never leads away, whatever is asked for (item 70)', () => {
    const pieces = fc.array(
      fc.constantFrom(
        '/',
        '\\',
        '.',
        '..',
        '%2e',
        '%2f',
        '%5c',
        '%09',
        '\t',
        '\n',
        ':',
        '@',
        '?',
        '#',
        'evil.example',
        'https:',
        'x',
        ' ',
        '\u3002',
        '\uff0f'
      )
    )
    fc.assert(
      fc.property(pieces, (parts) => {
        const path = safeReturnPath(parts.join(''))
        assert.equal(new URL(path, 'https://shop.example/login').host, 'shop.example')
        assert.match(path, /^\/(?!\/)[\x21-\x7e]*$/)
        assert.equal(safeReturnPath(path), path)
      }),
      { numRuns: 2000 }
    )
  })
})
