import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { joinText, splitText } from '../../src/core/record-text.ts'
import { splitOwner, withOwner } from '../../src/stores/redis/format.ts'
import { Keys } from '../../src/stores/redis/keys.ts'
import { isSelected } from './selected.ts'

const owner = { userId: 'ada', indexedUntil: 1_764_067_584 }

if (isSelected('redis')) {
  describe('redis, the owner of a record in its text', () => {
    it('is the last member of "~", where older writers keep it without showing it', () => {
      const data = joinText('{"cookie":{},"views":1}', { c: 5 })
      const stored = withOwner(data, owner)
      assert.equal(stored, '{"cookie":{},"views":1,"~":{"c":5,"~u":["ada",1764067584]}}')
      assert.deepEqual(splitOwner(stored), { data, owner })
    })

    it('stands beside where there is no "~"', () => {
      for (const data of ['{"cookie":{}}', '{}', '{"a":{"b":{}}}', '{"~":{"c":1}}', '{"cookie":{},"~":{}}', '{"~u":[]}']) {
        assert.deepEqual(JSON.parse(withOwner(data, owner))['cookie'], JSON.parse(data)['cookie'])
        assert.deepEqual(splitOwner(withOwner(data, owner)), { data, owner })
      }
    })

    it('comes off again whatever the data and the user are', () => {
      const data = fc.oneof(
        fc.json({ maxDepth: 3 }).filter((text) => text.startsWith('{')),
        fc.tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.record({ c: fc.integer(), t: fc.string() })).map(([session, meta]) => {
          const { '~': _, ...attributes } = session
          return joinText(JSON.stringify({ cookie: {}, ...attributes }), meta)
        })
      )
      fc.assert(
        fc.property(data, fc.string(), fc.integer({ min: 0, max: 9e9 }), (text, userId, indexedUntil) => {
          assert.deepEqual(splitOwner(withOwner(text, { userId, indexedUntil })), { data: text, owner: { userId, indexedUntil } })
        }),
        { numRuns: 2000 }
      )
    })

    it('nothing is taken off where there is none', () => {
      const texts = [
        '{"cookie":{}}',
        '"text"',
        'mark',
        '',
        '{"a":{"~u":["x",1]}}',
        '{"~u":"mine"}',
        '{"cookie":{},"a":"\\"~u\\":[\\"x\\",1]"}'
      ]
      for (const text of texts) assert.deepEqual(splitOwner(text), { data: text, owner: undefined })
      assert.deepEqual(splitOwner(withOwner('no object', owner)), { data: 'no object', owner: undefined })
    })

    it('is found in what an older writer put together anew, and leaves nothing of ours behind', () => {
      const stored = withOwner(joinText('{"cookie":{},"views":1}', { c: 5 }), owner)
      const rewritten = JSON.stringify({ ...JSON.parse(stored), views: 2, more: { deep: [{}] } })
      const { data, owner: found } = splitOwner(rewritten)
      assert.deepEqual(found, owner)
      assert.deepEqual(splitText(data), { text: '{"cookie":{},"views":2,"more":{"deep":[{}]}}', meta: { c: 5 } })
      const beside = JSON.stringify({ ...JSON.parse(withOwner('{"cookie":{}}', owner)), views: 2 })
      assert.deepEqual(splitOwner(beside), { data: '{"cookie":{},"views":2}', owner })
    })
  })

  describe('redis, what keys are called', () => {
    const NONE = { sentPrefix: '', hiddenPrefix: '' }

    it('nothing beside the sessions begins as they do, nor they as it', () => {
      for (const prefix of ['sess:', 's', 'sess', 'sessile:', 'sessile:users:', '-', '_', 'app:{1}:']) {
        const keys = new Keys(prefix, NONE)
        for (const side of [keys.user('ada'), keys.space('marks'), keys.channel]) {
          assert.ok(!side.startsWith(prefix), side)
          assert.equal(keys.recordKey(side), undefined)
        }
        assert.equal(keys.recordKey(`${prefix}id`), 'id')
      }
    })

    it('an empty prefix has its sessions told from what is beside them', () => {
      const keys = new Keys('', NONE)
      assert.equal(keys.records, '')
      assert.equal(keys.recordKey('id'), 'id')
      assert.equal(keys.recordKey(keys.user('ada')), undefined)
      assert.equal(keys.recordKey(keys.space('marks')), undefined)
    })

    it('a pattern matches the prefix as it is written', () => {
      assert.equal(new Keys('a*b?[c]\\:', NONE).pattern, 'a\\*b\\?\\[c\\]\\\\:*')
    })
  })
}
