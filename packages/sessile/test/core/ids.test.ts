import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handleOf, hashId, keyOfHandle, newId } from '../../src/core/ids.ts'
import { sign, unsign } from '../../src/core/signatures.ts'

const SECRET = 'a secret that is long enough for anything'

test('ids are 32 characters of base64url, none twice, no position biased', () => {
  const ids = Array.from({ length: 20_000 }, () => newId())
  assert.equal(new Set(ids).size, ids.length)
  const counts = Array.from({ length: 32 }, () => new Map<string, number>())
  for (const id of ids) {
    assert.match(id, /^[\w-]{32}$/)
    for (let at = 0; at < 32; at++) counts[at]!.set(id[at]!, (counts[at]!.get(id[at]!) ?? 0) + 1)
  }
  for (const [at, count] of counts.entries()) {
    // chi-square with 63 degrees of freedom: 63 + 6 standard deviations
    const chi = [...count.values()].reduce((sum, seen) => sum + (seen - 312.5) ** 2 / 312.5, 312.5 * (64 - count.size))
    assert.ok(chi < 63 + 6 * Math.sqrt(126), `position ${at}: ${chi}`)
  }
})

test('a handle leads back to its key, is the same each time, and shows nothing of it', () => {
  for (const key of [newId(), hashId(newId()), 'any genid: ü/..', 'ab cd']) {
    const handle = handleOf(key, SECRET)
    assert.equal(keyOfHandle(handle, SECRET), key)
    assert.equal(handleOf(key, SECRET), handle)
    assert.match(handle, /^[\w-]+$/)
    assert.ok(!handle.includes(key) && !Buffer.from(handle, 'base64url').includes(Buffer.from(key)))
  }
})

test('a handle of another secret, altered, cut or of another kind leads nowhere', () => {
  const handle = handleOf(newId(), SECRET)
  assert.equal(keyOfHandle(handle, 'another secret'), undefined)
  assert.equal(keyOfHandle(handle.slice(0, -1), SECRET), undefined)
  for (let at = 0; at < handle.length - 1; at++) {
    const altered = handle.slice(0, at) + (handle[at] === 'A' ? 'B' : 'A') + handle.slice(at + 1)
    assert.equal(keyOfHandle(altered, SECRET), undefined, `altered at ${at}`)
  }
  for (const wrong of ['', '*', '../x', 'a'.repeat(2000), undefined, {}, 5, ['x']]) assert.equal(keyOfHandle(wrong, SECRET), undefined)
})

test('handles of a secret that is no longer the first are still understood', () => {
  const key = newId()
  assert.equal(keyOfHandle(handleOf(key, 'old'), ['new', 'old']), key)
  assert.equal(handleOf(key, ['new', 'old']), handleOf(key, 'new'))
})

test('signatures are those of express-session, from text, bytes and keys alike', () => {
  assert.equal(sign('pear', 'teal lantern'), 'pear.LkagijIvQo9O+HHAeItgfghSMuWfigImL997O+nr7Jc')
  assert.equal(sign('pear', Buffer.from('teal lantern')), sign('pear', 'teal lantern'))
  assert.equal(unsign(sign('a.b.c', 'one'), ['two', 'one']), 'a.b.c')
  assert.equal(unsign(sign('pear', 'one'), 'two'), undefined)
  for (const wrong of ['', '.', 'pear', 'pear.', `${sign('pear', 'one')}x`]) assert.equal(unsign(wrong, 'one'), undefined)
})

test('the first of several secrets signs', () => {
  assert.equal(unsign(sign('pear', 'new'), ['new', 'old']), 'pear')
})
