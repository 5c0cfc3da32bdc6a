import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mergeTexts, type MergeRules } from '../../src/core/merge.ts'

const merge = (base: unknown, ours: unknown, theirs: unknown, rules?: MergeRules) =>
  JSON.parse(mergeTexts(JSON.stringify(base), JSON.stringify(ours), JSON.stringify(theirs), rules)!)

test('different attributes changed on both sides both stay', () => {
  assert.deepEqual(merge({ a: 1 }, { a: 1, ours: 1 }, { a: 1, theirs: 2 }), { a: 1, theirs: 2, ours: 1 })
})

test('what one side took away is gone, what the other side changed meanwhile is as ours says', () => {
  assert.deepEqual(merge({ a: 1, b: 1 }, { b: 1 }, { a: 1, b: 2 }), { b: 2 })
  assert.deepEqual(merge({ a: 1 }, {}, { a: 2 }), {})
  assert.deepEqual(merge({ a: 1 }, { a: 2 }, {}), { a: 2 })
})

test('objects are merged key by key, at any depth', () => {
  const base = { cart: { items: { p1: 1 }, note: '' } }
  const ours = { cart: { items: { p1: 1, p2: 2 }, note: '' } }
  const theirs = { cart: { items: { p3: 3 }, note: 'gift' } }
  assert.deepEqual(merge(base, ours, theirs), { cart: { items: { p3: 3, p2: 2 }, note: 'gift' } })
})

test('objects that both sides made anew keep the keys of both', () => {
  assert.deepEqual(merge({}, { cart: { p1: 1 } }, { cart: { p2: 2 } }), { cart: { p2: 2, p1: 1 } })
})

test('arrays and plain values that both sides changed are ours as a whole', () => {
  assert.deepEqual(merge({ list: [1], n: 1 }, { list: [1, 2], n: 2 }, { list: [3], n: 3 }), { list: [1, 2], n: 2 })
})

test("an attribute's rule decides what both sides changed, and only that", () => {
  const rules: MergeRules = { n: (base, ours, theirs) => Number(ours) + Number(theirs) - Number(base ?? 0) }
  assert.deepEqual(merge({ n: 1 }, { n: 3 }, { n: 5 }, rules), { n: 7 })
  assert.deepEqual(merge({ n: 1 }, { n: 1 }, { n: 5 }, rules), { n: 5 })
  assert.deepEqual(merge({ n: 1 }, { n: 2 }, { n: 5 }, { n: () => undefined }), {})
})

test('__proto__ and constructor are attributes like any other', () => {
  const text = mergeTexts('{}', '{"__proto__":{"polluted":1},"a":1}', '{"constructor":{"prototype":{"polluted":1}}}')
  assert.equal(text, '{"constructor":{"prototype":{"polluted":1}},"__proto__":{"polluted":1},"a":1}')
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

const attributes = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd', '__proto__'),
  fc.oneof(fc.integer({ min: 0, max: 3 }), fc.dictionary(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 2 })))
)

test('property: a side that changed nothing leaves the other as it is', () => {
  fc.assert(
    fc.property(attributes, attributes, (base, changed) => {
      const [b, c] = [JSON.stringify(base), JSON.stringify(changed)]
      assert.equal(mergeTexts(b, b, c), c)
      assert.equal(mergeTexts(b, c, b), c)
      assert.equal(mergeTexts(b, c, c), c)
    })
  )
})

test('property: each attribute that only one side changed is as that side has it', () => {
  fc.assert(
    fc.property(attributes, attributes, attributes, (base, ours, theirs) => {
      const merged = merge(base, ours, theirs)
      const text = (object: Record<string, unknown>, name: string) =>
        Object.hasOwn(object, name) ? JSON.stringify(object[name]) : undefined
      for (const name of ['a', 'b', 'c', 'd', '__proto__']) {
        const [b, o, t, m] = [text(base, name), text(ours, name), text(theirs, name), text(merged, name)]
        if (o === b) assert.equal(m, t)
        else if (t === b) assert.equal(m, o)
      }
    })
  )
})

test('a text that would have to be merged and cannot be parsed gives nothing', () => {
  const [good, other, broken] = ['{"a":1}', '{"a":2}', '{"a":NaN}']
  for (const [base, ours, theirs] of [
    [broken, good, other],
    [good, broken, other],
    [good, other, broken]
  ]) {
    assert.equal(mergeTexts(base!, ours!, theirs!), undefined)
  }
  assert.equal(mergeTexts(broken, good, broken), good)
})
