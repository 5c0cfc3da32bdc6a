import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { joinText, splitText, tagged } from '../../src/core/record-text.ts'

test('what is put in comes off again, byte for byte', () => {
  fc.assert(
    fc.property(fc.object({ maxDepth: 3 }), fc.string(), (attributes, text) => {
      const session = JSON.stringify({ cookie: { path: '/' }, ...attributes, text })
      const { text: back, meta } = splitText(joinText(session, { c: 5, a: 7 }))
      assert.equal(back, session)
      assert.deepEqual(meta, { c: 5, a: 7 })
    })
  )
})

test('no two tagged writes are alike', () => {
  const written = Array.from({ length: 1000 }, () => joinText('{"cookie":{}}', tagged({ c: 1 })))
  assert.equal(new Set(written).size, 1000)
})

test('text without it is as it is, also where it only looks alike', () => {
  for (const text of [
    '{}',
    '{"cookie":{}}',
    '{"a":{"~":{"c":1}}}',
    '{"a":{"x":1,"~":{"c":1}}}',
    '{"a":",\\"~\\":{\\"c\\":1}}"}',
    '{"~":5}'
  ]) {
    assert.deepEqual(splitText(text), { text, meta: {} })
  }
})

test('an older writer may have moved it', () => {
  assert.deepEqual(splitText('{"cookie":{},"~":{"c":1},"added":true}'), { text: '{"cookie":{},"added":true}', meta: { c: 1 } })
  assert.deepEqual(splitText('{"~":{"c":1}}'), { text: '{}', meta: { c: 1 } })
})

test('it goes into an empty object too', () => {
  assert.equal(joinText('{}', { c: 1 }), '{"~":{"c":1}}')
  assert.equal(joinText('{}', {}), '{}')
})
